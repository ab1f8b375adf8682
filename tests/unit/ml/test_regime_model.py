"""The chain of regimes: fitted by statsmodels, filtered here, never told by what comes later."""

from datetime import date, timedelta

import numpy as np
import pytest
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from lakehouse.construction.regime import Regime
from lakehouse.risk.checks import FloatArray, InsufficientHistory, InvalidParameter, NonFinite, ShapeMismatch
from ml.features.market import market_moves
from ml.inference.regime import (
    RegimeChain,
    by_regime,
    forward_filter,
    from_document,
    name_states,
    read_model,
    to_document,
)  # fmt: skip
from ml.training.regime.fit import FitFailed, fit, stationary

TRUTH = RegimeChain(
    means=np.array([0.0010, 0.0, -0.0030]),
    deviations=np.array([0.005, 0.012, 0.035]),
    transition=np.array([[0.98, 0.02, 0.0], [0.03, 0.95, 0.02], [0.0, 0.1, 0.9]]),
    initial=np.array([1.0, 0.0, 0.0]),
    names=(Regime.BULL, Regime.SIDEWAYS, Regime.BEAR),
)


def simulated(days: int, seed: int) -> tuple[FloatArray, FloatArray]:
    random = np.random.default_rng(seed)
    states = [0]
    for _ in range(days - 1):
        states.append(int(random.choice(3, p=TRUTH.transition[states[-1]])))
    at = np.array(states)
    return TRUTH.means[at] + TRUTH.deviations[at] * random.normal(size=days), at.astype(float)


@pytest.fixture(scope="module")
def history() -> tuple[FloatArray, FloatArray]:
    return simulated(1500, seed=5)


@pytest.fixture(scope="module")
def fitted(history: tuple[FloatArray, FloatArray]) -> RegimeChain:
    return fit(history[0])


def test_the_fit_finds_the_chain_that_made_the_days(fitted: RegimeChain) -> None:
    assert fitted.names == TRUTH.names
    assert fitted.deviations == pytest.approx(TRUTH.deviations, rel=0.15)
    assert np.diag(fitted.transition) == pytest.approx(np.diag(TRUTH.transition), abs=0.05)
    assert fitted.initial == pytest.approx(fitted.initial @ fitted.transition)


def test_filtered_regimes_mostly_are_the_true_ones(fitted: RegimeChain, history: tuple[FloatArray, FloatArray]) -> None:
    said = forward_filter(fitted, history[0]).probabilities.argmax(axis=1)
    assert (said == history[1]).mean() > 0.85


def test_our_filter_is_statsmodels(history: tuple[FloatArray, FloatArray]) -> None:
    moves = history[0][:600] * 100
    model = MarkovRegression(moves, k_regimes=2, trend="c", switching_variance=True)
    # p[0->0], p[1->0], the two means, the two variances.
    theirs = model.smooth(np.array([0.97, 0.05, 0.08, -0.1, 0.5, 4.0]))
    transition = np.array([[0.97, 0.03], [0.05, 0.95]])
    ours = RegimeChain(
        np.array([0.08, -0.1]), np.sqrt([0.5, 4.0]), transition, stationary(transition), (Regime.BULL, Regime.BEAR)
    )
    found = forward_filter(ours, moves)
    assert found.probabilities == pytest.approx(np.asarray(theirs.filtered_marginal_probabilities), abs=1e-10)
    assert found.log_densities.sum() == pytest.approx(theirs.llf, rel=1e-12)


def test_what_comes_later_changes_no_day(fitted: RegimeChain, history: tuple[FloatArray, FloatArray]) -> None:
    whole = forward_filter(fitted, history[0])
    shocked = np.concatenate([history[0][:700], np.full(5, -0.2)])
    for cut, moves in ((700, history[0][:700]), (1, history[0][:1]), (700, shocked)):
        part = forward_filter(fitted, moves)
        assert np.array_equal(part.probabilities[:cut], whole.probabilities[:cut])
        assert np.array_equal(part.log_densities[:cut], whole.log_densities[:cut])


