"""VaR and shortfall under Student's t: moments of the sample, degrees of freedom by maximum likelihood."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, psi, stdtrit

from lakehouse.risk.checks import Confidence, FloatArray, exact_confidence, require_count
from lakehouse.risk.linear import loss_rows
from lakehouse.risk.moments import mean_and_deviation

LOWEST_DOF, HIGHEST_DOF = 2.1, 200.0  # a variance needs more than 2; from 200 the normal is not told apart
HALVINGS = 48  # of the bracket of 1 / dof: to the last bits


def fit_dof(losses: FloatArray) -> FloatArray:
    """Degrees of freedom (M,) of every contiguous row of finite `losses` (M, n) by maximum likelihood.

    The rows are standardised by their own mean and population deviation and held against the t of unit variance: one
    parameter, always a solution in [LOWEST_DOF, HIGHEST_DOF]. A row that does not vary gets HIGHEST_DOF.
    """
    mean, deviation, centred = mean_and_deviation(losses, 0)
    varies = deviation > 1e-12 * np.abs(mean)
    square = np.square(centred / np.where(varies, deviation, 1.0)[:, None])
    low, high = np.full(len(losses), 1 / HIGHEST_DOF), np.full(len(losses), 1 / LOWEST_DOF)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        # A positive score asks for thinner tails, that is a smaller 1 / dof.
        thinner = _score(square, 1 / middle) > 0
        high, low = np.where(thinner, middle, high), np.where(thinner, low, middle)
    return np.where(varies, np.clip(2 / (low + high), LOWEST_DOF, HIGHEST_DOF), HIGHEST_DOF)


def student_t_var(pnl: npt.ArrayLike, *, confidence: Confidence, ddof: int = 1, horizon_days: int = 1) -> FloatArray:
    """VaR of a t with the sample's mean and deviation: deviation sqrt((v - 2) / v) t_v(confidence) - mean of pnl.

    pnl (T, P) daily, base currency. horizon_days scales the mean by days and the deviation by their root and keeps the
    degrees of freedom, which errs on the heavy side: a sum of t is nearer to the normal. Result (P,), positive for a
    loss. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory.
    Source: Dowd (2005), "Measuring Market Risk", 6.2; McNeil, Frey and Embrechts (2005), example 2.14.
    """
    require_count("horizon_days", horizon_days)
    return student_t_rows(loss_rows(pnl), confidence, ddof, horizon_days)


def student_t_es(pnl: npt.ArrayLike, *, confidence: Confidence, ddof: int = 1, horizon_days: int = 1) -> FloatArray:
    """Closed-form shortfall of the same t. Shapes, units, sign, horizon, NaN policy, errors as `student_t_var`.

    Source: McNeil, Frey and Embrechts (2005), example 2.19.
    """
    require_count("horizon_days", horizon_days)
    return student_t_tail_rows(loss_rows(pnl), confidence, ddof, horizon_days)


def student_t_rows(losses: FloatArray, confidence: Confidence, ddof: int, horizon_days: int = 1) -> FloatArray:
    """t VaR of every contiguous row of finite `losses` (M, n) -> (M,)."""
    mean, deviation, _ = mean_and_deviation(losses, ddof)
    factor = t_quantile(fit_dof(losses), confidence)
    return mean * horizon_days + deviation * math.sqrt(horizon_days) * factor


def student_t_tail_rows(losses: FloatArray, confidence: Confidence, ddof: int, horizon_days: int = 1) -> FloatArray:
    """t shortfall of every contiguous row of finite `losses` (M, n) -> (M,)."""
    mean, deviation, _ = mean_and_deviation(losses, ddof)
    factor = t_tail_mean(fit_dof(losses), confidence)
    return mean * horizon_days + deviation * math.sqrt(horizon_days) * factor


def student_t_level_rows(losses: FloatArray, levels: Sequence[Confidence], ddof: int) -> list[FloatArray]:
    """One-day VaR of every contiguous row of finite `losses` (M, n) at each level, then its shortfall: 2 x levels of
    (M,). The same bits as one by one, with the degrees of freedom, which cost the most, fitted once."""
    mean, deviation, _ = mean_and_deviation(losses, ddof)
    dof = fit_dof(losses)
    factors = [measure(dof, level) for measure in (t_quantile, t_tail_mean) for level in levels]
    return [mean + deviation * factor for factor in factors]


def t_quantile(dof: FloatArray, confidence: Confidence) -> FloatArray:
    """Upper quantile of the t of unit variance, for each of `dof` > 2. Raises InvalidParameter for the confidence."""
    tail = float(1 - exact_confidence(confidence))
    # From the small side, as for the normal.
    quantile: FloatArray = -stdtrit(dof, tail) * np.sqrt((dof - 2) / dof)
    return quantile


def t_tail_mean(dof: FloatArray, confidence: Confidence) -> FloatArray:
    """Mean beyond the quantile of the t of unit variance: density / tail x (v + t^2) / (v - 1), scaled."""
    tail = float(1 - exact_confidence(confidence))
    t = stdtrit(dof, tail)
    log_density = gammaln((dof + 1) / 2) - gammaln(dof / 2) - np.log(dof * np.pi) / 2
    density = np.exp(log_density - (dof + 1) / 2 * np.log1p(t * t / dof))
    mean: FloatArray = density / tail * (dof + t * t) / (dof - 1) * np.sqrt((dof - 2) / dof)
    return mean


def _score(square: FloatArray, dof: FloatArray) -> FloatArray:
    """Derivative of the mean log-likelihood by dof (M,), of standardised losses squared (M, n)."""
    above = (dof - 2)[:, None]
    spread = np.log1p(square / above).mean(axis=1)
    pull = (square / (above + square)).mean(axis=1) / (dof - 2)
    level = (psi((dof + 1) / 2) - psi(dof / 2) - 1 / (dof - 2)) / 2
    score: FloatArray = level - spread / 2 + (dof + 1) / 2 * pull
    return score
