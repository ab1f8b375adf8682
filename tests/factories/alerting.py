"""Small books, rules and ticks for tests of alerting, drawn from a seed."""

from collections.abc import Iterable

import numpy as np

from lakehouse.alerting.book import Book
from lakehouse.alerting.marks import Ticks
from lakehouse.alerting.rules import Kind, Rule

SYMBOLS = ("AAPL", "IBM", "TCS", "INFY")
PORTFOLIOS = ("first", "second", "third")
NAN = float("nan")


def ticks(rows: Iterable[tuple[int, int, float, float, float]], size: float = 1.0) -> Ticks:
    """Of (symbol, seconds, bid, ask, price): the sequence is the place in the batch."""
    symbol, second, *sides = (np.array(column) for column in zip(*rows, strict=True))
    count = len(symbol)
    bid, ask, price = (side.astype(np.float64) for side in sides)
    at = second.astype(np.int64) * 1_000_000
    return Ticks(symbol.astype(np.int64), at, np.arange(count), bid, ask, price, np.full(count, size))


def trades(symbol: int, *prices: float, start: int = 1) -> Ticks:
    """One trade of `symbol` a second."""
    return ticks((symbol, start + second, NAN, NAN, price) for second, price in enumerate(prices))


def a_book(units: Iterable[tuple[int, int, float]] = ((0, 0, 10.0),), *, cash: int = 0) -> Book:
    """Positions (portfolio, symbol, units), all in the portfolio's currency but those of the last symbol, at 0.5."""
    owner, symbol, held = (np.array(column) for column in zip(*units, strict=True))
    return Book(
        symbols=SYMBOLS,
        portfolios=PORTFOLIOS,
        symbol=symbol.astype(np.int64),
        portfolio=owner.astype(np.int64),
        units=held.astype(np.float64),
        rate=(symbol == len(SYMBOLS) - 1).astype(np.int64),
        rates=np.array([1.0, 0.5]),
        cash=np.full(len(PORTFOLIOS), cash, dtype=np.int64),
    )


def random_book(random: np.random.Generator) -> Book:
    """About two thirds of all possible positions, long and short."""
    pairs = [(owner, symbol) for owner in range(len(PORTFOLIOS)) for symbol in range(len(SYMBOLS))]
    held = [pair for pair in pairs if random.random() < 0.7] or pairs[:1]
    book = a_book([(*pair, float(random.integers(-30, 60))) for pair in held])
    book.cash[:] = random.integers(0, 40_000_000, len(PORTFOLIOS))
    return book


def random_rules(random: np.random.Generator, count: int = 40) -> tuple[Rule, ...]:
    """Rules of every kind, near enough to the ticks to fire."""
    kinds = list(Kind)
    return tuple(_rule(random, f"rule-{number}", kinds[number % len(kinds)]) for number in range(count))


def _rule(random: np.random.Generator, name: str, kind: Kind) -> Rule:
    symbol, owner = str(random.choice(SYMBOLS)), str(random.choice(PORTFOLIOS))
    hysteresis, cool = float(random.choice([0.0, 0.005, 0.03])), int(random.choice([0, 0, 7_000_000]))
    limit = {
        Kind.TRAILING_STOP: random.uniform(0.005, 0.05),
        Kind.DRAWDOWN: random.uniform(0.001, 0.1),
        Kind.DAILY_LOSS: random.uniform(0.001, 0.05),
        Kind.GROSS_EXPOSURE: random.uniform(0.5, 2.0),
        Kind.CONCENTRATION: random.uniform(0.2, 1.0),
        Kind.VAR_BATCH: random.uniform(0.005, 0.05),
        Kind.VAR_LIVE: random.uniform(0.005, 0.05),
        Kind.STALE_QUOTE: float(random.integers(2, 9)),
    }.get(kind, random.uniform(95.0, 105.0))
    of_symbol = kind in (Kind.PRICE_ABOVE, Kind.PRICE_BELOW, Kind.CROSSED_QUOTE, Kind.STALE_QUOTE)
    of_position = kind in (Kind.STOP_LOSS, Kind.TAKE_PROFIT, Kind.TRAILING_STOP)
    return Rule(
        id=name,
        kind=kind,
        limit=float(limit),
        symbol=symbol if of_symbol or of_position else None,
        portfolio=None if of_symbol else owner,
        hysteresis=hysteresis,
        cool_down_us=cool,
        once=bool(random.random() < 0.2),
    )


def random_ticks(random: np.random.Generator, count: int = 120) -> Ticks:
    """Trades and quotes around 100: some late, some copies, some of one side, some crossed, zero, NaN or infinite."""
    symbol = random.integers(0, len(SYMBOLS), count)
    at = np.cumsum(random.choice([0, 0, 250_000, 1_300_000], count)) + 10_000_000
    late = random.random(count) < 0.08
    at[late] -= random.integers(1, 4_000_000, int(late.sum()))
    level = 100.0 + np.cumsum(random.normal(0.0, 0.8, count))
    is_trade = random.random(count) < 0.5
    price = np.where(is_trade, level, np.nan)
    bid, ask = np.where(is_trade, np.nan, level - 0.25), np.where(is_trade, np.nan, level + 0.25)
    for column in (price, bid, ask):
        odd = random.random(count) < 0.06
        column[odd] = random.choice([0.0, np.nan, np.inf, -5.0, 130.0], int(odd.sum()))
    size = np.where(random.random(count) < 0.05, 0.0, 10.0)
    found = Ticks(symbol.astype(np.int64), at.astype(np.int64), np.arange(count), bid, ask, price, size)
    copied = random.random(count) < 0.05
    rows = np.sort(np.concatenate([np.arange(count), np.flatnonzero(copied)]))
    return Ticks._make(column[rows] for column in found)
