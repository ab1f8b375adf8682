"""VaR and expected shortfall against closed forms, published examples and numbers worked by hand."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kurtosis, norm, skew

from lakehouse.risk import (
    BATCH_METHODS,
    Conventions,
    ExpansionNotMonotone,
    InsufficientHistory,
    InvalidParameter,
    Method,
    NonFinite,
    Quantile,
    ShapeMismatch,
    Simulation,
    cornish_fisher_es,
    cornish_fisher_valid,
    cornish_fisher_var,
    estimate,
    historical_es,
    historical_var,
    parametric_normal_es,
    parametric_normal_var,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cornish_fisher import expansion_quantile, expansion_tail_mean, normal_tail
from lakehouse.risk.moments import Moments, loss_moments

MEASURES: tuple[Callable[..., FloatArray], ...] = (
    historical_var,
    historical_es,
    parametric_normal_var,
    parametric_normal_es,
    cornish_fisher_var,
    cornish_fisher_es,
)


def outcomes(losses: Any) -> FloatArray:
    """Losses as the P&L of one portfolio."""
    return -np.asarray(losses, dtype=np.float64).reshape(-1, 1)


def moments(mean: float = 0.0, deviation: float = 1.0, skewness: float = 0.0, kurt: float = 0.0) -> Moments:
    return Moments(*(np.array([value]) for value in (mean, deviation, skewness, kurt)))


# McNeil, Frey and Embrechts, "Quantitative Risk Management" (2005), table 2.1: 10,000 of a stock with 20 % annual
# volatility over 250 days, normal losses without mean. Recomputed: 10,000 x 0.2 / sqrt(250) = 126.49 times z or
# phi(z) / (1 - c).
@pytest.mark.parametrize(
    ("confidence", "var", "shortfall"),
    [
        ("0.90", 162.1, 222.0),
        ("0.95", 208.1, 260.9),
        ("0.975", 247.9, 295.7),
        ("0.99", 294.3, 337.1),
        ("0.995", 325.8, 365.8),
    ],
)
def test_normal_against_mcneil_frey_embrechts(confidence: str, var: float, shortfall: float) -> None:
    deviation = 10_000 * 0.2 / np.sqrt(250)
    pnl = np.array([[deviation], [-deviation]])
    chosen: dict[str, Any] = {"confidence": Decimal(confidence), "ddof": 0}
    assert parametric_normal_var(pnl, **chosen)[0] == pytest.approx(var, abs=0.06)
    assert parametric_normal_es(pnl, **chosen)[0] == pytest.approx(shortfall, abs=0.06)


def test_normal_constants() -> None:
    tail = normal_tail(0.99)
    assert tail.quantile == pytest.approx(2.3263478740408408, rel=1e-14)
    assert tail.mean == pytest.approx(2.665214220345806, rel=1e-13)
    assert normal_tail(Decimal("0.95")).quantile == pytest.approx(1.6448536269514722, rel=1e-14)
    assert normal_tail(0.5).mean == pytest.approx(np.sqrt(2 / np.pi), rel=1e-14)


def test_normal_uses_mean_ddof_and_root_of_time() -> None:
    pnl = np.array([[1.0], [3.0], [8.0]])  # mean 4, squared deviations 9 + 1 + 16 = 26
    z = normal_tail(0.99).quantile
    assert parametric_normal_var(pnl, confidence=0.99)[0] == pytest.approx(np.sqrt(13) * z - 4)
    assert parametric_normal_var(pnl, confidence=0.99, ddof=0)[0] == pytest.approx(np.sqrt(26 / 3) * z - 4)
    assert parametric_normal_var(pnl, confidence=0.99, horizon_days=10)[0] == pytest.approx(np.sqrt(130) * z - 40)


# A textbook exercise on ranked losses of 500 scenarios (thousands, after Hull, "Risk Management and Financial
# Institutions", historical simulation): the one-day 99 % VaR is the fifth worst loss, 602.968. Its shortfall of
# 786.856 averages the four losses beyond; the fractional-weight definition takes the worst 1 %, all five: 750.078.
def test_historical_against_the_fifth_worst_of_500() -> None:
    worst = [1082.969, 715.512, 687.720, 661.221, 602.968, 546.540, 492.764, 470.092, 458.177]
    pnl = outcomes(worst + [0.0] * 491)
    assert historical_var(pnl, confidence=0.99, quantile=Quantile.HIGHER)[0] == 602.968
    assert historical_var(pnl, confidence=0.99, quantile=Quantile.LOWER)[0] == 546.540
    assert historical_es(pnl, confidence=0.99)[0] == pytest.approx(750.078)
    assert (5 * historical_es(pnl, confidence=0.99)[0] - 602.968) / 4 == pytest.approx(786.856, abs=5e-4)


# Losses 1..10 at 75 %: n c = 7.5, so L(8) = 8 both ways round; LINEAR at 1 + 9 x 0.75 = 7.75; HAZEN at 8;
# MEDIAN_UNBIASED at 7.5 + 1.75 / 3. The tail holds 2.5 losses: (10 + 9 + 8 / 2) / 2.5 = 9.2.
@pytest.mark.parametrize(
    ("quantile", "expected"),
    [
        (Quantile.LOWER, 8.0),
        (Quantile.HIGHER, 8.0),
        (Quantile.LINEAR, 7.75),
        (Quantile.HAZEN, 8.0),
        (Quantile.MEDIAN_UNBIASED, 7.5 + 1.75 / 3),
    ],
)
def test_historical_by_hand(quantile: Quantile, expected: float) -> None:
    pnl = outcomes([3, 9, 1, 7, 10, 2, 8, 5, 4, 6])
    assert historical_var(pnl, confidence=0.75, quantile=quantile)[0] == pytest.approx(expected, rel=1e-15)
    assert historical_es(pnl, confidence=0.75)[0] == pytest.approx(9.2, rel=1e-15)


@pytest.mark.parametrize(
    ("quantile", "numpy_method"),
    [
        (Quantile.LOWER, "inverted_cdf"),
        (Quantile.LINEAR, "linear"),
        (Quantile.HAZEN, "hazen"),
        (Quantile.MEDIAN_UNBIASED, "median_unbiased"),
    ],
)
@pytest.mark.parametrize("observations", [100, 101, 250, 257])
def test_quantiles_agree_with_numpy(quantile: Quantile, numpy_method: Any, observations: int) -> None:
    pnl = np.random.default_rng(observations).standard_normal((observations, 3))
    expected = np.quantile(-pnl, 0.99, axis=0, method=numpy_method)
    np.testing.assert_allclose(historical_var(pnl, confidence=0.99, quantile=quantile), expected, rtol=1e-12)


def test_confidence_is_the_decimal_it_prints_as() -> None:
    losses = np.arange(1.0, 101.0)
    # 100 * 0.55 is 55.00000000000001 in binary: its ceiling would be one order statistic too far.
    assert historical_var(outcomes(losses), confidence=0.55)[0] == 55.0
    assert historical_var(outcomes(losses), confidence=Decimal("0.55000"))[0] == 55.0


def test_historical_horizon_sums_overlapping_days() -> None:
    pnl = np.array([[-1.0], [-2.0], [-4.0], [1.0]])
    assert historical_var(pnl, confidence=0.5, horizon_days=2, quantile=Quantile.HIGHER)[0] == 3.0  # of 3, 6, 3


# A published worked example: z = -2.326, skewness -0.7, excess kurtosis 4.5 at 99 % give -3.708 (acadifi.com, "How
# does the Cornish-Fisher expansion adjust VaR for non-normality"). Ours is in losses: signs of z and skewness turn.
def test_cornish_fisher_against_a_worked_example() -> None:
    assert expansion_quantile(moments(skewness=0.7, kurt=4.5), 0.99)[0] == pytest.approx(3.708, abs=1e-3)


@pytest.mark.parametrize(
    ("skewness", "kurt", "confidence"), [(0.5, 2.0, 0.99), (-0.3, 1.0, 0.95), (0.7, 4.5, 0.99), (0.0, 0.0, 0.975)]
)
def test_cornish_fisher_tail_mean_is_the_integral(skewness: float, kurt: float, confidence: float) -> None:
    def expansion(z: float) -> float:
        s, k = skewness, kurt
        return z + (z * z - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s * s / 36

    found = moments(skewness=skewness, kurt=kurt)
    z = norm.ppf(confidence)
    integral = quad(lambda x: expansion(x) * norm.pdf(x), z, 40, epsabs=1e-13)[0] / (1 - confidence)
    assert expansion_quantile(found, confidence)[0] == pytest.approx(expansion(z), rel=1e-12)
    assert expansion_tail_mean(found, confidence)[0] == pytest.approx(integral, rel=1e-9)


def test_cornish_fisher_is_the_normal_without_skewness_and_kurtosis() -> None:
    # Symmetric, and 1/3 of the weight in two outer points makes the fourth moment the normal's: excess kurtosis 0.
    pnl = np.array([[-1.0], [0.0], [0.0], [0.0], [0.0], [1.0]])
    assert kurtosis(pnl)[0] == pytest.approx(0.0)
    for corrected, normal in ((cornish_fisher_var, parametric_normal_var), (cornish_fisher_es, parametric_normal_es)):
        assert corrected(pnl, confidence=0.99)[0] == pytest.approx(normal(pnl, confidence=0.99)[0])


def test_moments_agree_with_scipy() -> None:
    losses = np.random.default_rng(3).gamma(2.0, size=(4, 300))
    found = loss_moments(losses, 1)
    np.testing.assert_allclose(found.deviation, losses.std(axis=1, ddof=1), rtol=1e-13)
    np.testing.assert_allclose(found.skewness, skew(losses, axis=1), rtol=1e-11)
    np.testing.assert_allclose(found.excess_kurtosis, kurtosis(losses, axis=1), rtol=1e-11)


def test_cornish_fisher_names_the_columns_out_of_its_domain() -> None:
    normal_like = norm.ppf((np.arange(400) + 0.5) / 400)
    rare_gain = np.zeros(400)
    rare_gain[0] = 1.0  # skewness 20: the expansion folds back
    pnl = np.column_stack([normal_like, rare_gain])
    assert cornish_fisher_valid(pnl, confidence=0.99).tolist() == [True, False]
    for measure in (cornish_fisher_var, cornish_fisher_es):
        with pytest.raises(ExpansionNotMonotone) as refused:
            measure(pnl, confidence=0.99)
        assert refused.value.series == (1,)
    # Over many independent days the same portfolio is nearly normal, and inside the domain again.
    assert cornish_fisher_valid(pnl, confidence=0.99, horizon_days=1000).all()


@pytest.mark.parametrize("measure", MEASURES)
def test_a_flat_portfolio_has_no_risk_and_no_negative_zero(measure: Callable[..., FloatArray]) -> None:
    result = measure(np.zeros((250, 1)), confidence=0.99)
    assert result[0] == 0.0
    assert not np.signbit(result[0])


def test_the_order_of_many_scenarios_does_not_change_a_bit() -> None:
    rng = np.random.default_rng(17)
    pnl = rng.standard_normal((5000, 1)) * 1e5
    shuffled = pnl[rng.permutation(5000)]
    for confidence in (0.75, 0.95, 0.99):
        assert historical_es(shuffled, confidence=confidence) == historical_es(pnl, confidence=confidence)


@pytest.mark.parametrize("amount", [0.1, 0.7, 1234.56, -3.3])
def test_a_constant_profit_is_measured_as_itself(amount: float) -> None:
    # The mean of equal numbers may miss them by a rounding: that is no skewness to refuse.
    pnl = np.full((251, 1), amount)
    for measure in (cornish_fisher_var, cornish_fisher_es, parametric_normal_var, historical_es):
        assert measure(pnl, confidence=0.99)[0] == pytest.approx(-amount, rel=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_refuses_what_it_cannot_measure(measure: Callable[..., FloatArray]) -> None:
    history = np.random.default_rng(0).standard_normal((250, 2))
    with pytest.raises(InsufficientHistory):
        measure(np.empty((0, 2)), confidence=0.99)
    with pytest.raises(InsufficientHistory):
        measure(history[:1], confidence=0.99)
    for hole in (np.nan, np.inf):
        broken = history.copy()
        broken[7, 1] = hole
        with pytest.raises(NonFinite) as found:
            measure(broken, confidence=0.99)
        assert found.value.first == (7, 1)
    with pytest.raises(ShapeMismatch):
        measure(history[:, 0], confidence=0.99)
    for confidence in (0.49, 1.0, 99, float("nan"), Decimal("1.5")):
        with pytest.raises(InvalidParameter):
            measure(history, confidence=confidence)
    with pytest.raises(InvalidParameter):
        measure(history, confidence=0.99, horizon_days=0)


def test_history_too_short_for_its_tail_is_refused() -> None:
    with pytest.raises(InsufficientHistory) as short:
        historical_var(np.zeros((99, 1)), confidence=0.99)
    assert (short.value.observations, short.value.required) == (99, 100)
    assert historical_var(np.zeros((100, 1)), confidence=0.99)[0] == 0.0
    with pytest.raises(InvalidParameter, match="ddof"):
        parametric_normal_var(np.zeros((100, 1)), confidence=0.99, ddof=2)


def test_estimate_states_its_convention() -> None:
    pnl = np.random.default_rng(5).standard_normal((260, 2))
    historical = estimate(Method.HISTORICAL, pnl, confidence=0.99, conventions=Conventions(horizon_days=10))
    assert historical.convention == "quantile=lower;es=acerbi_tasche;horizon=10d,overlapping_sums"
    assert (historical.observations, historical.scenarios) == (260, 251)
    normal = estimate(Method.PARAMETRIC_NORMAL, pnl, confidence=0.99)
    assert (normal.convention, normal.scenarios) == ("mean=sample;ddof=1;horizon=1d", 0)
    corrected = estimate(Method.CORNISH_FISHER, pnl, confidence=0.99)
    assert corrected.convention == "mean=sample;ddof=1;skewness,kurtosis=population;horizon=1d"
    np.testing.assert_array_equal(corrected.var, cornish_fisher_var(pnl, confidence=0.99))
    simulated = estimate(
        Method.MONTE_CARLO_NORMAL, pnl, confidence=0.99, simulation=Simulation(seed=9, scenarios=260), observations=500
    )
    assert "philox:seed=9,stream=0,block=4096" in simulated.convention
    assert (simulated.observations, simulated.scenarios) == (500, 260)


def test_estimate_refuses_a_simulation_without_origin() -> None:
    pnl = np.zeros((200, 1))
    with pytest.raises(InvalidParameter):
        estimate(Method.MONTE_CARLO_NORMAL, pnl, confidence=0.99)
    with pytest.raises(InvalidParameter):
        estimate(Method.HISTORICAL, pnl, confidence=0.99, observations=200)
    other = Simulation(seed=1, scenarios=300)
    with pytest.raises(ShapeMismatch):
        estimate(Method.MONTE_CARLO_NORMAL, pnl, confidence=0.99, simulation=other, observations=9)


def test_batch_methods_are_those_of_the_contract() -> None:
    assert [str(method) for method in BATCH_METHODS] == [
        "historical",
        "age_weighted",
        "filtered_historical",
        "parametric_normal",
        "student_t",
        "cornish_fisher",
        "monte_carlo_normal",
        "monte_carlo_t_copula",
    ]
