"""What a series of returns earned for what it risked: volatility, beta, the ratios, drawdown."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    FloatArray,
    IntArray,
    InvalidParameter,
    ShapeMismatch,
    finite_matrix,
    require_history,
)
from lakehouse.risk.linear import loss_rows
from lakehouse.risk.moments import mean_and_deviation

PERIODS_A_YEAR = 252  # trading days; pass 52 for weeks, 12 for months


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of P series from their highest value before it.

    `depth` (P,) a fraction, 0 where a series never fell. `peak`, `trough`, `recovery` (P,) row numbers of the returns:
    the peak stands at the end of its row, -1 being the initial capital; the recovery is the first row at or above the
    peak again, -1 where it has not come. Without a fall all three are -1. `lasted` tells the rows under water.
    """

    depth: FloatArray
    peak: IntArray
    trough: IntArray
    recovery: IntArray

    def lasted(self, rows: int) -> IntArray:
        """Rows from the peak to the recovery, or to the last of `rows` where it has not come: (P,)."""
        end = np.where(self.recovery >= 0, self.recovery, rows - 1)
        return np.where(self.depth > 0, end - self.peak, 0).astype(np.int64)


def volatility(returns: npt.ArrayLike, *, periods: int = PERIODS_A_YEAR, ddof: int = 1) -> FloatArray:
    """Annualised standard deviation (P,) of (T, P) returns, a fraction: deviation x sqrt(periods).

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory.
    """
    _, deviation, _ = mean_and_deviation(_rows(returns, periods), ddof)
    return deviation * math.sqrt(periods)


def annual_return(returns: npt.ArrayLike, *, periods: int = PERIODS_A_YEAR) -> FloatArray:
    """Compound growth a year (P,) of (T, P) simple returns: (product of 1 + r)^(periods / T) - 1; -1 after a ruin.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter for a return below -1.
    """
    wealth = _wealth(returns)
    grown: FloatArray = wealth[-1] ** (_checked(periods) / (len(wealth) - 1)) - 1.0
    return grown


def beta(returns: npt.ArrayLike, benchmark: npt.ArrayLike) -> FloatArray:
    """Covariance with the benchmark over the benchmark's variance (P,): returns (T, P), benchmark (T, 1).

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InsufficientHistory below two rows, InvalidParameter where the
    benchmark does not vary: there is no beta then.
    """
    own, market = _rows(returns, 1), _rows(_beside(returns, benchmark), 1)
    require_history(own.shape[1], 2, "beta")
    moved = market - market.mean(axis=1)[:, None]
    spread = float(np.square(moved).sum())
    if spread == 0:
        raise InvalidParameter("the benchmark does not vary: there is no beta to it")
    slopes: FloatArray = ((own - own.mean(axis=1)[:, None]) * moved).sum(axis=1) / spread
    return slopes


def sharpe(
    returns: npt.ArrayLike, *, risk_free: float = 0.0, periods: int = PERIODS_A_YEAR, ddof: int = 1
) -> FloatArray:
    """Mean excess return over its deviation, times sqrt(periods): (P,), NaN where a series does not vary.

    returns (T, P); risk_free is a return per period, not a year. NaN policy: refused on input. Raises NonFinite,
    ShapeMismatch, InvalidParameter, InsufficientHistory. Source: Sharpe (1994), "The Sharpe Ratio".
    """
    mean, deviation, _ = mean_and_deviation(_rows(returns, periods) - risk_free, ddof)
    return _over(mean, deviation) * math.sqrt(periods)


def sortino(returns: npt.ArrayLike, *, target: float = 0.0, periods: int = PERIODS_A_YEAR) -> FloatArray:
    """Mean return above `target` (per period) over the downside deviation sqrt(mean(min(r - target, 0)^2)), times
    sqrt(periods): (P,), NaN where nothing fell below the target. All T periods count in the mean of squares.

    NaN policy: refused on input. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory.
    Source: Sortino and Price (1994), "Performance measurement in a downside risk framework".
    """
    excess = _rows(returns, periods) - target
    downside = np.sqrt(np.square(np.minimum(excess, 0.0)).mean(axis=1))
    return _over(excess.mean(axis=1), downside) * math.sqrt(periods)


