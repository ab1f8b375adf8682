"""Age-weighted historical simulation: recent days count for more (Boudoukh, Richardson and Whitelaw 1998)."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    InvalidParameter,
    exact_confidence,
    require_count,
)
from lakehouse.risk.linear import Windows, horizon_losses
from lakehouse.risk.quantiles import Quantile

AGE_DECAY = 0.98  # of the two that the paper examines, 0.97 and 0.99, the middle; also its worked example


def check_decay(decay: float) -> None:
    """Raises InvalidParameter unless 0 < decay <= 1."""
    if not 0 < decay <= 1:
        raise InvalidParameter(f"decay is {decay}: must lie in (0, 1]; 1 gives all days the same weight")


def age_weights(observations: int, decay: float = AGE_DECAY) -> FloatArray:
    """decay^i (1 - decay) / (1 - decay^n) of the observation i days old: (n,), oldest first; they sum to 1.

    Raises InvalidParameter. Source: Boudoukh, Richardson and Whitelaw (1998), "The Best of Both Worlds".
    """
    weights = _relative_weights(observations, decay)
    shares: FloatArray = weights / weights.sum()
    return shares


def age_weighted_var(
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    decay: float = AGE_DECAY,
    quantile: Quantile = Quantile.LOWER,
    horizon_days: int = 1,
    windows: Windows = Windows.OVERLAPPING,
) -> FloatArray:
    """VaR of P portfolios from past P&L weighted by age. With decay 1 it is `historical_var` to the last bit.

    pnl (T, P), oldest first, base currency, negative for a loss. Result (P,), positive for a loss. A window of
    horizon_days is as old as its last day. LOWER is the smallest loss at or below which lies the weight `confidence`,
    HIGHER the smallest with more than that; the interpolating conventions have no one weighted form and are refused.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory.
    """
    losses = horizon_losses(pnl, confidence, horizon_days, windows)
    return age_weighted_rows(losses, confidence, decay, quantile)


def age_weighted_es(
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    decay: float = AGE_DECAY,
    horizon_days: int = 1,
    windows: Windows = Windows.OVERLAPPING,
) -> FloatArray:
    """Weighted mean of the worst 1 - confidence of the weight, the last day counted by its fraction (Acerbi-Tasche).

    Shapes, units, sign, horizon, NaN policy and errors as `age_weighted_var`.
    """
    losses = horizon_losses(pnl, confidence, horizon_days, windows)
    return age_weighted_tail_rows(losses, confidence, decay)


def age_weighted_rows(losses: FloatArray, confidence: Confidence, decay: float, quantile: Quantile) -> FloatArray:
    """Weighted quantile of every row of finite `losses` (M, n), oldest first -> (M,)."""
    if quantile not in (Quantile.LOWER, Quantile.HIGHER):
        raise InvalidParameter(f"quantile {quantile} has no weighted form: use lower or higher with age weights")
    ordered, weights = _sorted(losses, decay)
    below = np.cumsum(weights, axis=1)
    target = float(exact_confidence(confidence) * _total(losses.shape[1], decay))
    short = below < target if quantile is Quantile.LOWER else below <= target
    place = np.minimum(short.sum(axis=1), losses.shape[1] - 1)
    return np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]


def age_weighted_tail_rows(losses: FloatArray, confidence: Confidence, decay: float) -> FloatArray:
    """Weighted tail mean of every row of finite `losses` (M, n), oldest first -> (M,)."""
    ordered, weights = _sorted(losses, decay)
    # Contiguous, so that a row is summed in the same order however many there are.
    worst, weights = np.ascontiguousarray(ordered[:, ::-1]), np.ascontiguousarray(weights[:, ::-1])
    above = np.cumsum(weights, axis=1)
    mass = float((1 - exact_confidence(confidence)) * _total(losses.shape[1], decay))
    share = np.clip(mass - (above - weights), 0.0, weights)
    mean: FloatArray = (share * worst).sum(axis=1) / share.sum(axis=1)
    return mean


def _relative_weights(observations: int, decay: float) -> FloatArray:
    # Not normalised: with decay 1 their sums are whole numbers, exact like the ranks of the unweighted quantile.
    require_count("observations", observations)
    check_decay(decay)
    weights: FloatArray = decay ** np.arange(observations - 1, -1, -1, dtype=np.float64)
    return weights


def _total(observations: int, decay: float) -> Fraction:
    # Not the last of the cumulated weights: these are added in an order of each portfolio's own.
    return Fraction(float(_relative_weights(observations, decay).sum()))


def _sorted(losses: FloatArray, decay: float) -> tuple[FloatArray, FloatArray]:
    """Losses of every row in ascending order, and beside each its weight."""
    order = np.argsort(losses, axis=1, kind="stable")
    return np.take_along_axis(losses, order, axis=1), _relative_weights(losses.shape[1], decay)[order]
