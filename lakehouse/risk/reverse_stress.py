"""Reverse stress: of all moves that cause a given loss, the most plausible, which is the smallest in its own terms.

Plausible means near by the Mahalanobis distance sqrt(x' C^-1 x): how many standard deviations away from no move, with
covariance C. Sources: Breuer, Jandacka, Rheinberger and Summer (2009), "How to find plausible, severe, and useful
stress scenarios", International Journal of Central Banking 5; the quadratic case is a trust-region problem turned
around (Conn, Gould and Toint 2000, "Trust-Region Methods", chapter 7).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from lakehouse.risk.checks import FloatArray, InvalidParameter, RiskError, ShapeMismatch, finite_matrix
from lakehouse.risk.covariance import pivoted_cholesky

REACH = 1e-9  # the last part of a limited loss takes moves without end
FLAT = 1e-12  # curvature or slope, relative to the largest, that is taken as none


class LossOutOfReach(RiskError):
    """No move causes the loss. Carries `loss` and the `worst` that moves can cause."""

    def __init__(self, loss: float, worst: float) -> None:
        self.loss, self.worst = loss, worst
        super().__init__(f"no move of the factors loses {loss:.6g}: the most that can be lost is {worst:.6g}")


@dataclass(frozen=True, slots=True)
class ReverseStress:
    """The most plausible scenario of a loss.

    `moves` (N,) of the factors; `distance` in standard deviations: for a linear book and normal moves the loss is
    exceeded with probability N(-distance); `pnl` of the book under the moves, minus the loss.
    """

    moves: FloatArray
    distance: float
    pnl: float


def linear_reverse_stress(exposures: npt.ArrayLike, covariance: npt.ArrayLike, *, loss: float) -> ReverseStress:
    """The smallest moves under which sum(exposures x moves) = -loss: x = -loss C w / (w' C w).

    exposures w (N,) base currency, covariance C (N, N) of the moves, loss > 0. C may be singular.
    NaN policy: refused. Raises InvalidParameter, NonFinite, ShapeMismatch, NotPositiveSemidefinite, LossOutOfReach
    for a book that nothing moves.
    """
    held, loadings = _checked(exposures, covariance, loss)
    slopes = loadings.T @ held
    deviation = float(np.sqrt(slopes @ slopes))
    if deviation == 0.0:
        raise LossOutOfReach(loss, 0.0)
    moves = loadings @ (slopes / deviation) * (-loss / deviation)
    return ReverseStress(moves=moves, distance=loss / deviation, pnl=float(held @ moves))


def quadratic_reverse_stress(
    deltas: npt.ArrayLike, gammas: npt.ArrayLike, covariance: npt.ArrayLike, *, loss: float, carry: float = 0.0
) -> ReverseStress:
    """The smallest moves under which carry + d'x + x'Gx / 2 = -loss, globally, for long and short gamma alike.

    deltas d (N,) and symmetric gammas G (N, N) per unit of move, base currency; `carry`: P&L without any move.
    The factors are turned into independent ones, and the one multiplier of the constraint is found by Brent's method.
    NaN policy: refused. Raises InvalidParameter, NonFinite, ShapeMismatch, NotPositiveSemidefinite, LossOutOfReach
    where positive gamma limits the loss.
    """
    slopes, loadings = _checked(deltas, covariance, loss)
    bends = finite_matrix("gammas", gammas)
    if bends.shape != (len(slopes), len(slopes)) or not np.allclose(bends, bends.T, rtol=1e-9, atol=0.0):
        raise ShapeMismatch(f"gammas {bends.shape} are not a symmetric matrix of {len(slopes)} factors")
    target = -loss - carry
    if target >= 0.0:
        return ReverseStress(moves=np.zeros(len(slopes)), distance=0.0, pnl=carry)
    curvature, axes = np.linalg.eigh(loadings.T @ bends @ loadings)
    # Rounding makes a straight axis bend a little, and a riskless one slope: neither is there.
    curvature[np.abs(curvature) <= FLAT * np.abs(curvature).max(initial=0.0)] = 0.0
    slope = axes.T @ (loadings.T @ slopes)
    slope[np.abs(slope) <= FLAT * np.abs(slope).max(initial=0.0)] = 0.0
    problem = _Diagonal(slope, curvature, target)
    steps = problem.solve(loss)
    moves = loadings @ (axes @ steps)
    pnl = carry + float(slopes @ moves + 0.5 * moves @ bends @ moves)
    return ReverseStress(moves=moves, distance=float(np.sqrt(steps @ steps)), pnl=pnl)


@dataclass(frozen=True, slots=True)
class _Diagonal:
    """min |z|^2 with sum(slope z + curvature z^2 / 2) = target < 0, in independent coordinates of variance 1.

    The solution is z = m slope / (1 - m curvature) with m < 0 and every denominator positive: there the P&L grows
    strictly with m, so that the root is the only one.
    """

    slope: FloatArray
    curvature: FloatArray
    target: float

    def steps(self, multiplier: float) -> FloatArray:
        return multiplier * self.slope / (1.0 - multiplier * self.curvature)

    def pnl(self, multiplier: float) -> float:
        steps = self.steps(multiplier)
        return float(np.sum(self.slope * steps + 0.5 * self.curvature * steps * steps))

    def solve(self, loss: float) -> FloatArray:
        lowest = float(self.curvature.min(initial=0.0))
        return self._short_gamma(1.0 / lowest) if lowest < 0.0 else self._long_gamma(loss)

    def _short_gamma(self, pole: float) -> FloatArray:
        """Some direction loses more and more: everything can be lost. `pole`: where its denominator is 0."""
        near = pole * (1.0 - 1e-13)
        if self.pnl(near) <= self.target:
            return self.steps(float(brentq(self._gap, near, 0.0, xtol=1e-300, rtol=1e-14)))
        # The hard case: the book has next to no slope along the axis that bends down most, and rides down it.
        axis = int(np.argmin(self.curvature))
        free = np.arange(len(self.slope)) != axis
        steps = np.zeros(len(self.slope))
        steps[free] = pole * self.slope[free] / np.maximum(1.0 - pole * self.curvature[free], 1e-13)
        rest = float(np.sum(self.slope * steps + 0.5 * self.curvature * steps * steps)) - self.target
        slope, bend = float(self.slope[axis]), float(self.curvature[axis])
        way = -1.0 if slope >= 0.0 else 1.0
        steps[axis] = way * (np.sqrt(slope * slope - 2.0 * bend * max(rest, 0.0)) - abs(slope)) / -bend
        return steps

    def _long_gamma(self, loss: float) -> FloatArray:
        """No direction bends down: losses are limited unless one is straight."""
        bent = self.curvature > 0.0
        if not self.slope[~bent].any():
            worst = float(np.sum(self.slope[bent] ** 2 / self.curvature[bent])) / 2.0
            if -self.target >= worst * (1.0 - REACH):
                raise LossOutOfReach(loss, worst)
        far = self.target / float(np.sum(self.slope * self.slope))
        while self.pnl(far) > self.target:
            far *= 2.0
        return self.steps(float(brentq(self._gap, far, 0.0, xtol=1e-300, rtol=1e-14)))

    def _gap(self, multiplier: float) -> float:
        return self.pnl(multiplier) - self.target


def _checked(exposures: npt.ArrayLike, covariance: npt.ArrayLike, loss: float) -> tuple[FloatArray, FloatArray]:
    """Exposures (N,) and loadings (N, R) of the covariance."""
    held = finite_matrix("exposures", np.reshape(np.asarray(exposures, dtype=np.float64), (-1, 1)))[:, 0]
    if not 0.0 < loss < float("inf"):
        raise InvalidParameter(f"loss is {loss}: must be positive and finite")
    loadings = pivoted_cholesky(covariance)
    if len(loadings) != len(held):
        raise ShapeMismatch(f"{len(held)} exposures, a covariance of {len(loadings)} factors")
    return held, loadings
