"""At most so many names: by outer approximation for the least variance, by the largest weights for other goals.

Heavy: imports skfolio and cvxpy.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from lakehouse.construction.convex import Solver, SolverFailure, optimised
from lakehouse.construction.limits import Limits
from lakehouse.construction.model import SCALE, Goal, Market
from lakehouse.risk.checks import FloatArray

GAP = 1e-4
"""Relative gap between the best variance found and the bound below which nothing exists: closed at this."""
ROUNDS = 15
"""A number and not a time, so that the same input gives the same weights on a busy machine too."""


@dataclass(frozen=True, slots=True)
class Fewest:
    """Weights (N,), and by which share of their variance better ones might exist at most; 0 where none do."""

    weights: FloatArray
    gap: float


def only(limits: Limits, names: tuple[int, ...]) -> Limits:
    """The limits with everything but `names` at zero, and no limit of their number."""
    kept = set(names)
    upper = tuple(most if i in kept else 0.0 for i, most in enumerate(limits.upper))
    return replace(limits, upper=upper, cardinality=None)


def least_variance(goal: Goal, market: Market, limits: Limits, previous: FloatArray, solver: Solver) -> Fewest:
    """Weights of the least variance with at most `limits.cardinality` names.

    Outer approximation (Duran and Grossmann 1986) with perspective cuts (Frangioni and Gentile 2006), since HiGHS has
    no mixed-integer quadratic programs: a mixed-integer linear program over tangents of the variance proposes which
    names to hold and bounds what is possible; a quadratic program over these names answers with exact weights and new
    tangents. Stops where bound and best meet, or after ROUNDS with the gap that is left. Raises SolverFailure.
    """
    covariance = market.covariance * SCALE**2
    master = _Master(limits, previous, covariance)
    free = optimised(goal, market, replace(limits, cardinality=None), previous, solver)
    master.cut(free)
    best, least, bound = free, np.inf, float(free @ covariance @ free)
    for _ in range(ROUNDS):
        try:
            proposed, names = master.solve(solver.mip_seconds)
        except SolverFailure:
            if not np.isfinite(least):
                raise
            break  # what was found stands, with the gap that is left
        bound = max(bound, proposed)
        weights = optimised(goal, market, only(limits, names), previous, solver)
        variance = float(weights @ covariance @ weights)
        if variance < least:
            best, least = weights, variance
        if bound >= least * (1 - GAP):
            return Fewest(best, 0.0)
        master.cut(weights)
    return Fewest(best, 1 - bound / least)


class _Master:
    """Minimise z over (weight, increase, decrease, held?, square, z) within limits and above every tangent.

    The covariance is split into a diagonal and a rest that is still positive semidefinite: `square` stands for the
    diagonal's weight squared over held, whose tangents are zero where a name is not held. That is what makes a
    tangent bind.
    """

    def __init__(self, limits: Limits, previous: FloatArray, covariance: FloatArray) -> None:
        self.limits, self.previous = limits, previous
        self.n = limits.count
        deviation = np.sqrt(np.diag(covariance))
        least = float(np.linalg.eigvalsh(covariance / np.outer(deviation, deviation))[0])
        self.diagonal = max(0.0, least * 0.999) * deviation**2
        self.rest = covariance - np.diag(self.diagonal)
        self.cuts: list[LinearConstraint] = []

    def cut(self, weights: FloatArray) -> None:
        """Add the tangents at `weights`: z >= diagonal' square + 2 (R w)' x - w' R w, square >= 2 w x - w^2 held."""
        n, slope = self.n, self.rest @ weights
        line = np.zeros(5 * n + 1)
        line[:n], line[4 * n : 5 * n], line[-1] = -2 * slope, -self.diagonal, 1.0
        self.cuts.append(LinearConstraint(line, -float(weights @ slope), np.inf))
        zero, column = sparse.csr_matrix((n, n)), sparse.csr_matrix((n, 1))
        matrix = sparse.hstack(
            [-2 * sparse.diags(weights), zero, zero, sparse.diags(weights**2), sparse.identity(n), column]
        )
        self.cuts.append(LinearConstraint(matrix, 0.0, np.inf))

    def solve(self, seconds: float) -> tuple[float, tuple[int, ...]]:
        """The bound, and the names to hold. Adds the tangents at its own weights, too. Raises SolverFailure."""
        n = self.n
        objective = np.zeros(5 * n + 1)
        objective[-1] = 1.0
        kinds = np.concatenate([np.zeros(3 * n), np.ones(n), np.zeros(n + 1)])
        top = np.concatenate([np.array(self.limits.upper), np.full(2 * n, np.inf), np.ones(n), np.full(n + 1, np.inf)])
        low = np.concatenate([np.array(self.limits.lower), np.zeros(4 * n + 1)])
        result = milp(
            objective,
            constraints=[*self._constraints(), *self.cuts],
            integrality=kinds,
            bounds=Bounds(low, top),
            options={"time_limit": seconds},
        )
        if result.x is None:
            raise SolverFailure(f"the mixed-integer program has no answer: {result.message}")
        self.cut(np.maximum(result.x[:n], 0.0))
        return float(result.mip_dual_bound), tuple(int(i) for i in np.flatnonzero(result.x[3 * n : 4 * n] > 0.5))

    def _constraints(self) -> list[LinearConstraint]:
        limits, n = self.limits, self.n
        eye, zero, column = sparse.identity(n), sparse.csr_matrix((n, n)), sparse.csr_matrix((n, 1))
        most = sparse.diags(np.minimum(np.array(limits.upper), limits.budget))
        rows = [
            LinearConstraint(sparse.hstack([eye, -eye, eye, zero, zero, column]), self.previous, self.previous),
            LinearConstraint(sparse.hstack([eye, zero, zero, -most, zero, column]), -np.inf, 0.0),
            LinearConstraint(self._sum(range(n)), limits.budget, limits.budget),
            LinearConstraint(self._sum(range(3 * n, 4 * n)), -np.inf, limits.cardinality or n),
        ]
        rows += [LinearConstraint(self._sum(g.members), g.lower, g.upper) for g in limits.groups]
        if limits.max_turnover is not None:
            rows.append(LinearConstraint(self._sum(range(n, 3 * n)), -np.inf, limits.max_turnover))
        if limits.max_cost is not None:
            costs = np.zeros(5 * n + 1)
            costs[n : 3 * n] = np.tile(np.array(limits.costs), 2)
            rows.append(LinearConstraint(costs, -np.inf, limits.max_cost))
        return rows

    def _sum(self, places: Iterable[int]) -> FloatArray:
        line = np.zeros(5 * self.n + 1)
        line[list(places)] = 1.0
        return line