def calmar(returns: npt.ArrayLike, *, periods: int = PERIODS_A_YEAR) -> FloatArray:
    """Compound annual return over the deepest drawdown: (P,), NaN where there was none.

    NaN policy: refused on input. Raises as `annual_return`. Source: Young (1991), "Calmar Ratio: A Smoother Tool".
    """
    return _over(annual_return(returns, periods=periods), max_drawdown(returns).depth)


def tracking_error(
    returns: npt.ArrayLike, benchmark: npt.ArrayLike, *, periods: int = PERIODS_A_YEAR, ddof: int = 1
) -> FloatArray:
    """Annualised deviation of the return above the benchmark's (P,): returns (T, P), benchmark (T, 1).

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory.
    """
    return volatility(_active(returns, benchmark), periods=periods, ddof=ddof)


def information_ratio(
    returns: npt.ArrayLike, benchmark: npt.ArrayLike, *, periods: int = PERIODS_A_YEAR, ddof: int = 1
) -> FloatArray:
    """Mean return above the benchmark's over its deviation, times sqrt(periods): (P,), NaN where they never differ by
    anything but a constant. NaN policy: refused on input. Raises as `tracking_error`.
    Source: Grinold and Kahn (2000), "Active Portfolio Management", chapter 5."""
    return sharpe(_active(returns, benchmark), periods=periods, ddof=ddof)


def max_drawdown(returns: npt.ArrayLike) -> Drawdown:
    """Deepest fall of wealth made of (T, P) simple returns, from the initial capital 1 or any later peak.

    The capital counts as the first peak, so that a first day's loss is a drawdown. Of equal falls the earliest is
    told, from the latest row at its peak. NaN policy: refused. Raises NonFinite, ShapeMismatch, InsufficientHistory
    below one row, InvalidParameter for a return below -1.
    """
    wealth = _wealth(returns)
    highest = np.maximum.accumulate(wealth, axis=0)
    under = 1.0 - wealth / highest
    trough = under.argmax(axis=0)
    columns = np.arange(wealth.shape[1])
    depth = under[trough, columns]
    at_peak = (wealth == highest) & (np.arange(len(wealth))[:, None] < trough)
    peak = len(wealth) - 1 - at_peak[::-1].argmax(axis=0)
    back = (wealth >= highest[trough, columns]) & (np.arange(len(wealth))[:, None] > trough)
    recovery = np.where(back.any(axis=0), back.argmax(axis=0), 0)
    fell = depth > 0
    # Row 0 of the wealth is the capital, before the first return.
    peak, trough, recovery = (np.where(fell, each - 1, -1).astype(np.int64) for each in (peak, trough, recovery))
    return Drawdown(depth, peak, trough, recovery)


def _wealth(returns: npt.ArrayLike) -> FloatArray:
    """(T + 1, P), from 1."""
    moves = finite_matrix("returns", returns)
    require_history(len(moves), 1, "wealth")
    if (moves < -1.0).any():
        raise InvalidParameter(f"a return is {moves.min()}: more than everything cannot be lost; pass fractions")
    wealth: FloatArray = np.cumprod(np.vstack([np.ones(moves.shape[1]), 1.0 + moves]), axis=0, dtype=np.float64)
    return wealth


def _rows(returns: npt.ArrayLike, periods: int) -> FloatArray:
    _checked(periods)
    rows = -loss_rows(returns)
    require_history(rows.shape[1], 1, "a ratio")
    return rows


def _checked(periods: int) -> int:
    if periods < 1:
        raise InvalidParameter(f"periods is {periods}: must be at least 1 a year, 252 for days")
    return periods


def _beside(returns: npt.ArrayLike, benchmark: npt.ArrayLike) -> FloatArray:
    own, market = finite_matrix("returns", returns), finite_matrix("benchmark", benchmark)
    if market.shape != (len(own), 1):
        raise ShapeMismatch(f"benchmark {market.shape} is no single series of the {len(own)} rows of returns")
    return market


def _active(returns: npt.ArrayLike, benchmark: npt.ArrayLike) -> FloatArray:
    return finite_matrix("returns", returns) - _beside(returns, benchmark)


def _over(above: FloatArray, below: FloatArray) -> FloatArray:
    # A spread within rounding of the mean is none: 1e15 would be read as an excellent ratio.
    real = below > 1e-14 * np.abs(above)
    return np.where(real, above / np.where(real, below, 1.0), np.nan)
