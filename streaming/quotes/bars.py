"""Bars of a minute from trades, to the digit: the same however trades are cut and in whatever order they come. Pure.

A trade is named by provider, symbol, time and sequence; of copies the first counts. Within a bar trades are ordered by
(time, sequence, provider). Sizes are added as whole units and hundred-millionths, both integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import numpy as np

from lakehouse.domain.quote import Bar
from streaming.quotes.columns import Ticks

MINUTE_US = 60_000_000
LOWEST_PRICE, PRICE_LIMIT, SIZE_LIMIT = 1e-8, 1e10, 1e12
_QUANTUM = Decimal("1e-8")
_UNITS = 100_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Window: TypeAlias = tuple[str, int]  # symbol, and its minute's first microsecond since 1970
Place: TypeAlias = tuple[int, int, str]  # time, sequence and provider of a trade


@dataclass(slots=True)
class Minute:
    """A bar that grows. `whole` and `parts` are its volume; `sized`: whether any trade told its size."""

    opened: Place
    open: float
    high: float
    low: float
    closed: Place
    close: float
    whole: int
    parts: int
    sized: bool

    def add(self, other: "Minute") -> None:
        """Take in a bar of other trades of the same minute."""
        if other.opened < self.opened:
            self.opened, self.open = other.opened, other.open
        if other.closed > self.closed:
            self.closed, self.close = other.closed, other.close
        self.high, self.low = max(self.high, other.high), min(self.low, other.low)
        self.whole, self.parts, self.sized = (
            self.whole + other.whole,
            self.parts + other.parts,
            self.sized or other.sized,
        )

    def bar(self, window: Window) -> Bar:
        """As the master table has it."""
        volume = Decimal(self.whole) + Decimal(self.parts) / _UNITS
        return Bar(
            symbol=window[0],
            interval="1m",
            starts_at=_EPOCH + timedelta(microseconds=window[1]),
            open=exact(self.open),
            high=exact(self.high),
            low=exact(self.low),
            close=exact(self.close),
            volume=volume.quantize(_QUANTUM) if self.sized else None,
            provider=self.closed[2],
        )


class Trades(NamedTuple):
    """Trades in columns, sorted by (symbol, time, seq, provider), copies in the order in which they came."""

    symbols: tuple[str, ...]
    code: np.ndarray
    providers: tuple[str, ...]
    provider: np.ndarray
    at_us: np.ndarray
    seq: np.ndarray
    price: np.ndarray
    size: np.ndarray

    def only(self, mask: np.ndarray) -> "Trades":
        """Those where `mask` is True."""
        return self._replace(
            **{name: getattr(self, name)[mask] for name in self._fields if name not in ("symbols", "providers")}
        )


def trades_of(ticks: Ticks, known: np.ndarray) -> Trades:
    """The trades that bars are made of: of symbols where `known` (by code) is True, with a price that a bar holds."""
    fits = (ticks.price >= LOWEST_PRICE) & (ticks.price < PRICE_LIMIT) & ~(ticks.size >= SIZE_LIMIT)
    picked = np.flatnonzero(ticks.is_trade & known[ticks.code] & fits)
    return Trades(
        ticks.symbols,
        ticks.code[picked],
        ticks.providers,
        ticks.provider[picked],
        ticks.at_us[picked],
        ticks.seq[picked],
        ticks.price[picked],
        ticks.size[picked],
    )


def fold(trades: Trades) -> dict[Window, Minute]:
    """The bars of sorted trades; copies count once."""
    if not len(trades.code):
        return {}
    found = trades.only(_firsts(trades))
    minute = found.at_us // MINUTE_US
    starts = np.flatnonzero(np.r_[True, (np.diff(found.code) != 0) | (np.diff(minute) != 0)])
    ends = np.r_[starts[1:], len(minute)] - 1
    size = np.nan_to_num(found.size)
    floor = np.floor(size)
    whole = np.add.reduceat(floor.astype(np.int64), starts).tolist()
    parts = np.add.reduceat(np.rint((size - floor) * _UNITS).astype(np.int64), starts).tolist()
    sized = np.logical_or.reduceat(~np.isnan(found.size), starts).tolist()
    high, low = np.maximum.reduceat(found.price, starts).tolist(), np.minimum.reduceat(found.price, starts).tolist()
    opened, closed = _places(found, starts), _places(found, ends)
    opens, closes = found.price[starts].tolist(), found.price[ends].tolist()
    windows = zip(found.code[starts].tolist(), (minute[starts] * MINUTE_US).tolist(), strict=True)
    return {
        (found.symbols[code], start_us): Minute(*values)
        for (code, start_us), *values in zip(
            windows, opened, opens, high, low, closed, closes, whole, parts, sized, strict=True
        )
    }


def exact(price: float) -> Decimal:
    """The price as its shortest decimal text, to the eighth place."""
    return Decimal(repr(price)).quantize(_QUANTUM)


def newest_us(trades: Trades) -> Mapping[str, int]:
    """The time of each symbol's newest trade."""
    last = np.flatnonzero(np.r_[np.diff(trades.code) != 0, True]) if len(trades.code) else np.empty(0, np.int64)
    return {trades.symbols[trades.code[place]]: int(trades.at_us[place]) for place in last.tolist()}


def _firsts(trades: Trades) -> np.ndarray:
    """Which trades are not copies of the one before."""
    keys = (trades.code, trades.at_us, trades.seq, trades.provider)
    first = np.ones(len(trades.code), np.bool_)
    np.logical_or.reduce([np.diff(key) != 0 for key in keys], out=first[1:])
    return first


def _places(trades: Trades, rows: np.ndarray) -> list[Place]:
    names = [trades.providers[code] for code in trades.provider[rows].tolist()]
    return list(zip(trades.at_us[rows].tolist(), trades.seq[rows].tolist(), names, strict=True))
