"""A seeded stretch of ticks with late ones and copies, and bars and prices recomputed from them in plain Python."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np

Tick: TypeAlias = dict[str, Any]
BarKey: TypeAlias = tuple[str, str, datetime]
BEGAN_US = 1_772_000_000_000_000 // 300_000_000 * 300_000_000


@dataclass(frozen=True, slots=True)
class PlainBar:
    """A bar, as exact numbers."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


def day(
    symbols: Sequence[str], count: int, seed: int, *, step_us: int = 100_000, began_us: int = BEGAN_US
) -> list[Tick]:
    """`count` ticks in the order in which they are sent: every 40th is late by up to six minutes, every 50th is sent
    again some time later."""
    draw = np.random.default_rng(seed)
    prices: dict[str, float] = {symbol: 50 + 100 * draw.random() for symbol in symbols}
    sent: list[Tick] = []
    for number in range(count):
        if number % 50 == 49 and sent:
            sent.append(sent[-1 - int(draw.integers(min(len(sent), 2000)))])
            continue
        symbol = symbols[int(draw.integers(len(symbols)))]
        late_us = int(draw.integers(360_000_000)) if number % 40 == 39 else 0
        prices[symbol] = max(1.0, prices[symbol] * float(1 + draw.normal(0, 0.001)))
        tick: Tick = {
            "symbol": symbol,
            "event_time_us": began_us + number * step_us - late_us,
            "provider": "test-feed",
            "sequence": number,
        }
        price = round(prices[symbol], (2, 4, 8)[draw.integers(3)])
        if draw.random() < 0.6:
            size = round(draw.random() * 500, (0, 3, 8)[draw.integers(3)])
            sent.append({**tick, "kind": "trade", "price": price, "size": size})
        else:
            sides = {"bid_price": round(price - 0.01, 8), "ask_price": round(price + 0.01, 8)}
            sent.append({**tick, "kind": "quote", **sides, "bid_size": 5.0, "ask_size": 7.5})
    return sent


def message(tick: Tick) -> bytes:
    return json.dumps(tick).encode()


def bars_of(ticks: Iterable[Tick]) -> dict[BarKey, PlainBar]:
    """Bars of one and five minutes; of copies the first counts."""
    named: dict[tuple[str, int, str, int], Tick] = {}
    for tick in ticks:
        if tick["kind"] == "trade":
            named.setdefault((tick["symbol"], tick["event_time_us"], tick["provider"], tick["sequence"]), tick)
    groups: dict[BarKey, list[Tick]] = defaultdict(list)
    for tick in named.values():
        for interval, width_us in (("1m", 60_000_000), ("5m", 300_000_000)):
            start_us = tick["event_time_us"] // width_us * width_us
            starts_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start_us)
            groups[tick["symbol"], interval, starts_at].append(tick)
    return {key: _bar(found) for key, found in groups.items()}


def _bar(found: list[Tick]) -> PlainBar:
    found.sort(key=lambda tick: (tick["event_time_us"], tick["sequence"]))
    prices = [Decimal(str(tick["price"])) for tick in found]
    volume = sum((Decimal(str(tick["size"])) for tick in found), Decimal(0))
    return PlainBar(prices[0], max(prices), min(prices), prices[-1], volume)


def newest_trade(ticks: Iterable[Tick], symbol: str) -> Tick:
    """The trade of the symbol that happened last."""
    trades = [tick for tick in ticks if tick["kind"] == "trade" and tick["symbol"] == symbol]
    return max(trades, key=lambda tick: (tick["event_time_us"], tick["sequence"]))
