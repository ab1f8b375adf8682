"""What a series of daily returns says by the evening of each day, in units of its own volatility; nothing later."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from lakehouse.backtest.market import IntArray
from lakehouse.risk.checks import FloatArray, InsufficientHistory, NonFinite

WINDOW: Final = 27
"""Days that a sample looks back: 3 x 3 x 3, as the network folds them."""
WARM_UP: Final = 60
"""Days from which the first volatility is taken; no sample begins within them."""
LEAST_RETURNS: Final = WARM_UP + WINDOW
FAST: Final = 0.94  # RiskMetrics Technical Document (1996), daily
SLOW: Final = 0.99
NAMES: Final = ("surprise", "size", "fast_to_slow")
CLIP: Final = 6.0
STILL: Final = 1e-6
"""A volatility is never taken to be lower: a suspended name has returns of zero for weeks."""


@dataclass(frozen=True, slots=True)
class Samples:
    """N days of one series. `inputs` (N, WINDOW, 3), oldest day first, `scale` (N,) the daily volatility known that
    evening, `places` (N,) the days in the series; the last day of the series is among them."""

    inputs: FloatArray
    scale: FloatArray
    places: IntArray


def samples(log_returns: npt.ArrayLike) -> Samples:
    """Samples of every day from LEAST_RETURNS - 1 on, of daily log returns (T,), oldest first.

    A sample of day t depends on returns up to t alone. `surprise` is the return over the volatility known the evening
    before, `size` its absolute value, both within CLIP; `fast_to_slow` the log of the ratio of two exponentially
    weighted volatilities. NaN policy: refused. Raises NonFinite, InsufficientHistory below LEAST_RETURNS.
    """
    series = np.asarray(log_returns, dtype=np.float64)
    if not np.isfinite(series).all():
        bad = np.argwhere(~np.isfinite(series))
        raise NonFinite("log_returns", len(bad), tuple(int(i) for i in bad[0]))
    if len(series) < LEAST_RETURNS:
        raise InsufficientHistory(len(series), LEAST_RETURNS, "a forecast")
    fast, slow = (volatility(series, decay) for decay in (FAST, SLOW))
    surprise = np.clip(series[1:] / fast[:-1], -CLIP, CLIP)
    known = np.stack([surprise, np.abs(surprise), np.log(fast[1:] / slow[1:])], axis=1)
    # Row k of `known` is day k + 1; the first window ends on day LEAST_RETURNS - 1.
    windows = sliding_window_view(known, WINDOW, axis=0)[WARM_UP - 1 :]
    places = np.arange(LEAST_RETURNS - 1, len(series))
    return Samples(np.ascontiguousarray(np.moveaxis(windows, 1, 2)), fast[places], places)


def volatility(series: FloatArray, decay: float) -> FloatArray:
    """Exponentially weighted daily volatility (T,), of each evening, around zero; the first WARM_UP days share the one
    of those days together. Source: RiskMetrics Technical Document (1996), 5.2."""
    square = np.square(series)
    first = float(square[:WARM_UP].mean())
    smoothed = accumulate(square[WARM_UP:].tolist(), lambda old, new: decay * old + (1 - decay) * new, initial=first)
    variance = np.full(len(series), first)
    variance[WARM_UP - 1 :] = list(smoothed)
    return np.asarray(np.maximum(np.sqrt(variance), STILL), dtype=np.float64)


def next_returns(log_returns: npt.ArrayLike, made: Samples) -> FloatArray:
    """The return (N,) that follows each sample; NaN for the last day, whose next is not known."""
    series = np.asarray(log_returns, dtype=np.float64)
    following = np.append(series[1:], np.nan)
    return np.asarray(following[made.places], dtype=np.float64)
