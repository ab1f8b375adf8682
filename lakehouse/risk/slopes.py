"""Instruments to first and second order: how their worth moves with the factors, P&L from that, and closed-form risk.

What delta and delta-gamma methods measure; `revaluation.py` has the books that these slopes are of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import Confidence, FloatArray, ShapeMismatch, finite_matrix
from lakehouse.risk.cornish_fisher import expansion_quantile, expansion_tail_mean
from lakehouse.risk.delta_gamma import delta_gamma_es, delta_gamma_var, quadratic_moments
from lakehouse.risk.moments import Moments

FactorNumbers = npt.NDArray[np.intp]
NONE = -1  # of a factor: this input does not move
STEP = 1e-4
"""Relative change of a position that its part is told from: the error of a central difference is of its square."""
First = tuple[FactorNumbers, FloatArray]
Second = tuple[FactorNumbers, FactorNumbers, FloatArray]


@dataclass(frozen=True, slots=True)
class Slopes:
    """P&L of one unit of instruments as the sum of `first` x move and of `second` x move x move, one currency.

    `of`, `by` (K,): instrument and factor of each of `first` (K,), a first derivative. `bent`, `left`, `right` (L,):
    instrument and both factors of each of `second` (L,): half the second derivative by one factor, or the whole mixed
    one by two.
    """

    of: FactorNumbers
    by: FactorNumbers
    first: FloatArray
    bent: FactorNumbers
    left: FactorNumbers
    right: FactorNumbers
    second: FloatArray


def slopes(first: Sequence[First], second: Sequence[Second] = ()) -> Slopes:
    """From one factor (or NONE) and one coefficient for each of the same N instruments in every part."""
    ones = [(np.flatnonzero(by != NONE), by, value) for by, value in first]
    twos = [(np.flatnonzero((left != NONE) & (right != NONE)), left, right, value) for left, right, value in second]
    return Slopes(
        of=_numbers([kept for kept, *_ in ones]),
        by=_numbers([by[kept] for kept, by, _ in ones]),
        first=_values([value[kept] for kept, _, value in ones]),
        bent=_numbers([kept for kept, *_ in twos]),
        left=_numbers([left[kept] for kept, left, _, _ in twos]),
        right=_numbers([right[kept] for kept, _, right, _ in twos]),
        second=_values([value[kept] for kept, _, _, value in twos]),
    )


def in_base(local: Slopes, worth: FloatArray, rates: FloatArray, factors: FactorNumbers) -> Slopes:
    """Slopes of N instruments in base currency: `worth` (N,) in their own, exchange `rates` (N,), and the factor (or
    NONE), a relative move, of each rate. A price and a rate that move together are of second order."""
    everyone = np.arange(len(worth), dtype=np.intp)
    turning = slopes([(factors, worth * rates)])
    mixed = factors[local.of] != NONE
    return Slopes(
        of=_numbers([local.of, everyone[turning.of]]),
        by=_numbers([local.by, turning.by]),
        first=_values([local.first * rates[local.of], turning.first]),
        bent=_numbers([local.bent, local.of[mixed]]),
        left=_numbers([local.left, local.by[mixed]]),
        right=_numbers([local.right, factors[local.of[mixed]]]),
        second=_values([local.second * rates[local.bent], (local.first * rates[local.of])[mixed]]),
    )


def side_by_side(parts: Sequence[tuple[int, Slopes]]) -> Slopes:
    """Slopes of several lists of instruments, each told with its length, as of one list."""
    starts = np.cumsum([0, *(count for count, _ in parts)])
    found = [part for _, part in parts]
    return Slopes(
        of=_numbers([part.of + start for part, start in zip(found, starts, strict=False)]),
        by=_numbers([part.by for part in found]),
        first=_values([part.first for part in found]),
        bent=_numbers([part.bent + start for part, start in zip(found, starts, strict=False)]),
        left=_numbers([part.left for part in found]),
        right=_numbers([part.right for part in found]),
        second=_values([part.second for part in found]),
    )


def expansion_pnl(moves: npt.ArrayLike, known: Slopes, count: int, *, is_curved: bool) -> FloatArray:
    """P&L of one unit of `count` instruments under S scenarios of F factors: (S, F) -> (S, count).

    Without the second order unless `is_curved`. Each element is summed in one order. NaN policy: refused. Raises
    NonFinite, ShapeMismatch.
    """
    factors = np.ascontiguousarray(finite_matrix("moves", moves).T)
    total = np.zeros((count, factors.shape[1]))
    for number, factor, slope in zip(known.of, known.by, known.first, strict=True):
        total[number] += slope * factors[factor]
    if is_curved:
        for number, left, right, slope in zip(known.bent, known.left, known.right, known.second, strict=True):
            total[number] += slope * (factors[left] * factors[right])
    return total.T


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """Risk of one portfolio, base currency, positive for a loss; `component_var`, `component_es` (N,) sum to it."""

    var: float
    es: float
    component_var: FloatArray
    component_es: FloatArray


def closed_form(
    covariance: npt.ArrayLike,
    known: Slopes,
    units: FloatArray,
    *,
    confidence: Confidence,
    horizon_days: int = 1,
    is_curved: bool,
) -> ClosedForm:
    """VaR and ES of `units` (N,) of instruments whose factors are normal with mean zero and daily `covariance` (F, F).

    Linear: z times the deviation. Curved: Cornish-Fisher on the exact moments of the quadratic form. Both grow in
    proportion to the units, so that their derivatives by each position add up to them (Euler); these are central
    differences. NaN policy: refused. Raises ExpansionNotMonotone, ShapeMismatch, NonFinite, InvalidParameter.
    Source: see `delta_gamma`; Tasche (1999), "Risk contributions and performance measurement".
    """
    matrix = finite_matrix("covariance", covariance)
    if len(known.of) and max(known.of.max(), known.bent.max(initial=0)) >= len(units):
        raise ShapeMismatch(f"{len(units)} positions for slopes of more instruments")

    def moments(held: FloatArray) -> Moments:
        return quadratic_moments(
            matrix,
            _delta(known, held, len(matrix)),
            np.stack([_gamma(known, column, len(matrix)) for column in held.T])
            if is_curved
            else np.zeros((len(matrix), held.shape[1])),
            horizon_days=horizon_days,
        )

    whole = moments(units[:, None])
    parts = [_slope(moments(_around(units, place)), confidence) for place in range(len(units))]
    component_var, component_es = np.array(parts).reshape(-1, 2).T
    return ClosedForm(
        var=float(delta_gamma_var(whole, confidence=confidence)[0]),
        es=float(delta_gamma_es(whole, confidence=confidence)[0]),
        component_var=component_var,
        component_es=component_es,
    )


def _around(units: FloatArray, place: int) -> FloatArray:
    """(N, 2): a little more of one position, and a little less."""
    held = np.column_stack([units, units])
    held[place] *= [1.0 + STEP, 1.0 - STEP]
    return held


def _slope(moments: Moments, confidence: Confidence) -> tuple[float, float]:
    # Without the domain's check: the whole has passed it, and a neighbour may stand just beyond its edge.
    up, down = moments.mean + moments.deviation * expansion_quantile(moments, confidence)
    worse, better = moments.mean + moments.deviation * expansion_tail_mean(moments, confidence)
    return float(up - down) / (2 * STEP), float(worse - better) / (2 * STEP)


def _delta(known: Slopes, held: FloatArray, factors: int) -> FloatArray:
    """(F, P) first derivatives of P portfolios, by their units (N, P)."""
    total = np.zeros((factors, held.shape[1]))
    np.add.at(total, known.by, known.first[:, None] * held[known.of])
    return total


def _gamma(known: Slopes, units: FloatArray, factors: int) -> FloatArray:
    """(F, F) second derivatives of one portfolio: its P&L of second order is r'Gr / 2."""
    total = np.zeros((factors, factors))
    values = known.second * units[known.bent]
    np.add.at(total, (known.left, known.right), values)
    np.add.at(total, (known.right, known.left), values)
    return total


def _numbers(parts: Sequence[FactorNumbers]) -> FactorNumbers:
    return np.concatenate(parts).astype(np.intp) if parts else np.zeros(0, dtype=np.intp)


def _values(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate(parts) if parts else np.zeros(0)
