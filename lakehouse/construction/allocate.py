"""Weights for a goal within limits, or the previous weights and the reason. Heavy: imports skfolio and cvxpy.

What a solver returns is held against the limits by plain arithmetic before it counts. A limit that contradicts others
is found and named; an inexact solution and an error of the solver are recorded. Nothing here ever raises for a market
that cannot be solved, and nothing pretends.
"""

from dataclasses import replace
from importlib.metadata import version

import numpy as np

from lakehouse.construction.convex import (
    USUAL_SOLVER,
    Solver,
    SolverFailure,
    closest,
    few_by_cvar,
    least_change,
    optimised,
    unlimited,
)
from lakehouse.construction.exchange import exchanged, has_ratio
from lakehouse.construction.few import least_variance, only
from lakehouse.construction.limits import Limits, conflict, largest, turnover, violations
from lakehouse.construction.model import Allocation, Goal, Market, Objective, Status, contributions, volatility
from lakehouse.construction.subset import allowed, subset
from lakehouse.risk.checks import FloatArray, ShapeMismatch, finite_matrix

PACKAGES = ("skfolio", "cvxpy-base", "clarabel", "scipy", "numpy")
WITHOUT_SOLVER = frozenset({Objective.EQUAL_WEIGHT, Objective.HRP, Objective.INVERSE_VOLATILITY})
DUST = 1e-9
EXCHANGED = "cardinality: {count} names that no exchange made better, which need not be the best names"
LARGEST = "cardinality: the {count} largest weights were kept and solved again, which need not be the best names"


def allocate(
    goal: Goal, market: Market, limits: Limits, previous: FloatArray, *, solver: Solver = USUAL_SOLVER
) -> Allocation:
    """The weights that are best for `goal` within `limits`, from the `previous` weights (N,).

    Equal weight, inverse volatility and HRP know no limits: where theirs break one, the closest weights within (least
    squares) are taken and the reasons say so. The same input gives the same bytes on one machine.
    Raises ShapeMismatch and NonFinite for input that does not fit together; never for a problem that has no answer.
    """
    count = len(market.symbols)
    goal.check(count)
    held = finite_matrix("previous", previous[None, :])[0]
    if not limits.count == len(held) == count:
        raise ShapeMismatch(f"{count} instruments, {limits.count} limits, {len(held)} previous weights")
    if named := conflict(_with_bands(goal, limits), market.symbols, held):
        reason = f"these limits cannot be kept together: {', '.join(named)}"
        return _kept(goal, market, held, Status.INFEASIBLE, reason)
    try:
        weights, reasons = _weights(goal, market, limits, held, solver)
    except SolverFailure as failure:
        return _kept(goal, market, held, Status.FAILED, f"the solver failed: {failure}")
    weights = _tidied(weights, limits, held)
    if broken := violations(limits, weights, held):
        return _kept(goal, market, held, Status.FAILED, f"the solver's weights break {', '.join(broken)}")
    return _allocation(goal, market, weights, Status.SOLVED, reasons)


def _weights(
    goal: Goal, market: Market, limits: Limits, previous: FloatArray, solver: Solver
) -> tuple[FloatArray, tuple[str, ...]]:
    if len(allowed(limits)) < limits.count:
        part = subset(goal, market, limits, previous)
        weights, reasons = _weights(part.goal, part.market, part.limits, part.previous, solver)
        return part.expand(weights, limits.count), reasons
    if goal.objective is Objective.TARGET_WEIGHTS or goal.objective in WITHOUT_SOLVER:
        return _moved_inside(goal, market, limits, previous, solver)
    if limits.cardinality is None:
        return optimised(goal, market, limits, previous, solver), ()
    if goal.objective is Objective.MIN_VARIANCE:
        found = least_variance(goal, market, limits, previous, solver)
        left = f"cardinality: the variance is within {found.gap:.2%} of the least that is possible"
        return found.weights, (left,) if found.gap else ()
    if goal.objective is Objective.MEAN_CVAR:
        return few_by_cvar(goal, market, limits, previous, solver), ()
    free = optimised(goal, market, replace(limits, cardinality=None), previous, solver)
    names = largest(free, limits, market.symbols, previous)

    def solve(chosen: tuple[int, ...]) -> FloatArray:
        return _weights(goal, market, only(limits, chosen), previous, solver)[0]

    if has_ratio(goal):
        return exchanged(goal, market, previous, names, solve), (EXCHANGED.format(count=len(names)),)
    return solve(names), (LARGEST.format(count=len(names)),)


