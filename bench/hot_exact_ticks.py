"""What the hot process is proved on: the real ticks beside the checkout, and a seeded day with every oddity in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from lakehouse.clock import Clock, epoch_us
from lakehouse.contracts.topics import TICKS
from streaming.feed.encode import encode, keys
from streaming.feed.ingest import Reading, open_all
from streaming.feed.rows import Judge, Rules

SYMBOLS: Final = tuple(f"X{number:02d}" for number in range(40))
REAL: Final = ("SPY", "IBM")
PIECE: Final = 10_000
DAY_US: Final = 86_400_000_000
FIRST_PRICE: Final = 100.0
_MOVE: Final = 2e-4
_SPREAD: Final = 0.02
_NAN: Final = b'{"symbol":"X00","event_time_us":0,"kind":"trade","provider":"day","sequence":0,"price":NaN}'


@dataclass(frozen=True, slots=True)
class Piece:
    """Messages of market.ticks in the order in which they are sent."""

    keys: list[bytes | None]
    values: list[bytes]

    def __len__(self) -> int:
        return len(self.values)


def pieces_of(rows: int) -> int:
    """How many pieces so many rows make, about."""
    return -(-rows // PIECE)


def real(path: Path, clock: Clock) -> Iterator[Piece]:
    """Every good row of a file, as `tidemark feed --provider replay` sends it."""
    (opened,) = open_all([path], Reading())
    judge = Judge(opened.source, opened.layout, Rules(provider="file"))
    for batch in opened.source.batches():
        rows = judge.judge(batch, now_us=epoch_us(clock.now())).rows
        for start in range(0, rows.num_rows, PIECE):
            yield _encoded(rows.slice(start, PIECE))


def day(count: int, *, seed: int, first_us: int) -> Iterator[Piece]:
    """`count` ticks over the 24 hours from `first_us` on, and copies: random walks. Of hundred ticks about one each is
    copied, late by up to six hours, or swapped with others of its window; of thousand one each crossed, zero on one
    side, negative, from the future, of a symbol that nobody knows, or no JSON."""
    random = np.random.default_rng(seed)
    prices = np.full(len(SYMBOLS), FIRST_PRICE)
    for start in range(0, count, PIECE):
        size = min(PIECE, count - start)
        at_us = first_us + (np.arange(start, start + size) * (DAY_US / count)).astype(np.int64)
        columns, prices = _walk(random, prices, size)
        rows = _rows(random, columns, at_us, start)
        yield _with_nonsense(random, _encoded(rows))


def _walk(random: np.random.Generator, prices: np.ndarray, size: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Symbols and prices of the next ticks, and the prices after them."""
    symbol = np.minimum(random.zipf(1.3, size) - 1, len(SYMBOLS) - 1)
    moves = random.normal(0.0, _MOVE, size)
    price = np.empty(size)
    after = prices.copy()
    for place in range(len(SYMBOLS)):
        mine = symbol == place
        if mine.any():
            price[mine] = prices[place] * np.exp(np.cumsum(moves[mine]))
            after[place] = price[mine][-1]
    return {"symbol": symbol, "price": np.round(price, 2)}, after


def _rows(random: np.random.Generator, columns: dict[str, np.ndarray], at_us: np.ndarray, start: int) -> pa.Table:
    size, price = len(at_us), columns["price"]
    odd = random.random(size)
    names = np.array([*SYMBOLS, "NOBODY-KNOWS"], dtype=object)
    symbol = np.where(odd < 0.001, len(SYMBOLS), columns["symbol"])
    late = random.integers(0, 6 * 3_600_000_000, size)
    times = np.where((odd >= 0.001) & (odd < 0.01), at_us - late, at_us)
    times = np.where((odd >= 0.01) & (odd < 0.02), times + random.integers(-50_000, 50_000, size), times)
    times = np.where((odd >= 0.02) & (odd < 0.021), times + 10 * DAY_US, times)
    is_trade = random.random(size) < 0.6
    crossed = (odd >= 0.021) & (odd < 0.022)
    zero, negative = (odd >= 0.022) & (odd < 0.023), (odd >= 0.023) & (odd < 0.024)
    half = np.where(crossed, -_SPREAD, _SPREAD)
    trade = np.where(negative, -price, price)
    bid = np.where(zero, 0.0, np.round(price - half, 2))
    sizes = random.integers(1, 500, (3, size)).astype(np.float64)
    return pa.table(
        {
            "symbol": pa.array(names[symbol], pa.string()),
            "event_time_us": times,
            "kind": pa.array(np.where(is_trade, "trade", "quote").tolist(), pa.string()),
            "provider": pa.array(["day"] * size, pa.string()),
            "sequence": np.arange(start, start + size),
            "price": pa.array(trade, mask=~is_trade),
            "size": pa.array(sizes[0], mask=~is_trade),
            "bid_price": pa.array(bid, mask=is_trade),
            "bid_size": pa.array(sizes[1], mask=is_trade),
            "ask_price": pa.array(np.round(price + half, 2), mask=is_trade),
            "ask_size": pa.array(sizes[2], mask=is_trade),
        }
    )


def _with_nonsense(random: np.random.Generator, piece: Piece) -> Piece:
    """Some again, some no JSON."""
    odd = random.random(len(piece))
    times = np.where(odd < 0.01, 2, 1)
    chosen = np.repeat(np.arange(len(piece)), times).tolist()
    values = [piece.values[place] for place in chosen]
    for place in random.choice(len(values), len(values) // 1000, replace=False).tolist():
        values[place] = _NAN if place % 2 else b"{not json"
    return Piece([piece.keys[place] for place in chosen], values)


def _encoded(rows: pa.Table) -> Piece:
    return Piece(keys(TICKS, rows), encode(TICKS, rows))
