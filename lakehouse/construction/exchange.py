"""At most so many names for a ratio of return, or of single risks, to risk: one name for another while that is better.

No exact way is known to the solvers here; from the largest weights, a few exchanges come close to it.
"""

from collections.abc import Callable, Iterable

import numpy as np

from lakehouse.construction.convex import SolverFailure
from lakehouse.construction.model import Goal, Market, Objective, volatility
from lakehouse.risk.checks import FloatArray

EXCHANGES = 20
"""At most; a number and not a time, so that the same input gives the same weights on a busy machine too."""
TRIED = 3
"""Names that may go, and for each as many that may come, in one round: those that promise most."""
LEAST_GAIN = 1e-6
Solve = Callable[[tuple[int, ...]], FloatArray]


def has_ratio(goal: Goal) -> bool:
    """Whether the goal is the best ratio of something to volatility."""
    return goal.objective in (Objective.MAX_SHARPE, Objective.MAX_DIVERSIFICATION)


def exchanged(goal: Goal, market: Market, previous: FloatArray, names: tuple[int, ...], solve: Solve) -> FloatArray:
    """Weights (N,) from `names` on: `solve` gives the best ones of some names. No single exchange that was tried makes
    the ratio better by a share of LEAST_GAIN. Raises SolverFailure where not even `names` can be solved."""
    ratio = _Ratio(goal, market, previous)
    best = solve(names)
    for _ in range(EXCHANGES):
        found = next((each for each in _tried(ratio, best, names, solve) if ratio.is_better(each[1], best)), None)
        if found is None:
            break
        names, best = found
    return best


def _tried(
    ratio: "_Ratio", best: FloatArray, names: tuple[int, ...], solve: Solve
) -> Iterable[tuple[tuple[int, ...], FloatArray]]:
    slope = ratio.slope(best)
    others = sorted(set(range(len(best))) - set(names), key=lambda i: (-slope[i], i))[:TRIED]
    for out in sorted(names, key=lambda i: (best[i], i))[:TRIED]:
        for into in others:
            changed = tuple(sorted({*names, into} - {out}))
            try:
                yield changed, solve(changed)
            except SolverFailure:  # these names cannot keep the limits
                continue


class _Ratio:
    """What is gained (N,) of a unit of weight, less the costs of getting there, to volatility."""

    def __init__(self, goal: Goal, market: Market, previous: FloatArray) -> None:
        is_sharpe = goal.objective is Objective.MAX_SHARPE
        self.gain = market.mean - goal.risk_free if is_sharpe else np.sqrt(np.diag(market.covariance))
        costs = np.zeros(len(previous)) if goal.costs is None or not is_sharpe else np.array(goal.costs)
        self.costs, self.previous, self.covariance = costs / goal.holding_days, previous, market.covariance

    def is_better(self, one: FloatArray, other: FloatArray) -> bool:
        """Whether `one` is better than `other`, by more than a solver's tolerance."""
        had = self._of(other)
        return self._of(one) > had + LEAST_GAIN * abs(had)

    def slope(self, weights: FloatArray) -> FloatArray:
        """(N,) by how much the ratio rises with a little more of each, costs left out; zeros where there is no risk."""
        risk = volatility(weights, self.covariance)
        if risk == 0:
            return np.zeros_like(weights)
        share = float(weights @ self.gain) / risk**2
        rising: FloatArray = (self.gain - share * (self.covariance @ weights)) / risk
        return rising

    def _of(self, weights: FloatArray) -> float:
        risk = volatility(weights, self.covariance)
        gained = float(weights @ self.gain - np.abs(weights - self.previous) @ self.costs)
        return gained / risk if risk > 0 else -np.inf
