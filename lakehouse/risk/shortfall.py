"""Expected shortfall: the mean loss in the worst 1 - confidence of cases, never below the VaR beside it."""

import math

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import Confidence, FloatArray, require_count
from lakehouse.risk.cornish_fisher import (
    expansion_tail_mean,
    normal_tail,
    require_monotone_tail,
    tail_is_monotone,
)
from lakehouse.risk.linear import Windows, horizon_losses, loss_rows
from lakehouse.risk.moments import loss_moments, mean_and_deviation
from lakehouse.risk.quantiles import upper_tail_mean
from lakehouse.risk.var import horizon_moments


def historical_es(
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    horizon_days: int = 1,
    windows: Windows = Windows.OVERLAPPING,
) -> FloatArray:
    """Mean of the worst T(1 - confidence) outcomes of P portfolios, the last one weighted by its fraction.

    pnl: (T, P), base currency, negative for a loss; history or simulated scenarios. horizon_days > 1: sums of
    consecutive rows by `windows`. Result: (P,), positive for a loss. It is subadditive, and at least the VaR of every
    convention of Quantile: each of those lies at position Tc + s with 0 <= s <= 1, and the fractional weight starts
    the tail at Tc.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory below
    1 / (1 - confidence) observations. Source: Acerbi and Tasche (2002).
    """
    return upper_tail_mean(horizon_losses(pnl, confidence, horizon_days, windows), confidence)


def parametric_normal_es(
    pnl: npt.ArrayLike, *, confidence: Confidence, ddof: int = 1, horizon_days: int = 1
) -> FloatArray:
    """Shortfall of a normal distribution with the sample's moments: deviation * phi(z) / (1 - c) - mean of pnl.

    Shapes, units, sign, horizon, NaN policy and errors as `parametric_normal_var`.
    Source: McNeil, Frey and Embrechts (2005), example 2.18.
    """
    require_count("horizon_days", horizon_days)
    return parametric_normal_tail_rows(loss_rows(pnl), confidence, ddof, horizon_days)


def cornish_fisher_es(
    pnl: npt.ArrayLike, *, confidence: Confidence, ddof: int = 1, horizon_days: int = 1
) -> FloatArray:
    """Mean of the Cornish-Fisher quantile over the tail, in closed form.

    Shapes, units, sign, horizon, NaN policy and errors as `cornish_fisher_var`.
    Source: see cornish_fisher.expansion_tail_mean.
    """
    moments = horizon_moments(pnl, ddof, horizon_days)
    require_monotone_tail(moments, confidence)
    return moments.mean + moments.deviation * expansion_tail_mean(moments, confidence)


def parametric_normal_tail_rows(
    losses: FloatArray, confidence: Confidence, ddof: int, horizon_days: int = 1
) -> FloatArray:
    """Normal shortfall of every contiguous row of finite `losses` (M, n) -> (M,)."""
    mean, deviation, _ = mean_and_deviation(losses, ddof)
    return mean * horizon_days + deviation * math.sqrt(horizon_days) * normal_tail(confidence).mean


def cornish_fisher_tail_rows(losses: FloatArray, confidence: Confidence, ddof: int) -> FloatArray:
    """Cornish-Fisher shortfall of every contiguous row of finite `losses` (M, n) -> (M,); NaN out of its domain."""
    moments = loss_moments(losses, ddof)
    values = moments.mean + moments.deviation * expansion_tail_mean(moments, confidence)
    return np.where(tail_is_monotone(moments, confidence), values, np.nan)