def test_features_of_a_day_are_those_of_a_history_that_ends_there() -> None:
    random = np.random.default_rng(2)
    days = [date(2020, 1, 1) + timedelta(days=int(each)) for each in random.integers(0, 90, size=800)]
    returns = random.normal(0, 0.02, size=800)
    whole = market_moves(days, returns)
    for cut in (date(2020, 1, 20), date(2020, 2, 28)):
        known = np.array([day <= cut for day in days])
        part = market_moves([day for day in days if day <= cut], returns[known])
        until = whole.until(cut)
        assert np.array_equal(part.days, until.days)
        assert np.array_equal(part.log_returns, until.log_returns)
        assert np.array_equal(part.breadth, until.breadth)


def test_a_market_is_the_mean_of_whom_it_has() -> None:
    days = [date(2024, 1, 3), date(2024, 1, 2), date(2024, 1, 2)]
    found = market_moves(days, np.array([-0.5, 0.3, -0.1]))
    assert found.log_returns == pytest.approx(np.log([1.1, 0.5]))
    assert list(found.breadth) == [0.5, 0.0]


def test_extreme_days_do_not_underflow() -> None:
    found = forward_filter(TRUTH, np.array([5.0, -5.0]))
    assert np.isfinite(found.log_densities).all()
    assert found.probabilities.sum(axis=1) == pytest.approx(1)


def test_names_go_by_variance_and_mean() -> None:
    risen, fallen = np.array([0.001, 0.0005, 0.002]), np.array([-0.001, -0.002, 0.002])
    deviations = np.array([0.01, 0.02, 0.04])
    assert name_states(risen, deviations) == (Regime.BULL, Regime.SIDEWAYS, Regime.BEAR)
    assert name_states(fallen, deviations) == (Regime.SIDEWAYS, Regime.SIDEWAYS, Regime.BEAR)


def test_a_reading_names_its_source_and_has_the_rules_numbers() -> None:
    calm = np.random.default_rng(1).normal(0.001, 0.004, size=400)
    found = read_model(TRUTH, calm, source="model:market_regime@3")
    assert (found.regime, found.source) == (Regime.BULL, "model:market_regime@3")
    assert found.trend > 1
    crash = read_model(TRUTH, np.concatenate([calm, [-0.06, 0.05, -0.07]]), source="model:market_regime@3")
    assert crash.regime is Regime.BEAR
    with pytest.raises(InsufficientHistory):
        read_model(TRUTH, calm[:50], source="model:market_regime@3")


def test_a_document_brings_back_the_same_chain(fitted: RegimeChain) -> None:
    again = from_document(to_document(fitted))
    assert np.array_equal(again.transition, fitted.transition)
    assert again.names == fitted.names
    shares = by_regime(again, np.array([0.2, 0.3, 0.5]))
    assert shares == {Regime.BULL: 0.2, Regime.SIDEWAYS: 0.3, Regime.BEAR: 0.5}


@pytest.mark.parametrize(
    "change",
    [
        {"means": [0.0]},
        {"deviations": [0.3, 0.2, 0.1]},
        {"initial": [0.5, 0.4, 0.0]},
        {"names": ["up"] * 3},
        {"names": 1},
    ],
)
def test_a_document_that_is_no_chain_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter):
        from_document({**to_document(TRUTH), **change})


def test_what_is_refused() -> None:
    with pytest.raises(InsufficientHistory):
        fit(np.zeros(499))
    with pytest.raises(FitFailed):
        fit(np.zeros(600))
    with pytest.raises(NonFinite):
        forward_filter(TRUTH, np.array([np.nan]))
    with pytest.raises(ShapeMismatch):
        market_moves([date(2024, 1, 2)], np.zeros(2))
    with pytest.raises(NonFinite):
        market_moves([date(2024, 1, 2)], np.array([-1.0]))
