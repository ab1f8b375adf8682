"""Components against Jorion's example and by hand; they add up, by position, group and factor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lakehouse.risk import (
    Conventions,
    InsufficientHistory,
    InvalidParameter,
    Method,
    Quantile,
    ShapeMismatch,
    Simulation,
    estimate,
    historical_es,
    historical_var,
    portfolio_pnl,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.contributions import (
    Contributions,
    grouped,
    incremental,
    parametric_contributions,
    scenario_contributions,
)
from lakehouse.risk.factors import by_factor, fit_factors
from lakehouse.risk.monte_carlo import fit_normal, simulate_moves


def market(days: int = 500, names: int = 8, portfolios: int = 3) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(12)
    returns = rng.standard_normal((days, 1)) * 0.01 + stats.t.rvs(5, size=(days, names), random_state=1) * 0.01
    return returns, rng.normal(size=(names, portfolios)) * 1e6


def adds_up(found: Contributions) -> None:
    np.testing.assert_allclose(found.component_var.sum(axis=0), found.var, rtol=1e-9)
    np.testing.assert_allclose(found.component_es.sum(axis=0), found.es, rtol=1e-9)


def test_jorions_two_currencies() -> None:
    # Jorion (2007), "Value at Risk", 3rd edition, 7.2: 2 million Canadian dollars at 5 % and 1 million euros at 12 %
    # volatility, uncorrelated, 95 % with 1.65 deviations: VaR 257,738; components 105,630 and 152,108; marginals
    # 0.0528 and 0.1521.
    returns = np.array([[0.05, 0.12], [0.05, -0.12], [-0.05, 0.12], [-0.05, -0.12]])
    held = np.array([[2e6], [1e6]])
    found = parametric_contributions(
        Method.PARAMETRIC_NORMAL, returns, held, confidence=0.95, conventions=Conventions(ddof=0)
    )
    his = 1.65 / stats.norm.ppf(0.95)
    assert found.var[0] * his == pytest.approx(257_738, abs=2)
    np.testing.assert_allclose(found.component_var[:, 0] * his, [105_630, 152_108], atol=2)
    np.testing.assert_allclose(found.marginal_var[:, 0] * his, [0.0528, 0.1521], atol=5e-5)
    adds_up(found)


@pytest.mark.parametrize("method", [Method.PARAMETRIC_NORMAL, Method.STUDENT_T])
@pytest.mark.parametrize("conventions", [Conventions(), Conventions(ddof=0, horizon_days=10)])
def test_parametric_totals_are_the_methods_and_marginals_its_slope(method: Method, conventions: Conventions) -> None:
    returns, held = market()
    found = parametric_contributions(method, returns, held, confidence=0.99, conventions=conventions)

    def measured(exposures: FloatArray) -> tuple[FloatArray, FloatArray]:
        whole = estimate(method, portfolio_pnl(returns, exposures), confidence=0.99, conventions=conventions)
        return whole.var, whole.es

    np.testing.assert_allclose((found.var, found.es), measured(held), rtol=1e-12)
    adds_up(found)
    if method is Method.PARAMETRIC_NORMAL:
        step = np.zeros_like(held)
        step[3] = 10.0
        slope = (np.array(measured(held + step)) - np.array(measured(held - step))) / 20.0
        np.testing.assert_allclose((found.marginal_var[3], found.marginal_es[3]), slope, rtol=1e-5)


@pytest.mark.parametrize("quantile", list(Quantile))
@pytest.mark.parametrize("horizon_days", [1, 5])
def test_scenario_totals_are_the_historical_measures(quantile: Quantile, horizon_days: int) -> None:
    returns, held = market()
    conventions = Conventions(quantile=quantile, horizon_days=horizon_days)
    found = scenario_contributions(returns, held, confidence=0.975, conventions=conventions)
    pnl = portfolio_pnl(returns, held)
    chosen: dict[str, Any] = {"confidence": 0.975, "horizon_days": horizon_days}
    np.testing.assert_allclose(found.var, historical_var(pnl, quantile=quantile, **chosen), rtol=1e-12)
    np.testing.assert_allclose(found.es, historical_es(pnl, **chosen), rtol=1e-12)
    adds_up(found)


def test_scenario_components_by_hand() -> None:
    returns = np.array([[-0.04, 0.01], [-0.02, -0.02], [0.01, -0.01], [0.03, 0.0], [0.0, 0.01]])
    held = np.array([[100.0], [50.0]])
    # Losses 3.5, 3.0, -0.5, -3.0, -0.5: at 70 % the quantile is the second worst, and the tail one and a half days.
    found = scenario_contributions(returns, held, confidence=0.7)
    np.testing.assert_allclose(found.component_var[:, 0], [2.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(found.component_es[:, 0], [(4.0 + 1.0) / 1.5, (-0.5 + 0.5) / 1.5], atol=1e-12)


def test_neighbours_smooth_and_still_add_up() -> None:
    returns, held = market(2000)
    exact = scenario_contributions(returns, held, confidence=0.99)
    smooth = scenario_contributions(returns, held, confidence=0.99, neighbours=8)
    adds_up(smooth)
    np.testing.assert_array_equal(smooth.var, exact.var)
    assert "neighbours=8" in smooth.convention
    reference = parametric_contributions(Method.PARAMETRIC_NORMAL, returns, held, confidence=0.99)

    def distance(found: Contributions) -> float:
        return float(np.abs(found.component_var / found.var - reference.component_var / reference.var).sum())

    assert distance(smooth) < distance(exact)


def test_an_empty_portfolio_has_components_of_zero() -> None:
    returns, held = market()
    held[:, 1] = 0.0
    found = scenario_contributions(returns, held, confidence=0.95, neighbours=3)
    adds_up(found)
    assert (found.component_var[:, 1] == 0).all()
    assert (found.var[[0, 2]] > 0).all()


def test_simulated_components_go_to_the_parametric_ones() -> None:
    returns, held = market()
    scenarios = simulate_moves(fit_normal(returns), Simulation(seed=1, scenarios=60_000))
    found = scenario_contributions(scenarios, held, confidence=0.99, neighbours=200)
    expected = parametric_contributions(Method.PARAMETRIC_NORMAL, returns, held, confidence=0.99)
    adds_up(found)
    np.testing.assert_allclose(found.var, expected.var, rtol=0.03)
    scale = np.abs(expected.component_es).max()
    np.testing.assert_allclose(found.component_es, expected.component_es, atol=0.05 * scale)
    np.testing.assert_allclose(found.component_var, expected.component_var, atol=0.08 * scale)


def test_incremental_is_the_difference_and_zero_where_nothing_is_held() -> None:
    returns, held = market()
    held[2] = 0.0
    found = incremental(returns, held, np.eye(8), confidence=0.99)
    assert (found.var[2] == 0).all()
    assert (found.es[2] == 0).all()
    without = held.copy()
    without[5] = 0.0
    pnl, rest = portfolio_pnl(returns, held), portfolio_pnl(returns, without)
    np.testing.assert_array_equal(
        found.var[5], historical_var(pnl, confidence=0.99) - historical_var(rest, confidence=0.99)
    )
    np.testing.assert_array_equal(
        found.es[5], historical_es(pnl, confidence=0.99) - historical_es(rest, confidence=0.99)
    )
    everything = incremental(returns, held, np.ones((8, 1)), confidence=0.99)
    np.testing.assert_array_equal(everything.var[0], historical_var(pnl, confidence=0.99))


def test_groups_keep_the_total_and_may_be_looked_through() -> None:
    returns, held = market()
    found = scenario_contributions(returns, held, confidence=0.99)
    sectors = np.zeros((8, 3))
    sectors[:4, 0] = sectors[4:7, 1] = 1.0
    sectors[7] = [0.25, 0.25, 0.5]
    by_sector = grouped(found.component_var, sectors)
    np.testing.assert_allclose(by_sector.sum(axis=0), found.var, rtol=1e-12)
    expected = found.component_var[:4].sum(axis=0) + 0.25 * found.component_var[7]
    np.testing.assert_allclose(by_sector[0], expected, rtol=1e-9)


def test_factors_explain_what_they_made() -> None:
    rng = np.random.default_rng(3)
    factors = rng.standard_normal((400, 2)) * 0.01
    betas = np.array([[1.0, 0.5, -0.2], [0.0, 1.5, 0.7]])
    returns = factors @ betas + rng.standard_normal((400, 3)) * 0.001 + 0.0002
    model = fit_factors(returns, factors)
    np.testing.assert_allclose(model.betas, betas, atol=0.02)
    np.testing.assert_allclose(model.alpha, 0.0002, atol=2e-4)
    assert (model.explained > 0.9).all()
    np.testing.assert_allclose(factors @ model.betas + model.own, returns, atol=1e-15)
    reference = stats.linregress(factors[:, 0], returns[:, 0])
    single = fit_factors(returns[:, [0]], factors[:, [0]])
    assert single.betas[0, 0] == pytest.approx(reference.slope, rel=1e-9)
    assert single.alpha[0] == pytest.approx(reference.intercept, rel=1e-6)
    assert single.explained[0] == pytest.approx(reference.rvalue**2, rel=1e-9)


Measure = Callable[[FloatArray, FloatArray], Contributions]


@pytest.mark.parametrize(
    "measure",
    [
        lambda moves, held: scenario_contributions(moves, held, confidence=0.975),
        lambda moves, held: parametric_contributions(Method.STUDENT_T, moves, held, confidence=0.975),
    ],
    ids=["scenarios", "parametric"],
)
def test_risk_by_factor_adds_up_to_the_same_risk(measure: Measure) -> None:
    returns, held = market()
    factors = np.column_stack([returns.mean(axis=1), np.random.default_rng(1).standard_normal(500) * 0.01])
    book = by_factor(fit_factors(returns, factors), held)
    whole, split = measure(returns, held), measure(book.returns, book.exposures)
    np.testing.assert_allclose(split.var, whole.var, rtol=1e-8)
    for components, total in ((split.component_var, whole.var), (split.component_es, whole.es)):
        by_name = grouped(components, book.grouping)
        assert by_name.shape == (3, 3)
        np.testing.assert_allclose(by_name.sum(axis=0), total, rtol=1e-8)


def test_what_is_refused() -> None:
    returns, held = market()
    with pytest.raises(InsufficientHistory):
        scenario_contributions(returns[:50], held, confidence=0.99)
    with pytest.raises(InvalidParameter, match="scenario_contributions"):
        parametric_contributions(Method.HISTORICAL, returns, held, confidence=0.99)
    with pytest.raises(InvalidParameter, match="neighbours"):
        scenario_contributions(returns, held, confidence=0.99, neighbours=-1)
    with pytest.raises(InvalidParameter, match="sum to 1"):
        grouped(held, np.zeros((8, 2)))
    with pytest.raises(ShapeMismatch):
        grouped(held, np.eye(7))
    with pytest.raises(InvalidParameter, match="rank"):
        fit_factors(returns, returns[:, [0, 0]])
    with pytest.raises(ShapeMismatch):
        fit_factors(returns, returns[:10])
