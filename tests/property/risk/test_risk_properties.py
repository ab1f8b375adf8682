"""What must hold for every history: order, scaling, translation, invariance, coherence of the shortfall."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import assume, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from lakehouse.risk import (
    Conventions,
    Method,
    Quantile,
    Simulation,
    cornish_fisher_valid,
    estimate,
    historical_es,
    historical_var,
    pivoted_cholesky,
    portfolio_pnl,
    sample_covariance,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cornish_fisher import expansion_quantile, expansion_tail_mean, tail_is_monotone
from lakehouse.risk.moments import Moments
from tests.factories.simulated import normal_pnl

AMOUNT = st.floats(-1e6, 1e6).map(lambda value: round(value, 2))
# Twelve decimals: what no price can resolve would only test how floats underflow.
RETURN = st.floats(-0.5, 0.5).map(lambda value: round(value, 12))
CONFIDENCE = st.sampled_from(["0.5", "0.75", "0.9", "0.95", "0.975"]).map(float)
METHOD = st.sampled_from([Method.HISTORICAL, Method.PARAMETRIC_NORMAL, Method.CORNISH_FISHER])
QUANTILE = st.sampled_from(list(Quantile))
CONVENTIONS = st.builds(Conventions, quantile=QUANTILE, ddof=st.sampled_from([0, 1]))


def histories(portfolios: int = 2) -> st.SearchStrategy[FloatArray]:
    """P&L over 40 to 60 days, ties and constant series included."""
    shape = st.integers(40, 60).map(lambda days: (days, portfolios))
    return shape.flatmap(lambda found: hnp.arrays(np.float64, found, elements=AMOUNT))


def measured(
    method: Method, pnl: FloatArray, confidence: float, conventions: Conventions
) -> tuple[FloatArray, FloatArray]:
    if method is Method.CORNISH_FISHER:
        assume(cornish_fisher_valid(pnl, confidence=confidence, ddof=conventions.ddof).all())
    found = estimate(method, pnl, confidence=confidence, conventions=conventions)
    return found.var, found.es


def close(left: FloatArray, right: FloatArray, scale: float = 1.0) -> None:
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-6 * scale)


@settings(max_examples=40, deadline=None)
@given(histories(), METHOD, CONFIDENCE, CONVENTIONS)
def test_shortfall_is_never_below_var(
    pnl: FloatArray, method: Method, confidence: float, conventions: Conventions
) -> None:
    var, shortfall = measured(method, pnl, confidence, conventions)
    assert (shortfall >= var).all()


@settings(max_examples=40, deadline=None)
@given(histories(1), QUANTILE, CONFIDENCE)
def test_empirical_shortfall_needs_no_floor(pnl: FloatArray, quantile: Quantile, confidence: float) -> None:
    var = historical_var(pnl, confidence=confidence, quantile=quantile)
    shortfall = historical_es(pnl, confidence=confidence)
    assert (shortfall >= var - 1e-9 * np.abs(var)).all()
    assert (shortfall <= -pnl.min() + 1e-9 * abs(pnl.min())).all()


@settings(max_examples=40, deadline=None)
@given(histories(), METHOD, CONVENTIONS)
def test_risk_does_not_fall_as_confidence_rises(pnl: FloatArray, method: Method, conventions: Conventions) -> None:
    # 90 to 97.5 %: each step lies inside the tail that Cornish-Fisher's domain check covers from the level before.
    levels = [measured(method, pnl, level, conventions) for level in (0.9, 0.95, 0.975)]
    for (var, shortfall), (higher_var, higher_shortfall) in pairwise(levels):
        assert (higher_var >= var - 1e-9 * (1 + np.abs(var))).all()
        assert (higher_shortfall >= shortfall - 1e-9 * (1 + np.abs(shortfall))).all()


@settings(max_examples=40, deadline=None)
@given(histories(), METHOD, CONFIDENCE, CONVENTIONS, st.floats(0.01, 100))
def test_twice_the_position_is_twice_the_risk(
    pnl: FloatArray, method: Method, confidence: float, conventions: Conventions, factor: float
) -> None:
    before, after = (measured(method, pnl * size, confidence, conventions) for size in (1.0, factor))
    close(after[0], before[0] * factor, factor)
    close(after[1], before[1] * factor, factor)


@settings(max_examples=40, deadline=None)
@given(histories(), METHOD, CONFIDENCE, CONVENTIONS, st.floats(-1e5, 1e5))
def test_cash_lowers_risk_by_its_amount(
    pnl: FloatArray, method: Method, confidence: float, conventions: Conventions, cash: float
) -> None:
    assume((np.ptp(pnl, axis=0) > 1.0).all())
    before, after = (measured(method, pnl + gift, confidence, conventions) for gift in (0.0, cash))
    close(after[0], before[0] - cash, 10.0)
    close(after[1], before[1] - cash, 10.0)


@settings(max_examples=40, deadline=None)
@given(histories(), CONFIDENCE, QUANTILE, st.randoms(use_true_random=False))
def test_the_order_of_days_does_not_change_a_bit_of_historical_risk(
    pnl: FloatArray, confidence: float, quantile: Quantile, random: Any
) -> None:
    order = list(range(len(pnl)))
    random.shuffle(order)
    for series in (pnl, pnl[order]):
        found = measured(Method.HISTORICAL, series, confidence, Conventions(quantile=quantile))
        expected = measured(Method.HISTORICAL, np.sort(pnl, axis=0), confidence, Conventions(quantile=quantile))
        np.testing.assert_array_equal(found, expected)


@settings(max_examples=40, deadline=None)
@given(histories(2), CONFIDENCE)
def test_historical_shortfall_is_subadditive(pnl: FloatArray, confidence: float) -> None:
    apart = historical_es(pnl, confidence=confidence).sum()
    together = historical_es(pnl.sum(axis=1, keepdims=True), confidence=confidence)[0]
    assert together <= apart + 1e-9 * (1 + np.abs(pnl).max())


@settings(max_examples=40, deadline=None)
@given(histories(5), METHOD, CONFIDENCE, CONVENTIONS)
def test_a_column_has_the_same_bits_alone(
    pnl: FloatArray, method: Method, confidence: float, conventions: Conventions
) -> None:
    together = np.array(measured(method, pnl, confidence, conventions))
    alone = [measured(method, pnl[:, [column]], confidence, conventions) for column in range(5)]
    np.testing.assert_array_equal(together, np.array(alone)[:, :, 0].T)


@settings(max_examples=200, deadline=None)
@given(st.floats(-6, 6), st.floats(0, 60), st.sampled_from([0.9, 0.95, 0.975, 0.99, 0.995]))
def test_inside_its_domain_the_expansion_keeps_the_shortfall_above(s: float, above: float, confidence: float) -> None:
    # Kurtosis is at least skewness squared minus 2 for any distribution.
    found = Moments(np.zeros(1), np.ones(1), np.array([s]), np.array([s * s - 2 + above]))
    if tail_is_monotone(found, confidence)[0]:
        assert expansion_tail_mean(found, confidence)[0] >= expansion_quantile(found, confidence)[0]


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(np.float64, (8, 4), elements=st.floats(-0.5, 0.5)),
    hnp.arrays(np.float64, (4, 6), elements=AMOUNT),
    st.integers(0, 2**64 - 1),
    st.integers(1, 64),
)
def test_any_cut_of_any_model_gives_the_same_bytes(
    returns: FloatArray, exposures: FloatArray, seed: int, block_rows: int
) -> None:
    simulation = Simulation(seed=seed, scenarios=100, block_rows=block_rows)
    whole = normal_pnl(returns, exposures, simulation)
    for columns in ([0], [1, 2], [5, 4, 3]):
        part = normal_pnl(returns, exposures[:, columns], simulation)
        assert np.ascontiguousarray(part).tobytes() == whole[:, columns].tobytes()


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 6)), elements=RETURN))
def test_every_sample_covariance_has_a_factor(returns: FloatArray) -> None:
    covariance = sample_covariance(returns)
    loadings = pivoted_cholesky(covariance)
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(loadings @ loadings.T - covariance) <= 1e-8 * np.outer(spread, spread) + 1e-300).all()


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float64, (9, 3), elements=st.floats(-0.5, 0.5)),
    hnp.arrays(np.float64, (3, 4), elements=AMOUNT),
)
def test_portfolio_pnl_is_the_matrix_product(returns: FloatArray, exposures: FloatArray) -> None:
    np.testing.assert_allclose(portfolio_pnl(returns, exposures), returns @ exposures, rtol=1e-12, atol=1e-8)
