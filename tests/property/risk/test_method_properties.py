"""What must hold for every method and every way of taking risk apart, whatever the history."""

from typing import Any

import numpy as np
from hypothesis import assume, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from lakehouse.risk import (
    Conventions,
    Covariance,
    Margins,
    Method,
    Quantile,
    Simulation,
    Windows,
    covariance_matrix,
    estimate,
    estimate_holdings,
    historical_var,
    pivoted_cholesky,
    portfolio_pnl,
)
from lakehouse.risk.breach_tests import (
    christoffersen_coverage,
    christoffersen_independence,
    kupiec_tuff,
    traffic_light,
    transitions,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.contributions import (
    grouped,
    incremental,
    parametric_contributions,
    scenario_contributions,
)
from lakehouse.risk.delta_gamma import delta_normal_var, quadratic_moments, simulate_quadratic
from lakehouse.risk.factors import by_factor, fit_factors
from lakehouse.risk.filtered import rescaled_pnl
from lakehouse.risk.performance import max_drawdown
from lakehouse.risk.t_copula import fit_t_copula, returns_block, simulate_returns
from lakehouse.risk.var_backtest import Backtest
from lakehouse.risk.volatility import Garch

AMOUNT = st.floats(-1e6, 1e6).map(lambda value: round(value, 2))
RETURN = st.floats(-0.3, 0.3).map(lambda value: round(value, 9))
CONFIDENCE = st.sampled_from([0.5, 0.9, 0.95, 0.975])
FROM_PNL = st.sampled_from([Method.AGE_WEIGHTED, Method.STUDENT_T])
SIMULATION = Simulation(seed=11, scenarios=1500, block_rows=256)


def histories(portfolios: int = 2) -> st.SearchStrategy[FloatArray]:
    shape = st.integers(40, 60).map(lambda days: (days, portfolios))
    return shape.flatmap(lambda found: hnp.arrays(np.float64, found, elements=AMOUNT))


def markets(days: int = 60, names: int = 4) -> st.SearchStrategy[FloatArray]:
    return hnp.arrays(np.float64, (days, names), elements=RETURN)


def holdings(names: int = 4, portfolios: int = 3) -> st.SearchStrategy[FloatArray]:
    return hnp.arrays(np.float64, (names, portfolios), elements=AMOUNT)


def seeded_market(seed: int, days: int = 150, names: int = 3) -> FloatArray:
    rng = np.random.default_rng(seed)
    moves: FloatArray = rng.standard_t(4, (days, names)) * 0.01 + rng.standard_normal((days, 1)) * 0.01
    return moves


def both(method: Method, pnl: FloatArray, confidence: float, **chosen: Any) -> FloatArray:
    found = estimate(method, pnl, confidence=confidence, conventions=Conventions(**chosen))
    return np.array([found.var, found.es])


@settings(max_examples=40, deadline=None)
@given(histories(), FROM_PNL, CONFIDENCE, st.sampled_from([0, 1]), st.sampled_from([0.94, 0.98, 1.0]))
def test_shortfall_is_never_below_var(
    pnl: FloatArray, method: Method, confidence: float, ddof: int, decay: float
) -> None:
    var, shortfall = both(method, pnl, confidence, ddof=ddof, age_decay=decay)
    assert (shortfall >= var).all()


@settings(max_examples=40, deadline=None)
@given(histories(), FROM_PNL, CONFIDENCE, st.floats(0.01, 100))
def test_twice_the_position_is_twice_the_risk(
    pnl: FloatArray, method: Method, confidence: float, factor: float
) -> None:
    before, after = (both(method, pnl * size, confidence) for size in (1.0, factor))
    np.testing.assert_allclose(after, before * factor, rtol=1e-6, atol=1e-4 * factor)


@settings(max_examples=40, deadline=None)
@given(histories(), FROM_PNL, CONFIDENCE, st.floats(-1e5, 1e5))
def test_cash_lowers_risk_by_its_amount(pnl: FloatArray, method: Method, confidence: float, cash: float) -> None:
    assume((np.ptp(pnl, axis=0) > 1.0).all())
    before, after = (both(method, pnl + gift, confidence) for gift in (0.0, cash))
    np.testing.assert_allclose(after, before - cash, rtol=1e-6, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(histories(5), FROM_PNL, CONFIDENCE)
def test_a_column_has_the_same_bits_alone(pnl: FloatArray, method: Method, confidence: float) -> None:
    together = both(method, pnl, confidence)
    for column in range(5):
        assert both(method, pnl[:, [column]], confidence).tobytes() == together[:, [column]].tobytes()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(Method)), st.floats(0.01, 100))
