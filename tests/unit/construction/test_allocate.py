"""Allocations against hand-solved cases, skfolio itself, brute force, and problems without an answer."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from skfolio.datasets import load_sp500_dataset
from skfolio.optimization import HierarchicalRiskParity, InverseVolatility

from lakehouse.construction.allocate import allocate
from lakehouse.construction.convex import Solver
from lakehouse.construction.estimate import Estimator, market
from lakehouse.construction.limits import Group, conflict, long_only, turnover
from lakehouse.construction.model import Allocation, Goal, Market, Objective, Status, sample_market
from lakehouse.risk.checks import FloatArray, ShapeMismatch

SOLVED_BY_MOMENTS = (
    Objective.MIN_VARIANCE,
    Objective.MAX_SHARPE,
    Objective.RISK_PARITY,
    Objective.MEAN_CVAR,
    Objective.MAX_DIVERSIFICATION,
    Objective.HRP,
    Objective.EQUAL_WEIGHT,
    Objective.INVERSE_VOLATILITY,
)


def of_moments(covariance: FloatArray, mean: FloatArray | None = None) -> Market:
    """A market of exactly these moments; its returns matter to no goal that looks at moments alone."""
    count = len(covariance)
    returns = np.random.default_rng(7).multivariate_normal(np.zeros(count), covariance, size=60)
    symbols = tuple(f"S{i}" for i in range(count))
    return Market(symbols, returns, np.zeros(count) if mean is None else mean, covariance, "given")


def prices() -> FloatArray:
    return np.asarray(load_sp500_dataset().iloc[-501:].to_numpy(), dtype=np.float64)


@pytest.fixture(scope="module")
def real() -> Market:
    closes = prices()
    return market(tuple(load_sp500_dataset().columns), closes[1:] / closes[:-1] - 1)


def solved(goal: Goal, found: Market, **limits: Any) -> Allocation:
    count = len(found.symbols)
    allocation = allocate(goal, found, replace(long_only(count), **limits), np.full(count, 1 / count))
    assert allocation.status is Status.SOLVED, allocation.reasons
    return allocation


def test_the_least_variance_of_two_independent_instruments_is_inverse_to_their_variances() -> None:
    # w1 = s2^2 / (s1^2 + s2^2): daily volatilities of 1 % and 2 % give 0.8 and 0.2 (Markowitz 1952).
    found = solved(Goal(Objective.MIN_VARIANCE), of_moments(np.diag([0.01**2, 0.02**2])))
    np.testing.assert_allclose(found.weights, [0.8, 0.2], atol=1e-8)
    assert found.volatility == pytest.approx(0.01 * 0.8**0.5)


def test_the_best_sharpe_ratio_is_the_tangency_portfolio() -> None:
    covariance = np.array([[4e-4, 1e-4], [1e-4, 1e-4]])
    mean = np.array([0.0012, 0.0005])
    raw = np.linalg.solve(covariance, mean)
    found = solved(Goal(Objective.MAX_SHARPE), of_moments(covariance, mean))
    np.testing.assert_allclose(found.weights, raw / raw.sum(), atol=2e-6)


def test_costs_of_trading_lower_the_return_that_a_sharpe_ratio_is_made_of() -> None:
    covariance, mean = np.diag([1e-4, 1e-4]), np.array([0.001, 0.0005])
    found = of_moments(covariance, mean)
    free = solved(Goal(Objective.MAX_SHARPE), found)
    costly = solved(Goal(Objective.MAX_SHARPE, costs=(0.02, 0.02), holding_days=21), found)
    np.testing.assert_allclose(free.weights, [2 / 3, 1 / 3], atol=1e-7)
    np.testing.assert_allclose(costly.weights, [0.5, 0.5], atol=1e-6)


def test_risk_parity_of_two_instruments_is_inverse_to_their_volatilities_whatever_their_correlation() -> None:
    # Maillard, Roncalli and Teiletche 2010, section 2.2.
    covariance = np.array([[0.01**2, 0.5 * 0.01 * 0.03], [0.5 * 0.01 * 0.03, 0.03**2]])
    found = solved(Goal(Objective.RISK_PARITY), of_moments(covariance))
    np.testing.assert_allclose(found.weights, [0.75, 0.25], atol=1e-7)


def test_risk_is_shared_as_the_budget_says(real: Market) -> None:
    budget = tuple(float(i) for i in range(1, 21))
    found = solved(Goal(Objective.RISK_BUDGETING, risk_budget=budget), real)
    np.testing.assert_allclose(found.contributions, np.array(budget) / 210, atol=1e-6)


def test_the_most_diversified_weights_are_those_of_the_correlations_over_the_volatilities() -> None:
    # Choueifaty and Coignard 2008: with the correlation matrix R, w is proportional to inv(R) 1 / sigma.
    deviation = np.array([0.01, 0.02, 0.015])
    correlation = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.0]])
    raw = np.linalg.solve(correlation, np.ones(3)) / deviation
    found = solved(Goal(Objective.MAX_DIVERSIFICATION), of_moments(correlation * np.outer(deviation, deviation)))
    np.testing.assert_allclose(found.weights, raw / raw.sum(), atol=1e-7)


def test_hrp_and_inverse_volatility_are_skfolios(real: Market) -> None:
    for objective, model in (
        (Objective.HRP, HierarchicalRiskParity()),
        (Objective.INVERSE_VOLATILITY, InverseVolatility()),
    ):
        plain = sample_market(real.symbols, real.returns)
        np.testing.assert_allclose(solved(Goal(objective), plain).weights, model.fit(real.returns).weights_, atol=1e-12)


def test_the_least_cvar_is_not_beaten_by_any_mix_of_it_and_another(real: Market) -> None:
    found = solved(Goal(Objective.MEAN_CVAR), real)

    def cvar(weights: FloatArray) -> float:
        losses = np.sort(-(real.returns @ weights))[::-1]
        return float(losses[:25].mean())  # 5 % of 500 days

    least = cvar(found.weights)
    for i in range(20):
        mixed = 0.99 * found.weights + 0.01 * np.eye(20)[i]
        assert cvar(mixed) >= least - 1e-9


@pytest.mark.parametrize("objective", SOLVED_BY_MOMENTS)
def test_turnover_is_capped_as_a_sum_and_not_instrument_by_instrument(real: Market, objective: Objective) -> None:
    found = solved(Goal(objective), real, max_turnover=0.1)
    assert turnover(found.weights, np.full(20, 0.05)) <= 0.1
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("objective", SOLVED_BY_MOMENTS)
def test_sectors_bounds_budget_and_names_that_may_not_be_held(real: Market, objective: Objective) -> None:
    sector = Group("technology", (0, 1, 12), 0.05, 0.1)
    upper = (0.0, *(0.15,) * 19)
    found = solved(Goal(objective), real, groups=(sector,), upper=upper, budget=0.8)
    assert found.weights[0] == 0
    assert found.weights.max() <= 0.15 + 1e-9
    assert 0.05 - 1e-6 <= found.weights[[0, 1, 12]].sum() <= 0.1 + 1e-6
    assert found.weights.sum() == pytest.approx(0.8, abs=1e-9)


def test_the_cost_of_a_change_is_capped(real: Market) -> None:
    costs = tuple(0.001 * (1 + i % 3) for i in range(20))
    found = solved(Goal(Objective.MIN_VARIANCE), real, max_cost=0.0002, costs=costs)
    assert np.abs(found.weights - 0.05) @ np.array(costs) <= 0.0002 + 1e-9


def test_the_fewest_names_of_the_least_variance_are_those_of_brute_force(real: Market) -> None:
    some = market(real.symbols[:7], real.returns[:, :7])
    found = solved(Goal(Objective.MIN_VARIANCE), some, cardinality=3)
    best = min(
        solved(Goal(Objective.MIN_VARIANCE), some, upper=tuple(1.0 if i in names else 0.0 for i in range(7))).volatility
        for names in itertools.combinations(range(7), 3)
    )
    assert (found.weights > 1e-6).sum() <= 3
    assert found.volatility == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("objective", [Objective.MAX_SHARPE, Objective.MAX_DIVERSIFICATION])
def test_names_of_a_ratio_are_exchanged_until_they_are_those_of_brute_force(real: Market, objective: Objective) -> None:
    some = market(real.symbols[-8:], real.returns[:, -8:])
    gain = some.mean if objective is Objective.MAX_SHARPE else np.sqrt(np.diag(some.covariance))

    def ratio(upper: tuple[float, ...] = (1.0,) * 8, **limits: Any) -> float:
        found = solved(Goal(objective), some, upper=upper, **limits)
        return float(found.weights @ gain) / found.volatility

    best = max(
        ratio(tuple(1.0 if i in names else 0.0 for i in range(8))) for names in itertools.combinations(range(8), 3)
    )
    assert ratio(cardinality=3) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("objective", [o for o in SOLVED_BY_MOMENTS if o is not Objective.MIN_VARIANCE])
def test_every_goal_keeps_to_the_number_of_names(real: Market, objective: Objective) -> None:
    some = market(real.symbols[:8], real.returns[:, :8])
    found = solved(Goal(objective), some, cardinality=4, groups=(Group("oil", (4,), 0.05, 0.3),))
    assert (found.weights > 1e-6).sum() <= 4
    assert found.weights[4] >= 0.05 - 1e-6


def test_targets_with_bands_need_the_least_turnover() -> None:
    # 0.60 may stay at 0.55 (band 5 points) and 0.05 rises to its own lower edge; only these 5 points move.
    goal = Goal(Objective.TARGET_WEIGHTS, targets=(0.5, 0.3, 0.2), bands=(0.05, 0.05, 0.05))
    found = allocate(goal, of_moments(np.diag([1e-4] * 3)), long_only(3), np.array([0.6, 0.3, 0.1]))
    assert found.status is Status.SOLVED
    np.testing.assert_allclose(found.weights, [0.55, 0.3, 0.15], atol=1e-5)


def test_targets_without_bands_are_the_weights() -> None:
    goal = Goal(Objective.TARGET_WEIGHTS, targets=(0.5, 0.3, 0.2))
    found = allocate(goal, of_moments(np.diag([1e-4] * 3)), long_only(3), np.array([0.6, 0.3, 0.1]))
    np.testing.assert_array_equal(found.weights, [0.5, 0.3, 0.2])


def test_a_failed_solver_keeps_the_previous_weights_and_says_so(real: Market) -> None:
    before = np.arange(1.0, 21) / 210
    hurried = Solver(attempts=((("max_iter", 1),),))
    found = allocate(Goal(Objective.MIN_VARIANCE), real, long_only(20), before, solver=hurried)
    assert found.status is Status.FAILED
    assert "solver" in found.reasons[0]
    np.testing.assert_array_equal(found.weights, before)


def test_an_instrument_without_risk_fails_hrp_and_keeps_the_previous_weights() -> None:
    flat = sample_market(("A", "B"), np.column_stack([np.zeros(30), np.linspace(-0.01, 0.01, 30)]))
    found = allocate(Goal(Objective.HRP), flat, long_only(2), np.array([0.4, 0.6]))
    assert found.status is Status.FAILED
    np.testing.assert_array_equal(found.weights, [0.4, 0.6])


def test_limits_that_contradict_each_other_are_named_and_no_others(real: Market) -> None:
    limits = replace(
        long_only(20, most=0.5),
        groups=(Group("everything", tuple(range(20)), 0.0, 0.9), Group("free", (1, 2), 0.0, 0.3)),
        max_turnover=2.0,
    )
    found = allocate(Goal(Objective.MIN_VARIANCE), real, limits, np.full(20, 0.05))
    assert found.status is Status.INFEASIBLE
    assert "budget" in found.reasons[0]
    assert "everything" in found.reasons[0]
    assert "free" not in found.reasons[0]
    assert "turnover" not in found.reasons[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"upper": (0.2,) * 4}, {"budget", *(f"upper bound of S{i}" for i in range(4))}),
        ({"cardinality": 1, "lower": (0.1, 0.1, 0.0, 0.0)}, {"cardinality", "lower bound of S0", "lower bound of S1"}),
        ({"max_turnover": 0.1, "lower": (0.5, 0.0, 0.0, 0.0)}, {"max_turnover", "lower bound of S0"}),
        ({"lower": (0.6, 0.0, 0.0, 0.0), "upper": (0.5, 1.0, 1.0, 1.0)}, {"lower bound of S0", "upper bound of S0"}),
    ],
)
def test_a_conflict_is_irreducible(change: dict[str, Any], named: set[str]) -> None:
    limits = replace(long_only(4), **change)
    symbols = tuple(f"S{i}" for i in range(4))
    assert set(conflict(limits, symbols, np.full(4, 0.25))) == named


def test_input_that_does_not_fit_together_is_refused(real: Market) -> None:
    with pytest.raises(ShapeMismatch):
        allocate(Goal(Objective.EQUAL_WEIGHT), real, long_only(3), np.full(20, 0.05))
    with pytest.raises(ShapeMismatch):
        allocate(Goal(Objective.TARGET_WEIGHTS, targets=(1.0,)), real, long_only(20), np.full(20, 0.05))


@pytest.mark.parametrize("estimator", list(Estimator))
def test_the_covariance_is_of_a_day_in_fractions(real: Market, estimator: Estimator) -> None:
    found = market(real.symbols, real.returns, estimator)
    plain = np.cov(real.returns, rowvar=False)
    assert found.covariance.shape == plain.shape
    assert np.trace(found.covariance) == pytest.approx(np.trace(plain), rel=0.5)
    assert found.estimator.startswith(estimator)
