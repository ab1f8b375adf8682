"""The past that a backtest trades in: bars, corporate actions, rates and a statement about survivors."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray

DayArray = npt.NDArray[np.datetime64]
IntArray = npt.NDArray[np.int64]


class BacktestError(TidemarkError):
    """A backtest that cannot be run, or whose result must not be believed."""


class BadMarket(BacktestError):
    """Market data that contradict themselves."""


@dataclass(frozen=True, slots=True)
class Action:
    """A split (new units for one old) or a dividend (cash a new unit) of a column, before the open of `day`."""

    day: int
    column: int
    split: float = 1.0
    dividend: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """T days of N instruments. Prices a unit, in one currency, unadjusted for the `actions` that are given with them.

    `dates` (T,) ascending; `open`, `high`, `low`, `close` (T, N), NaN where an instrument did not trade; `volume`
    (T, N) units, zero where unknown. An instrument whose closes end before the last day is delisted on the next one,
    and pays its last close times 1 + `delisting_return` (N,). `cash_rate` (T,) is simple interest of the day.
    `benchmark` (T,) is a total return index. `survivorship` says how the instruments were chosen.
    """

    dates: DayArray
    symbols: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    survivorship: str
    actions: tuple[Action, ...] = ()
    delisting_return: FloatArray = field(default_factory=lambda: np.zeros(0))
    cash_rate: FloatArray = field(default_factory=lambda: np.zeros(0))
    benchmark: FloatArray | None = None

    def __post_init__(self) -> None:
        days, columns = len(self.dates), len(self.symbols)
        if not self.survivorship:
            raise BadMarket("say in `survivorship` how the instruments were chosen")
        for name, default in (("delisting_return", np.zeros(columns)), ("cash_rate", np.zeros(days))):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, default)
        _require_shapes(self, days, columns)
        if (self.delisting_return < -1).any():
            raise BadMarket("what a delisted instrument pays is not below zero: delisting_return >= -1")
        if days < 2 or not (np.diff(self.dates) > np.timedelta64(0)).all():
            raise BadMarket("at least two dates, ascending, are needed")
        if np.nanmin(self.close, initial=np.inf) <= 0 or np.nanmin(self.open, initial=np.inf) <= 0:
            raise BadMarket("prices must be positive: mark a day without a trade by NaN")
        if ((self.high < np.fmax(self.open, self.close)) | (self.low > np.fmin(self.open, self.close))).any():
            raise BadMarket("a high below, or a low above, the open or close of its day")

    @property
    def days(self) -> int:
        return len(self.dates)

    @property
    def last_bar(self) -> IntArray:
        """(N,) the last day on which each instrument has a close; -1 where it never had one."""
        there = np.isfinite(self.close)
        return np.where(there.any(axis=0), self.days - 1 - there[::-1].argmax(axis=0), -1).astype(np.int64)

    def until(self, day: int) -> Self:
        """What was known at the close of `day`: everything after it is gone."""
        return self.between(0, day + 1)

    def between(self, first: int, end: int) -> Self:
        """The days from `first` to before `end`."""
        days = slice(first, end)
        return replace(
            self,
            dates=self.dates[days],
            open=self.open[days],
            high=self.high[days],
            low=self.low[days],
            close=self.close[days],
            volume=self.volume[days],
            actions=tuple(replace(one, day=one.day - first) for one in self.actions if first <= one.day < end),
            cash_rate=self.cash_rate[days],
            benchmark=None if self.benchmark is None else self.benchmark[days],
        )


def from_closes(
    dates: DayArray,
    symbols: Sequence[str],
    close: FloatArray,
    *,
    survivorship: str,
    benchmark: FloatArray | None = None,
) -> Market:
    """A market of which only closes are known: every bar is its close, so that orders are filled at the next close."""
    bars = np.ascontiguousarray(close, dtype=np.float64)
    return Market(
        dates=dates.astype("datetime64[D]"),
        symbols=tuple(symbols),
        open=bars,
        high=bars,
        low=bars,
        close=bars,
        volume=np.zeros_like(bars),
        survivorship=survivorship,
        benchmark=benchmark,
    )


def adjusted_close(market: Market) -> FloatArray:
    """(T, N) closes in units and cash of the first day: each split multiplies what follows, dividends are reinvested.

    Forward adjustment: a value depends on nothing after its day, unlike the usual backward adjustment.
    """
    factor = np.ones_like(market.close)
    for one in market.actions:
        before = market.close[: one.day, one.column]
        known = before[np.isfinite(before)]
        if len(known):
            paid = one.split * (1 + one.dividend / max(known[-1] / one.split - one.dividend, np.finfo(float).tiny))
            factor[one.day :, one.column] *= paid
    adjusted: FloatArray = market.close * factor
    return adjusted


def _require_shapes(market: Market, days: int, columns: int) -> None:
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(("open", "high", "low", "close", "volume"), (days, columns))
    wanted |= {"delisting_return": (columns,), "cash_rate": (days,)}
    if market.benchmark is not None:
        wanted["benchmark"] = (days,)
    for name, shape in wanted.items():
        found = np.asarray(getattr(market, name)).shape
        if found != shape:
            raise BadMarket(f"{name} has shape {found}, not {shape}")
    for one in market.actions:
        if not (0 <= one.day < days and 0 <= one.column < columns and one.split > 0 and one.dividend >= 0):
            raise BadMarket(f"{one} lies outside the market, or its split or dividend is impossible")