def test_every_method_scales_and_keeps_shortfall_above_var(seed: int, method: Method, factor: float) -> None:
    moves = seeded_market(seed)
    held = np.random.default_rng(seed + 1).normal(size=(3, 2)) * 1e5
    one, other = (
        estimate_holdings(method, moves, held * size, confidence=0.95, simulation=SIMULATION) for size in (1.0, factor)
    )
    assert (one.es >= one.var).all()
    # GARCH is fitted by search, the simulation is on a grid: both have a last digit of their own.
    np.testing.assert_allclose(other.var, one.var * factor, rtol=1e-4)
    np.testing.assert_allclose(other.es, one.es * factor, rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(histories(), CONFIDENCE, st.sampled_from(list(Windows)), st.integers(1, 2))
def test_age_weights_of_one_are_plain_history(
    pnl: FloatArray, confidence: float, windows: Windows, horizon_days: int
) -> None:
    assume(len(pnl) // horizon_days >= 1 / (1 - confidence) + 1)
    chosen = {"windows": windows, "horizon_days": horizon_days, "age_decay": 1.0}
    weighted, plain = (both(method, pnl, confidence, **chosen) for method in (Method.AGE_WEIGHTED, Method.HISTORICAL))
    assert weighted[0].tobytes() == plain[0].tobytes()
    np.testing.assert_allclose(weighted[1], plain[1], rtol=1e-9, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(histories(), st.floats(0.1, 1e6), CONFIDENCE)
def test_filtered_history_of_constant_volatility_is_plain_history(
    pnl: FloatArray, variance: float, confidence: float
) -> None:
    level = np.full(2, variance)
    flat = Garch(pnl.mean(axis=0), level, 0 * level, 0 * level, level, np.zeros(2, dtype=np.bool_))
    found = historical_var(rescaled_pnl(pnl, flat), confidence=confidence)
    assert found.tobytes() == historical_var(pnl, confidence=confidence).tobytes()


@settings(max_examples=30, deadline=None)
@given(
    markets(),
    holdings(),
    CONFIDENCE,
    st.sampled_from(list(Quantile)),
    st.sampled_from([1, 3]),
    hnp.arrays(np.float64, (4, 3), elements=st.floats(0.0, 1.0)),
)
def test_components_of_scenarios_add_up_in_every_cut(
    moves: FloatArray, held: FloatArray, confidence: float, quantile: Quantile, horizon: int, raw: FloatArray
) -> None:
    conventions = Conventions(quantile=quantile, horizon_days=horizon)
    found = scenario_contributions(moves, held, confidence=confidence, conventions=conventions)
    scale = np.abs(held).sum(axis=0) + 1.0
    np.testing.assert_allclose(found.component_var.sum(axis=0) / scale, found.var / scale, atol=1e-9)
    np.testing.assert_allclose(found.component_es.sum(axis=0) / scale, found.es / scale, atol=1e-9)
    shares = (raw + 0.01) / (raw + 0.01).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(grouped(found.component_es, shares).sum(axis=0) / scale, found.es / scale, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(markets(), holdings(), CONFIDENCE, st.sampled_from([Method.PARAMETRIC_NORMAL, Method.STUDENT_T]))
def test_parametric_components_add_up(moves: FloatArray, held: FloatArray, confidence: float, method: Method) -> None:
    found = parametric_contributions(method, moves, held, confidence=confidence)
    scale = np.abs(held).sum(axis=0) + 1.0
    np.testing.assert_allclose(found.component_var.sum(axis=0) / scale, found.var / scale, atol=1e-8)
    np.testing.assert_allclose(found.component_es.sum(axis=0) / scale, found.es / scale, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), holdings(3, 2), CONFIDENCE)
def test_factors_and_what_is_left_add_up(seed: int, held: FloatArray, confidence: float) -> None:
    moves = seeded_market(seed)
    book = by_factor(fit_factors(moves, moves.mean(axis=1, keepdims=True)), held)
    whole = scenario_contributions(moves, held, confidence=confidence)
    split = scenario_contributions(book.returns, book.exposures, confidence=confidence)
    scale = np.abs(held).sum(axis=0) + 1.0
    np.testing.assert_allclose(split.var / scale, whole.var / scale, atol=1e-9)
    total = grouped(split.component_var, book.grouping).sum(axis=0)
    np.testing.assert_allclose(total / scale, whole.var / scale, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(markets(), holdings(), CONFIDENCE, st.integers(0, 3))
def test_a_position_of_zero_has_no_incremental_risk(
    moves: FloatArray, held: FloatArray, confidence: float, name: int
) -> None:
    held = held.copy()
    held[name] = 0.0
    found = incremental(moves, held, np.eye(4), confidence=confidence)
    assert (found.var[name] == 0).all()
    assert (found.es[name] == 0).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.sampled_from([1, 2, 8]), st.sampled_from(list(Margins)))
def test_copula_scenarios_are_the_same_bytes_on_any_partitions(
    seed: int, draws: int, partitions: int, margins: Margins
) -> None:
    model = fit_t_copula(seeded_market(seed), margins=margins)
    simulation = Simulation(seed=draws, scenarios=700, block_rows=90)
    blocks = list(simulation.blocks())
    parts = {
        block: returns_block(model, simulation, block=block, rows=rows)
        for partition in reversed(range(partitions))
        for block, rows in blocks[partition::partitions]
    }
    whole = simulate_returns(model, simulation)
    assert np.concatenate([parts[block] for block, _ in blocks]).tobytes() == whole.tobytes()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_simulated_risk_goes_to_delta_normal_as_gamma_vanishes(seed: int, draws: int) -> None:
    covariance = covariance_matrix(seeded_market(seed))
    delta = np.random.default_rng(seed).normal(size=(3, 2)) * 1e6
    simulation = Simulation(seed=draws, scenarios=20_000)
    pnl = simulate_quadratic(covariance, delta, np.full_like(delta, 1e-6), simulation)
    exact = delta_normal_var(covariance, delta, confidence=0.95)
    deviation = quadratic_moments(covariance, delta, np.zeros_like(delta)).deviation
    # Standard error of a normal's sample quantile at 95 %; five of it, for twenty tries of two must not meet three.
    error = deviation * np.sqrt(0.05 * 0.95 / 20_000) / 0.10313564
    assert (np.abs(historical_var(pnl, confidence=0.95) - exact) < 5 * error).all()


@settings(max_examples=30, deadline=None)
@given(markets(30, 5), st.sampled_from(list(Covariance)))
def test_every_covariance_has_a_factor(moves: FloatArray, estimator: Covariance) -> None:
    found = covariance_matrix(moves, estimator=estimator)
    np.testing.assert_array_equal(found, found.T)
    loadings = pivoted_cholesky(found)
    spread = np.sqrt(np.diag(found))
    assert (np.abs(loadings @ loadings.T - found) <= 1e-8 * np.outer(spread, spread) + 1e-300).all()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 80), st.integers(1, 3))), CONFIDENCE)
