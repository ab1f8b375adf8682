"""Delta-normal and delta-gamma risk: P&L linear or quadratic in jointly normal factor returns of mean zero."""

import math

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import Confidence, FloatArray, ShapeMismatch, finite_matrix, require_count
from lakehouse.risk.cornish_fisher import (
    expansion_quantile,
    expansion_tail_mean,
    normal_tail,
    require_monotone_tail,
)
from lakehouse.risk.linear import ordered_product
from lakehouse.risk.moments import Moments
from lakehouse.risk.monte_carlo import Simulation, instrument_factor, normal_block, to_grid

Curve = tuple[npt.NDArray[np.intp], FloatArray]
"""The factors that bend a book, and its gamma among these."""


def delta_deviation(covariance: npt.ArrayLike, delta: npt.ArrayLike) -> FloatArray:
    """Standard deviation (P,) of the P&L of `delta` (N, P), base currency per unit of return, under daily
    `covariance` (N, N): sqrt(d' C d). NaN policy: refused. Raises NonFinite, ShapeMismatch."""
    matrix, held = _matched(covariance, delta)
    return _spread((held * ordered_product(matrix, held)).T)


def delta_normal_var(
    covariance: npt.ArrayLike, delta: npt.ArrayLike, *, confidence: Confidence, horizon_days: int = 1
) -> FloatArray:
    """z(confidence) sqrt(d' C d horizon): VaR of P books (P,), positive for a loss; the mean is taken as zero.

    covariance (N, N) daily, of returns; delta (N, P) base currency. NaN policy: refused. Raises NonFinite,
    ShapeMismatch, InvalidParameter. Source: RiskMetrics Technical Document (1996), 6.2; Hull, "Options, Futures, and
    Other Derivatives", the model-building approach.
    """
    require_count("horizon_days", horizon_days)
    return delta_deviation(covariance, delta) * math.sqrt(horizon_days) * normal_tail(confidence).quantile


def delta_normal_es(
    covariance: npt.ArrayLike, delta: npt.ArrayLike, *, confidence: Confidence, horizon_days: int = 1
) -> FloatArray:
    """Mean loss beyond `delta_normal_var`, with its shapes, units, sign, policies and errors."""
    require_count("horizon_days", horizon_days)
    return delta_deviation(covariance, delta) * math.sqrt(horizon_days) * normal_tail(confidence).mean


def quadratic_moments(
    covariance: npt.ArrayLike, delta: npt.ArrayLike, gamma: npt.ArrayLike, *, horizon_days: int = 1
) -> Moments:
    """Exact moments of the losses of P books whose P&L is d'r + r'Gr / 2 with r normal(0, horizon x covariance).

    covariance (N, N) daily; delta (N, P) base currency; gamma (N, P), each factor's own second derivative, or
    (P, N, N) with the cross ones, base currency per squared return. Cumulants of the P&L, with M = GC and v = Cd:
    tr M / 2, d'v + tr M^2 / 2, 3 v'Gv + tr M^3, 12 v'GCGv + 3 tr M^4.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter. Source: Zangari (1996), "How accurate is
    the delta-gamma methodology?", RiskMetrics Monitor; Mathai and Provost (1992), "Quadratic Forms", 3.2b.
    """
    require_count("horizon_days", horizon_days)
    matrix, held = _matched(covariance, delta)
    matrix = matrix * horizon_days
    curves = _curves(gamma, held)
    linear = ordered_product(matrix, held)
    square = _spread((held * linear).T) ** 2
    found = [_cumulants(matrix, linear[:, p], *curve) for p, curve in enumerate(curves)]
    first, second, third, fourth = np.array(found).reshape(-1, 4).T
    deviation = np.sqrt(second + square)
    scale = np.where(deviation > 0, deviation, 1.0)
    return Moments(-first, deviation, -third / scale**3, fourth / scale**4)


def delta_gamma_var(moments: Moments, *, confidence: Confidence) -> FloatArray:
    """Cornish-Fisher VaR (P,) from the exact moments of the quadratic form: positive for a loss.

    Raises ExpansionNotMonotone naming the books for which the expansion turns in the tail, InvalidParameter.
    """
    require_monotone_tail(moments, confidence)
    return moments.mean + moments.deviation * expansion_quantile(moments, confidence)


