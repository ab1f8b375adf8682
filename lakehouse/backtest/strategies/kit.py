"""What strategies share: their protocol, and rolling numbers that look back only."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from lakehouse.backtest.market import BacktestError, DayArray, Market, adjusted_close
from lakehouse.risk.checks import FloatArray

BoolArray = npt.NDArray[np.bool_]


class BadParameter(BacktestError):
    """A parameter of a strategy outside its range."""


class Strategy(Protocol):
    """A strategy that decides weights."""

    def weights(self, market: Market) -> FloatArray:
        """(T, N) weights of equity that are decided at each close; a row of NaN decides nothing, positions stay."""
        ...


def require(condition: bool, message: str) -> None:
    """Raises BadParameter with the message unless the condition holds."""
    if not condition:
        raise BadParameter(message)


def rolling_mean(values: FloatArray, window: int) -> FloatArray:
    """(T, N) mean of the last `window` rows; NaN before there are as many, and where one of them is NaN."""
    return _rolling(values, window, lambda windows: windows.mean(axis=-1))


def rolling_deviation(values: FloatArray, window: int) -> FloatArray:
    """(T, N) sample standard deviation of the last `window` rows; NaN as in `rolling_mean`."""
    return _rolling(values, window, lambda windows: windows.std(axis=-1, ddof=1))


def lagged(values: FloatArray, days: int) -> FloatArray:
    """The rows of `days` days before; NaN where there were none."""
    shifted = np.full_like(values, np.nan)
    shifted[days:] = values[: len(values) - days]
    return shifted


def carried_prices(market: Market) -> FloatArray:
    """(T, N) adjusted closes, the last one carried over days without a trade; NaN before the first."""
    prices = adjusted_close(market)
    known = np.where(np.isfinite(prices), np.arange(len(prices))[:, None], 0)
    return np.take_along_axis(prices, np.maximum.accumulate(known, axis=0), axis=0)


def trading(market: Market) -> BoolArray:
    """(T, N) whether an instrument has a close on the day."""
    return np.isfinite(market.close)


def returns_of(prices: FloatArray) -> FloatArray:
    """(T, N) simple returns; NaN in the first row."""
    return prices / lagged(prices, 1) - 1.0


def on_change(weights: FloatArray) -> FloatArray:
    """The weights where they differ from the row before, NaN elsewhere: trade when something happened, not daily."""
    decided = weights.copy()
    same = (weights[1:] == weights[:-1]).all(axis=1)
    decided[1:][same] = np.nan
    return decided


def first_of_month(dates: DayArray) -> BoolArray:
    """(T,) whether the day is the first one of its month in the data. The last day of a month is known only later."""
    months = dates.astype("datetime64[M]")
    return np.concatenate([[True], months[1:] != months[:-1]])


def spread_evenly(chosen: BoolArray) -> FloatArray:
    """(T, N) equal weights of the chosen, which sum to 1 on each day, or 0 where none is."""
    count = chosen.sum(axis=1, keepdims=True)
    weights: FloatArray = np.where(chosen, 1.0 / np.maximum(count, 1), 0.0)
    return weights


def _rolling(values: FloatArray, window: int, measure: "Measure") -> FloatArray:
    found = np.full_like(values, np.nan)
    if len(values) >= window:
        found[window - 1 :] = measure(sliding_window_view(values, window, axis=0))
    return found


class Measure(Protocol):
    """Windows (T', N, W) to numbers (T', N)."""

    def __call__(self, windows: FloatArray, /) -> FloatArray: ...