def test_every_record_can_be_tested(breach: Any, confidence: float) -> None:
    held = Backtest(np.ones(breach.shape), np.where(breach, -2.0, 0.0), breach)
    coverage = christoffersen_coverage(held, confidence=confidence)
    for found in (coverage, christoffersen_independence(transitions(held)), kupiec_tuff(held, confidence=confidence)):
        assert np.isfinite(found.statistic).all()
        assert ((found.p_value >= 0) & (found.p_value <= 1)).all()
    light = traffic_light(held.breaches, held.forecasts, confidence=confidence)
    assert ((light.multiplier >= 3) & (light.multiplier <= 4)).all()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-0.9, 2.0)))
def test_drawdown_is_the_worst_of_all_pairs(moves: FloatArray) -> None:
    found = max_drawdown(moves)
    for column in range(2):
        wealth = np.concatenate([[1.0], np.cumprod(1.0 + moves[:, column])])
        worst = max(1 - wealth[after] / wealth[before] for after in range(len(wealth)) for before in range(after + 1))
        assert np.isclose(found.depth[column], worst, atol=1e-12)
        if found.depth[column] > 0:
            at = wealth[found.trough[column] + 1] / wealth[found.peak[column] + 1]
            assert np.isclose(1 - at, worst, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(markets(), holdings(), CONFIDENCE)
def test_delta_normal_is_the_parametric_method_but_for_the_mean(
    moves: FloatArray, held: FloatArray, confidence: float
) -> None:
    centred = moves - moves.mean(axis=0)
    found = estimate_holdings(Method.DELTA_NORMAL, centred, held, confidence=confidence, simulation=SIMULATION)
    plain = estimate(Method.PARAMETRIC_NORMAL, portfolio_pnl(centred, held), confidence=confidence)
    scale = np.abs(held).sum(axis=0) + 1.0
    np.testing.assert_allclose(found.var / scale, plain.var / scale, atol=1e-8)