def delta_gamma_es(moments: Moments, *, confidence: Confidence) -> FloatArray:
    """Mean of the same expansion over its tail (P,). Raises as `delta_gamma_var`."""
    require_monotone_tail(moments, confidence)
    return moments.mean + moments.deviation * expansion_tail_mean(moments, confidence)


def simulate_quadratic(
    covariance: npt.ArrayLike,
    delta: npt.ArrayLike,
    gamma: npt.ArrayLike,
    simulation: Simulation,
    *,
    horizon_days: int = 1,
) -> FloatArray:
    """P&L of P books in every scenario (scenarios, P): the quadratic form itself under simulated normal returns.

    Arguments as `quadratic_moments`. The same bytes however blocks are spread: sums in a fixed order or exact.
    NaN policy: refused. Raises also NotPositiveSemidefinite.
    """
    require_count("horizon_days", horizon_days)
    matrix, held = _matched(covariance, delta)
    curves = _curves(gamma, held)
    names = simulation.labels.instruments if simulation.labels else range(len(matrix))
    factor, numbers = instrument_factor(matrix, names)
    weights, unit = to_grid(factor * math.sqrt(horizon_days))
    pnl = np.empty((simulation.scenarios, held.shape[1]))
    for block, rows in simulation.blocks():
        moves = (normal_block(simulation, numbers, block=block, rows=rows) @ weights) * unit
        start = block * simulation.block_rows
        pnl[start : start + rows] = quadratic_pnl(moves, held, curves)
    return pnl


def quadratic_pnl(moves: FloatArray, delta: FloatArray, curves: list[Curve]) -> FloatArray:
    """d'r + r'Gr / 2 for every row of `moves` (S, N): (S, P)."""
    pnl = ordered_product(moves, delta)
    for book, (bent, matrix) in enumerate(curves):
        own = np.ascontiguousarray(moves[:, bent])
        pnl[:, book] += (own * ordered_product(own, matrix)).sum(axis=1) / 2
    return pnl


def _curves(gamma: npt.ArrayLike, delta: FloatArray) -> list[Curve]:
    """For each book the factors that bend it, and its gamma among these: options are few beside a book's names."""
    given = np.asarray(gamma, dtype=np.float64)
    names, books = delta.shape
    if given.shape not in ((names, books), (books, names, names)):
        raise ShapeMismatch(f"gamma {given.shape}: pass {(names, books)} or, with cross terms, {(books, names, names)}")
    finite_matrix("gamma", given.reshape(-1, max(1, given.shape[-1])))
    curves: list[Curve] = []
    for book in range(books):
        full = given[book] if given.ndim == 3 else None
        bent = np.flatnonzero(given[:, book] if full is None else full.any(axis=1) | full.any(axis=0))
        matrix = np.diag(given[bent, book]) if full is None else (full + full.T)[np.ix_(bent, bent)] / 2
        curves.append((bent, matrix))
    return curves


def _cumulants(
    covariance: FloatArray, linear: FloatArray, bent: npt.NDArray[np.intp], gamma: FloatArray
) -> tuple[float, float, float, float]:
    """The first four cumulants of one book's P&L, the second without its linear part."""
    own = np.ascontiguousarray(covariance[np.ix_(bent, bent)])
    product = ordered_product(gamma, own)
    twice = ordered_product(product, product)
    pull = ordered_product(gamma, linear[bent][:, None])
    third = 3 * float((linear[bent][:, None] * pull).sum()) + float((product * twice.T).sum())
    fourth = 12 * float((pull * ordered_product(own, pull)).sum()) + 3 * float((twice * twice.T).sum())
    return float(np.trace(product)) / 2, float((product * product.T).sum()) / 2, third, fourth


def _matched(covariance: npt.ArrayLike, delta: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    matrix, held = finite_matrix("covariance", covariance), finite_matrix("delta", delta)
    if matrix.shape != (len(held), len(held)):
        raise ShapeMismatch(f"covariance {matrix.shape} does not fit the {len(held)} factors of delta")
    return matrix, held


def _spread(products: FloatArray) -> FloatArray:
    # Along contiguous rows, so that a book's number does not depend on those beside it; rounding may fall below zero.
    spread: FloatArray = np.sqrt(np.maximum(np.ascontiguousarray(products).sum(axis=1), 0.0))
    return spread
