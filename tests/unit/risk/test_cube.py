"""The cube: the same numbers as the plain measures, components that add up, bytes that nothing beside them changes."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lakehouse.risk.checks import FloatArray, InsufficientHistory, ShapeMismatch
from lakehouse.risk.cube import (
    Groups,
    exposures_on_grid,
    measure,
    normal_scenarios,
    on_grid,
    scenario_pnl,
)
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.shortfall import historical_es
from lakehouse.risk.var import historical_var

SIMULATION = Simulation(seed=11, scenarios=1_000, stream=5, block_rows=300)


def market(days: int, names: int) -> FloatArray:
    random = np.random.default_rng(names)
    common = random.normal(0, 0.01, (days, 1))
    moves: FloatArray = 0.7 * common + random.normal(0.0002, 0.01, (days, names))
    return moves


def held(portfolios: int, names: int) -> FloatArray:
    amounts: FloatArray = np.random.default_rng(portfolios).normal(0, 10_000, (portfolios, names))
    return amounts


def by_instrument(names: int) -> Groups:
    return Groups(tuple(f"S{number}" for number in range(names)), np.arange(names))


@pytest.mark.parametrize("names", [10, 80])  # a Cholesky factor, and more instruments than half of the days
def test_scenarios_have_the_sample_s_mean_and_covariance(names: int) -> None:
    returns = market(120, names)
    scenarios = normal_scenarios(returns, Simulation(seed=3, scenarios=60_000))
    moves = scenarios.units * scenarios.unit
    expected = np.cov(returns.T)
    # Standard errors of a covariance from 60,000 draws are about 0.6 % of the variances.
    np.testing.assert_allclose(np.cov(moves.T), expected, atol=0.03 * expected.diagonal().max())
    np.testing.assert_allclose(moves.mean(axis=0), returns.mean(axis=0), atol=5 * 0.015 / np.sqrt(60_000))


def test_more_days_scale_mean_and_covariance() -> None:
    returns = market(100, 4)
    one, ten = (normal_scenarios(returns, SIMULATION, horizon_days=days) for days in (1, 10))
    centred = (ten.units * ten.unit - 10 * returns.mean(axis=0)) / np.sqrt(10)
    np.testing.assert_allclose(centred, one.units * one.unit - returns.mean(axis=0), atol=1e-7)


@pytest.mark.parametrize("confidence", [Decimal("0.99"), Decimal("0.975"), Decimal("0.9755")])
def test_numbers_are_those_of_the_plain_measures(confidence: Decimal) -> None:
    scenarios, exposures = normal_scenarios(market(100, 12), SIMULATION), exposures_on_grid(held(30, 12))
    pnl = scenario_pnl(scenarios, exposures)
    (found,) = measure(scenarios, exposures, [confidence], groups=by_instrument(12))
    np.testing.assert_array_equal(found.var, historical_var(pnl.T, confidence=confidence))
    np.testing.assert_allclose(found.es, historical_es(pnl.T, confidence=confidence), rtol=1e-12)
    np.testing.assert_array_equal(pnl.argmin(axis=1), found.worst[:, 0])


@pytest.mark.parametrize("quantile", list(Quantile))
@pytest.mark.parametrize("levels", [(Decimal("0.99"),), (Decimal("0.9"), Decimal("0.995"))])
def test_var_alone_follows_every_convention(quantile: Quantile, levels: tuple[Decimal, ...]) -> None:
    scenarios, exposures = normal_scenarios(market(100, 12), SIMULATION), exposures_on_grid(held(30, 12))
    pnl = scenario_pnl(scenarios, exposures).T
    expected = [historical_var(pnl, confidence=level, quantile=quantile) for level in levels]
    found = measure(scenarios, exposures, levels, quantile=quantile)
    np.testing.assert_allclose([level.var for level in found], expected, rtol=1e-14)
    components = measure(scenarios, exposures, levels, quantile=quantile, groups=by_instrument(12))
    np.testing.assert_allclose([level.component_var.sum(axis=1) for level in components], expected, rtol=1e-12)


def test_components_sum_to_the_whole_and_groups_to_their_members() -> None:
    scenarios, exposures = normal_scenarios(market(100, 12), SIMULATION), exposures_on_grid(held(30, 12))
    (single,) = measure(scenarios, exposures, [0.99], groups=by_instrument(12))
    halves = Groups(("even", "odd"), np.arange(12) % 2)
    (grouped,) = measure(scenarios, exposures, [0.99], groups=halves)
    np.testing.assert_allclose(single.component_var.sum(axis=1), single.var, rtol=1e-12)
    np.testing.assert_allclose(single.component_es.sum(axis=1), single.es, rtol=1e-12)
    for group in (0, 1):
        members = single.component_es[:, group::2].sum(axis=1)
        np.testing.assert_allclose(grouped.component_es[:, group], members, rtol=1e-9, atol=1e-9)


def test_a_portfolio_s_bytes_do_not_change_with_those_beside_it() -> None:
    scenarios, amounts = normal_scenarios(market(100, 12), SIMULATION), held(2_300, 12)
    exposures = exposures_on_grid(amounts)
    (together,) = measure(scenarios, exposures, [0.99], groups=by_instrument(12))
    for row in (0, 999, 1_000, 2_299):
        (alone,) = measure(scenarios, exposures_on_grid(amounts[row : row + 1]), [0.99], groups=by_instrument(12))
        for name in ("var", "es", "component_var", "component_es", "worst"):
            assert getattr(alone, name).tobytes() == getattr(together, name)[row : row + 1].tobytes()


def test_pnl_is_exact_on_the_grids() -> None:
    scenarios, exposures = on_grid(market(50, 7)), exposures_on_grid(held(3, 7))
    pnl = scenario_pnl(scenarios, exposures)
    for portfolio in range(3):
        for day in (0, 17, 49):
            units = sum(int(a) * int(b) for a, b in zip(exposures.units[portfolio], scenarios.units[day], strict=True))
            assert pnl[portfolio, day] == units * float(exposures.unit[portfolio]) * scenarios.unit


@settings(deadline=None, max_examples=40)
@given(st.floats(1e-3, 1e9), st.integers(0, 2**32))
def test_risk_scales_with_the_holdings_and_shortfall_is_never_below(scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    scenarios = on_grid(random.standard_t(4, (200, 5)) * 0.01)
    amounts = random.normal(0, 100, (4, 5))
    (one,) = measure(scenarios, exposures_on_grid(amounts), [0.95], groups=by_instrument(5))
    (many,) = measure(scenarios, exposures_on_grid(amounts * scale), [0.95], groups=by_instrument(5))
    np.testing.assert_allclose(many.es, one.es * scale, rtol=1e-5)
    assert (one.es >= one.var - 1e-9 * np.abs(one.var)).all()


def test_nothing_held_is_no_risk_and_too_few_scenarios_are_refused() -> None:
    scenarios = on_grid(market(120, 3))
    (nothing,) = measure(scenarios, exposures_on_grid(np.zeros((1, 3))), [0.99], groups=by_instrument(3))
    assert nothing.var.tolist() == nothing.es.tolist() == [0.0]
    few, some = on_grid(market(99, 3)), exposures_on_grid(held(1, 3))
    with pytest.raises(InsufficientHistory, match="99 observations, at least 100 needed"):
        measure(few, some, [0.99], groups=by_instrument(3))
    with pytest.raises(ShapeMismatch, match="groups name 2 instruments, scenarios have 3"):
        measure(scenarios, some, [0.99], groups=by_instrument(2))
    with pytest.raises(ShapeMismatch, match="3 instruments in scenarios, 4 in exposures"):
        scenario_pnl(scenarios, exposures_on_grid(held(1, 4)))
