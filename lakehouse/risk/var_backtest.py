"""Rolling one-day VaR forecasts, each made from the days before it, held against what then happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import chdtrc, xlogy

from lakehouse.risk.checks import (
    BoolArray,
    Confidence,
    FloatArray,
    IntArray,
    InvalidParameter,
    ShapeMismatch,
    exact_confidence,
    finite_matrix,
    require_count,
    require_history,
)
from lakehouse.risk.kernels import Kernel, es_kernel, var_kernel
from lakehouse.risk.linear import loss_rows
from lakehouse.risk.methods import STANDARD, Conventions, Method
from lakehouse.risk.student_t import student_t_level_rows

BLOCK_VALUES = 1 << 17  # 1 MiB of windows at a time: they are selected from while still in the cache


@dataclass(frozen=True, slots=True)
class Backtest:
    """D forecast days of P portfolios: `var` (D, P) positive for a loss, `pnl` (D, P), `breach` (D, P).

    `var` is NaN where no forecast could be made (Cornish-Fisher out of its domain): such a day is no breach and does
    not count among `forecasts`.
    """

    var: FloatArray
    pnl: FloatArray
    breach: BoolArray

    @property
    def breaches(self) -> IntArray:
        """Days whose loss exceeded the forecast: (P,)."""
        days: IntArray = self.breach.sum(axis=0, dtype=np.int64)
        return days

    @property
    def forecasts(self) -> IntArray:
        """Days that had a forecast: (P,)."""
        days: IntArray = (~np.isnan(self.var)).sum(axis=0, dtype=np.int64)
        return days


@dataclass(frozen=True, slots=True)
class Kupiec:
    """Proportion-of-failures test: likelihood ratio `statistic` (P,), and its `p_value` (P,) from chi-squared(1)."""

    statistic: FloatArray
    p_value: FloatArray


def rolling_var(
    method: Method,
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    window: int,
    backtest_days: int,
    conventions: Conventions = STANDARD,
) -> FloatArray:
    """VaR forecasts of the last `backtest_days` rows of `pnl`, each from the `window` rows strictly before it.

    pnl: (T, P) daily P&L of today's holdings, oldest first, base currency. Result: (backtest_days, P), positive for
    a loss, the same bits as the method's VaR of that window alone; NaN where Cornish-Fisher is out of its domain.
    Filtered historical rolls in `rolling_filtered`, every method that needs returns in `holdings.rolling_holdings`.
    Horizon: one day only.
    NaN policy: refused on input. Raises NonFinite, ShapeMismatch, InvalidParameter; InsufficientHistory below
    window + backtest_days rows, or when the window is too short for the method.
    """
    return _rolled(var_kernel(method, confidence, window, conventions), pnl, window, backtest_days)


def rolling_es(
    method: Method,
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    window: int,
    backtest_days: int,
    conventions: Conventions = STANDARD,
) -> FloatArray:
    """Shortfall forecasts beside those of `rolling_var`, with its arguments, shapes, policies and errors."""
    return _rolled(es_kernel(method, confidence, window, conventions), pnl, window, backtest_days)


def rolling_levels(
    method: Method,
    pnl: npt.ArrayLike,
    *,
    levels: Sequence[Confidence],
    window: int,
    backtest_days: int,
    conventions: Conventions = STANDARD,
) -> tuple[tuple[FloatArray, FloatArray], ...]:
    """VaR and shortfall (backtest_days, P) at each level: what `rolling_var` and `rolling_es` give, bit for bit, in one
    pass over the windows. Raises as they do."""
    kernels = [make(method, level, window, conventions) for make in (var_kernel, es_kernel) for level in levels]

    def at_once(block: FloatArray) -> list[FloatArray]:
        if method is Method.STUDENT_T:
            return student_t_level_rows(block, levels, conventions.ddof)
        return [kernel(block) for kernel in kernels]

    found = _rolled_all(at_once, len(kernels), pnl, window, backtest_days)
    return tuple(zip(found[: len(levels)], found[len(levels) :], strict=True))


def _rolled(kernel: Kernel, pnl: npt.ArrayLike, window: int, backtest_days: int) -> FloatArray:
    return _rolled_all(lambda block: [kernel(block)], 1, pnl, window, backtest_days)[0]


def _rolled_all(
    kernels: Callable[[FloatArray], list[FloatArray]], count: int, pnl: npt.ArrayLike, window: int, backtest_days: int
) -> list[FloatArray]:
    losses = loss_rows(pnl)
    require_days(losses.shape[1], window, backtest_days)
    usable = losses[:, losses.shape[1] - backtest_days - window : -1]
    windows = sliding_window_view(usable, window, axis=1)
    forecasts = np.empty((count, len(losses), backtest_days))
    step = max(1, BLOCK_VALUES // window)
    for portfolio in range(len(losses)):
        for day in range(0, backtest_days, step):
            block = np.ascontiguousarray(windows[portfolio, day : day + step])
            for number, values in enumerate(kernels(block)):
                forecasts[number, portfolio, day : day + step] = values
    return [np.ascontiguousarray(each.T) for each in forecasts]


def compare(forecast: npt.ArrayLike, pnl: npt.ArrayLike) -> Backtest:
    """Hold forecasts against outcomes: a breach is pnl < -var, strictly; a loss equal to the VaR is none.

    forecast (D, P) positive for a loss, NaN for an absent forecast; pnl (D, P) of the same days. Round both first if
    they will be stored rounded, so that the stored breach follows from the stored numbers.
    Raises ShapeMismatch, NonFinite for a P&L that is not finite.
    """
    expected, actual = np.asarray(forecast, dtype=np.float64), finite_matrix("pnl", pnl)
    if expected.shape != actual.shape:
        raise ShapeMismatch(f"forecast {expected.shape} and pnl {actual.shape} differ: pass the same days")
    return Backtest(expected, actual, np.less(actual, -expected))


def kupiec_pof(breaches: npt.ArrayLike, forecasts: npt.ArrayLike, *, confidence: Confidence) -> Kupiec:
    """Kupiec's proportion-of-failures test of `breaches` (P,) in `forecasts` (P,) days against 1 - confidence.

    LR = -2 ln[(1-p)^(n-x) p^x / ((1-x/n)^(n-x) (x/n)^x)] with 0 ln 0 = 0, so that 0 or n breaches give a number.
    Raises InvalidParameter unless 0 <= breaches <= forecasts and forecasts >= 1, or for the confidence.
    Source: Kupiec (1995), "Techniques for verifying the accuracy of risk measurement models".
    """
    x, n = np.asarray(breaches, dtype=np.float64), np.asarray(forecasts, dtype=np.float64)
    if not ((x >= 0) & (x <= n) & (n >= 1)).all():
        raise InvalidParameter("breaches must lie between 0 and forecasts, and forecasts be at least 1")
    p = float(1 - exact_confidence(confidence))
    expected = xlogy(x, p) + xlogy(n - x, 1 - p)
    observed = xlogy(x, x / n) + xlogy(n - x, 1 - x / n)
    # Never below zero but for rounding, where the observed rate equals the expected one.
    statistic = np.maximum(2 * (observed - expected), 0.0)
    return Kupiec(np.asarray(statistic), np.asarray(chdtrc(1, statistic)))


def require_days(rows: int, window: int, backtest_days: int) -> None:
    """Raises InvalidParameter or InsufficientHistory unless `rows` hold that many forecasts from their windows."""
    require_count("window", window)
    require_count("backtest_days", backtest_days)
    require_history(rows, window + backtest_days, f"{backtest_days} forecasts from {window} days each")
