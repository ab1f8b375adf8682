"""The convex problems, as skfolio and cvxpy solve them, on inputs in percent. Heavy: imports skfolio and cvxpy."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
from cvxpy.error import SolverError
from skfolio import RiskMeasure
from skfolio.exceptions import OptimizationError
from skfolio.optimization import (
    BaseOptimization,
    HierarchicalRiskParity,
    InverseVolatility,
    MaximumDiversification,
    MeanRisk,
    ObjectiveFunction,
    RiskBudgeting,
)

from lakehouse.construction.given import scaled
from lakehouse.construction.limits import Limits
from lakehouse.construction.model import SCALE, ConstructionError, Goal, Market, Objective, contributions
from lakehouse.risk.checks import FloatArray

MARGIN = 1e-7
"""How far inside a limit of turnover or cost a solver has to stay, so that its own tolerance does not break it."""
EXACT = (("tol_gap_abs", 1e-12), ("tol_gap_rel", 1e-12), ("tol_feas", 1e-11))
USUAL = (("tol_gap_abs", 1e-9), ("tol_gap_rel", 1e-9))
CAREFUL = (*USUAL, ("max_step_fraction", 0.9))  # as exact, by shorter steps: the others stop short of it now and then
LEAST_BUDGET = 1e-10  # skfolio's own floor: the logarithm needs one
NEAR = 1e-4
NEWTON_STEPS = 3
Options = tuple[tuple[str, float], ...]


class SolverFailure(ConstructionError):
    """No attempt gave weights. The message says what each answered."""


@dataclass(frozen=True, slots=True)
class Solver:
    """Settings of the conic solver, tried in order until one solves exactly; seconds of a mixed-integer solver."""

    attempts: tuple[Options, ...] = (EXACT, USUAL, CAREFUL)
    mip_seconds: float = 30.0


USUAL_SOLVER = Solver()


def optimised(goal: Goal, market: Market, limits: Limits, previous: FloatArray, solver: Solver) -> FloatArray:
    """Weights (N,) that are optimal for a convex goal within convex limits (cardinality is not). Raises
    SolverFailure."""
    unit, before = _of_one(limits, previous)
    weights = _tried(
        lambda options: _model(goal, market, unit, before).set_params(solver_params=options), market, solver
    )
    if goal.objective in (Objective.RISK_PARITY, Objective.RISK_BUDGETING):
        weights = _refined(weights, goal, market)
    return limits.budget * weights


def few_by_cvar(goal: Goal, market: Market, limits: Limits, previous: FloatArray, solver: Solver) -> FloatArray:
    """The least CVaR with at most `limits.cardinality` names: a mixed-integer linear program, by HiGHS. Raises
    SolverFailure, also where the time is up."""
    model = _model(goal, market, *_of_one(limits, previous))
    model.set_params(solver="HIGHS", cardinality=limits.cardinality)
    timed = Solver(attempts=((("time_limit", solver.mip_seconds),),))
    return limits.budget * _tried(lambda options: model.set_params(solver_params=options), market, timed)


def unlimited(goal: Goal, market: Market) -> FloatArray:
    """Weights (N,) that sum to 1 of the goals that skfolio answers without a solver: HRP and inverse volatility.
    Raises SolverFailure, as for an instrument without any risk."""
    models = {Objective.HRP: HierarchicalRiskParity, Objective.INVERSE_VOLATILITY: InverseVolatility}
    return _fitted(models[goal.objective](prior_estimator=scaled(market)), market)


def closest(wanted: FloatArray, limits: Limits, previous: FloatArray, solver: Solver) -> FloatArray:
    """The weights within convex limits with the least sum of squares from `wanted` (N,). Raises SolverFailure."""
    weights = cp.Variable(limits.count)
    rules = [
        weights >= np.array(limits.lower),
        weights <= np.array(limits.upper),
        cp.sum(weights) == limits.budget,
        *rules_of(limits, previous)(weights),
    ]
    return solved(cp.Problem(cp.Minimize(cp.sum_squares(weights - wanted)), rules), weights, solver)


def least_change(wanted: FloatArray, bands: FloatArray, limits: Limits, previous: FloatArray) -> FloatArray:
    """The weights within limits and within `bands` (N,) of `wanted` (N,) that need the least turnover, and of these
    the closest to `wanted`. Raises SolverFailure."""
    tight = np.maximum(np.array(limits.lower), wanted - bands), np.minimum(np.array(limits.upper), wanted + bands)
    weights = cp.Variable(limits.count)
    rules = [
        weights >= tight[0],
        weights <= tight[1],
        cp.sum(weights) == limits.budget,
        *rules_of(limits, previous)(weights),
    ]
    change = cp.norm1(weights - previous)
    first = solved(cp.Problem(cp.Minimize(change), rules), weights, USUAL_SOLVER)
    cap = float(np.abs(first - previous).sum()) + MARGIN
    second = cp.Problem(cp.Minimize(cp.sum_squares(weights - wanted)), [*rules, change <= cap])
    return solved(second, weights, USUAL_SOLVER)


def solved(problem: cp.Problem, weights: cp.Variable, solver: Solver) -> FloatArray:
    """The value of `weights` at the problem's exact optimum. Raises SolverFailure."""
    told: list[str] = []
    for options in solver.attempts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                problem.solve(solver=cp.CLARABEL, **dict(options))
        except SolverError as error:
            told.append(str(error))
            continue
        if problem.status == cp.OPTIMAL:
            return np.asarray(weights.value, dtype=np.float64)
        told.append(str(problem.status))
    raise SolverFailure("; ".join(dict.fromkeys(told)))


