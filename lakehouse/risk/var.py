"""Value at risk: the loss that is exceeded with probability 1 - confidence."""

import math

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import BoolArray, Confidence, FloatArray, require_count
from lakehouse.risk.cornish_fisher import (
    expansion_quantile,
    normal_tail,
    require_monotone_tail,
    tail_is_monotone,
)
from lakehouse.risk.linear import Windows, horizon_losses, loss_rows
from lakehouse.risk.moments import Moments, loss_moments, mean_and_deviation
from lakehouse.risk.quantiles import Quantile, upper_quantile


def historical_var(
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    quantile: Quantile = Quantile.LOWER,
    horizon_days: int = 1,
    windows: Windows = Windows.OVERLAPPING,
) -> FloatArray:
    """VaR of P portfolios from the empirical distribution of their P&L: of history, or of simulated scenarios.

    pnl: (T, P), base currency, negative for a loss. horizon_days > 1: sums of consecutive rows,
    overlapping or not by `windows`.
    Result: (P,), base currency, positive for a loss (negative if even the quantile is a profit).
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter; InsufficientHistory below
    1 / (1 - confidence) observations, which would hold none of the tail. Source of the quantile: see Quantile.
    """
    losses = horizon_losses(pnl, confidence, horizon_days, windows)
    return upper_quantile(losses, confidence, quantile)


def parametric_normal_var(
    pnl: npt.ArrayLike, *, confidence: Confidence, ddof: int = 1, horizon_days: int = 1
) -> FloatArray:
    """VaR under a normal distribution with the sample's mean and deviation: deviation * z(confidence) - mean of pnl.

    pnl: (T, P) daily, base currency. ddof: 1 divides the variance by T - 1, 0 by T. horizon_days scales the mean by
    days and the deviation by their square root (independent days). Result: (P,), positive for a loss.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory below ddof + 1 days.
    Source: McNeil, Frey and Embrechts, "Quantitative Risk Management" (2005), example 2.14.
    """
    require_count("horizon_days", horizon_days)
    return parametric_normal_rows(loss_rows(pnl), confidence, ddof, horizon_days)


def cornish_fisher_var(
    pnl: npt.ArrayLike, *, confidence: Confidence, ddof: int = 1, horizon_days: int = 1
) -> FloatArray:
    """VaR with the normal's quantile corrected for the sample's skewness and kurtosis ("modified VaR").

    pnl: (T, P) daily, base currency. horizon_days scales the moments as sums of independent days do.
    Result: (P,), positive for a loss. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter,
    InsufficientHistory below four days, ExpansionNotMonotone naming the columns out of the expansion's domain
    (`cornish_fisher_valid` tells them beforehand). Source: see cornish_fisher.expansion_quantile.
    """
    moments = horizon_moments(pnl, ddof, horizon_days)
    require_monotone_tail(moments, confidence)
    return moments.mean + moments.deviation * expansion_quantile(moments, confidence)


def cornish_fisher_valid(
    pnl: npt.ArrayLike, *, confidence: Confidence, ddof: int = 1, horizon_days: int = 1
) -> BoolArray:
    """Which of the P columns of `pnl` (T, P) Cornish-Fisher can measure: (P,). Raises as `cornish_fisher_var` does."""
    return tail_is_monotone(horizon_moments(pnl, ddof, horizon_days), confidence)


def parametric_normal_rows(losses: FloatArray, confidence: Confidence, ddof: int, horizon_days: int = 1) -> FloatArray:
    """Normal VaR of every contiguous row of `losses` (M, n) -> (M,); the input is taken as finite."""
    mean, deviation, _ = mean_and_deviation(losses, ddof)
    return mean * horizon_days + deviation * math.sqrt(horizon_days) * normal_tail(confidence).quantile


def cornish_fisher_rows(losses: FloatArray, confidence: Confidence, ddof: int) -> FloatArray:
    """Cornish-Fisher VaR of every contiguous row of finite `losses` (M, n) -> (M,); NaN where out of its domain."""
    moments = loss_moments(losses, ddof)
    values = moments.mean + moments.deviation * expansion_quantile(moments, confidence)
    return np.where(tail_is_monotone(moments, confidence), values, np.nan)


def horizon_moments(pnl: npt.ArrayLike, ddof: int, horizon_days: int) -> Moments:
    """Moments of the losses of `pnl` (T, P) over `horizon_days` independent days."""
    require_count("horizon_days", horizon_days)
    return loss_moments(loss_rows(pnl), ddof).scaled(horizon_days)