def _moved_inside(
    goal: Goal, market: Market, limits: Limits, previous: FloatArray, solver: Solver
) -> tuple[FloatArray, tuple[str, ...]]:
    wanted = _wanted(goal, market, limits)
    inside = limits if limits.cardinality is None else only(limits, largest(wanted, limits, market.symbols, previous))
    broken = violations(limits, wanted, previous, tolerance=DUST)
    told = (LARGEST.format(count=limits.cardinality),) if "cardinality" in broken else ()
    if goal.objective is Objective.TARGET_WEIGHTS and goal.bands is not None:
        return least_change(wanted, np.array(goal.bands), inside, previous), told
    if not broken:
        return wanted, ()
    moved = f"moved to the closest weights that keep {', '.join(broken)}"
    return closest(wanted, inside, previous, solver), (moved, *told)


def _wanted(goal: Goal, market: Market, limits: Limits) -> FloatArray:
    if goal.targets is not None and goal.objective is Objective.TARGET_WEIGHTS:
        return np.array(goal.targets)
    if goal.objective is Objective.EQUAL_WEIGHT:
        return np.full(limits.count, limits.budget / limits.count)
    return unlimited(goal, market) * limits.budget


def _with_bands(goal: Goal, limits: Limits) -> Limits:
    if goal.objective is not Objective.TARGET_WEIGHTS or goal.targets is None or goal.bands is None:
        return limits
    wanted, bands = np.array(goal.targets), np.array(goal.bands)
    lower = np.maximum(np.array(limits.lower), wanted - bands)
    upper = np.minimum(np.array(limits.upper), wanted + bands)
    return replace(limits, lower=tuple(lower.tolist()), upper=tuple(upper.tolist()))


def _tidied(weights: FloatArray, limits: Limits, previous: FloatArray) -> FloatArray:
    """Without the solver's last digits: inside bounds, dust at zero, the sum exact to rounding, turnover kept."""
    lower, upper = np.array(limits.lower), np.array(limits.upper)
    clean = np.where(np.abs(weights) < DUST, 0.0, weights)
    clean = np.clip(clean, lower, upper)
    free = (clean > lower) & (clean < upper) & (clean != 0)
    if free.any():
        # The rest is spread over weights that are at no bound: at most the solver's tolerance.
        clean[free] += (limits.budget - clean.sum()) / free.sum()
    over = turnover(clean, previous)
    if limits.max_turnover is not None and over > limits.max_turnover > 0 and previous.sum() > 0:
        clean = previous + (clean - previous) * (limits.max_turnover / over)
    return clean


def _kept(goal: Goal, market: Market, previous: FloatArray, status: Status, reason: str) -> Allocation:
    return _allocation(goal, market, previous, status, (reason,))


def _allocation(
    goal: Goal, market: Market, weights: FloatArray, status: Status, reasons: tuple[str, ...]
) -> Allocation:
    return Allocation(
        objective=goal.objective,
        symbols=market.symbols,
        weights=weights,
        status=status,
        reasons=reasons,
        solver=_solver(goal),
        volatility=volatility(weights, market.covariance),
        mean_return=float(weights @ market.mean),
        contributions=contributions(weights, market.covariance),
        conventions=f"covariance={market.estimator};mean=sample;inputs=percent;turnover=sum;horizon=1d",
        versions=tuple((name, version(name)) for name in PACKAGES),
    )


def _solver(goal: Goal) -> str:
    return "none" if goal.objective in WITHOUT_SOLVER else "CLARABEL, HiGHS for whole numbers"