def rules_of(limits: Limits, previous: FloatArray) -> Callable[[cp.Variable], list[cp.Constraint]]:
    """Sectors, turnover, gross exposure and cost as constraints of a variable that is proportional to the weights.

    The ratio problems (Sharpe, diversification, risk budgets) are solved for weights times an unknown factor, which is
    the variable's own sum over the budget: written by it, one form fits all. skfolio's own `max_turnover` bounds each
    instrument, this one the sum.
    """

    def rules(variable: cp.Variable) -> list[cp.Constraint]:
        factor = cp.sum(variable) / limits.budget
        found: list[cp.Constraint] = []
        for group in limits.groups:
            held = cp.sum(variable[list(group.members)])
            found += [held <= group.upper * factor, held >= group.lower * factor]
        change = cp.abs(variable - factor * previous)
        if limits.max_turnover is not None:
            found.append(cp.sum(change) <= max(0.0, limits.max_turnover - MARGIN) * factor)
        if limits.max_gross is not None:
            found.append(cp.norm1(variable) <= (limits.max_gross - MARGIN) * factor)
        if limits.max_cost is not None:
            found.append(np.array(limits.costs) @ change <= max(0.0, limits.max_cost - MARGIN) * factor)
        return found

    return rules


def _model(goal: Goal, market: Market, limits: Limits, previous: FloatArray) -> BaseOptimization:
    common: dict[str, object] = {
        "prior_estimator": scaled(market),
        "min_weights": np.array(limits.lower),
        "max_weights": np.array(limits.upper),
        "add_constraints": rules_of(limits, previous),
    }
    return _MAKERS[goal.objective](goal, {**common, **_costs(goal, previous)}, common)


def _refined(weights: FloatArray, goal: Goal, market: Market) -> FloatArray:
    """Risk budgets to rounding, where no limit binds: a conic solver stops a few 1e-6 short of them.

    Newton's method on x' C x / 2 - sum of budget times log x (Spinu 2013), from the solver's weights.
    """
    covariance = market.covariance * SCALE**2
    budget = np.ones(len(weights)) if goal.risk_budget is None else np.array(goal.risk_budget)
    budget = np.maximum(budget / budget.sum(), LEAST_BUDGET)
    if np.abs(contributions(weights, covariance) - budget).max() > NEAR:
        return weights
    point = weights / np.sqrt(weights @ covariance @ weights)
    for _ in range(NEWTON_STEPS):
        point = np.maximum(point, np.finfo(np.float64).tiny)
        gradient = covariance @ point - budget / point
        point = point - np.linalg.solve(covariance + np.diag(budget / point**2), gradient)
    exact: FloatArray = point / point.sum()
    return exact if np.abs(exact - weights).max() < NEAR and (exact > 0).all() else weights


def _of_one(limits: Limits, previous: FloatArray) -> tuple[Limits, FloatArray]:
    """The same problem for weights that sum to 1: not all of skfolio's optimisers know another budget."""
    budget = limits.budget
    scaled_limits = replace(
        limits,
        lower=tuple(low / budget for low in limits.lower),
        upper=tuple(high / budget for high in limits.upper),
        groups=tuple(replace(g, lower=g.lower / budget, upper=g.upper / budget) for g in limits.groups),
        budget=1.0,
        max_turnover=None if limits.max_turnover is None else limits.max_turnover / budget,
        max_cost=None if limits.max_cost is None else limits.max_cost / budget,
        max_gross=None if limits.max_gross is None else limits.max_gross / budget,
    )
    return scaled_limits, previous / budget


def _costs(goal: Goal, previous: FloatArray) -> Mapping[str, object]:
    if goal.costs is None:
        return {}
    return {"transaction_costs": np.array(goal.costs) * SCALE / goal.holding_days, "previous_weights": previous}


Arguments = Mapping[str, object]


def _min_variance(_: Goal, __: Arguments, common: Arguments) -> BaseOptimization:
    return MeanRisk(risk_measure=RiskMeasure.VARIANCE, **common)


def _max_sharpe(goal: Goal, costed: Arguments, _: Arguments) -> BaseOptimization:
    return MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_RATIO,
        risk_measure=RiskMeasure.STANDARD_DEVIATION,
        risk_free_rate=goal.risk_free * SCALE,
        **costed,
    )


def _mean_cvar(goal: Goal, costed: Arguments, common: Arguments) -> BaseOptimization:
    if goal.risk_aversion is None:
        return MeanRisk(risk_measure=RiskMeasure.CVAR, cvar_beta=goal.cvar_confidence, **common)
    return MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_measure=RiskMeasure.CVAR,
        cvar_beta=goal.cvar_confidence,
        risk_aversion=goal.risk_aversion,
        **costed,
    )


def _risk_budgeting(goal: Goal, _: Arguments, common: Arguments) -> BaseOptimization:
    budget = None if goal.objective is Objective.RISK_PARITY else np.array(goal.risk_budget)
    return RiskBudgeting(risk_measure=RiskMeasure.VARIANCE, risk_budget=budget, **common)


def _max_diversification(_: Goal, __: Arguments, common: Arguments) -> BaseOptimization:
    return MaximumDiversification(**common)


_MAKERS: dict[Objective, Callable[[Goal, Arguments, Arguments], BaseOptimization]] = {
    Objective.MIN_VARIANCE: _min_variance,
    Objective.MAX_SHARPE: _max_sharpe,
    Objective.MEAN_CVAR: _mean_cvar,
    Objective.RISK_PARITY: _risk_budgeting,
    Objective.RISK_BUDGETING: _risk_budgeting,
    Objective.MAX_DIVERSIFICATION: _max_diversification,
}


def _tried(make: Callable[[dict[str, float]], BaseOptimization], market: Market, solver: Solver) -> FloatArray:
    told: list[str] = []
    for options in solver.attempts:
        try:
            return _fitted(make(dict(options)), market)
        except SolverFailure as error:
            told.append(str(error))
    raise SolverFailure("; ".join(dict.fromkeys(told)))


def _fitted(model: BaseOptimization, market: Market) -> FloatArray:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            weights = np.asarray(model.fit(market.returns * SCALE).weights_, dtype=np.float64)
        except (OptimizationError, SolverError, ValueError, np.linalg.LinAlgError) as error:
            raise SolverFailure(f"{type(error).__name__}: {error}") from error
    # An inexact solution comes with a warning alone: skfolio returns its weights as if they were optimal.
    if any("inaccurate" in str(warning.message) for warning in heard):
        raise SolverFailure("the solver stopped before its solution was exact")
    if not np.isfinite(weights).all():
        raise SolverFailure("the solver's weights are not finite")
    return weights
