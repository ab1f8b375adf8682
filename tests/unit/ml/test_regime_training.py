"""A training of the regime model on simulated days: folds, plain forecasts beside it, calibration, and the gate."""

from dataclasses import replace

import numpy as np
import pytest

from lakehouse.construction.regime import Regime
from lakehouse.risk.checks import FloatArray
from ml.features.market import MarketMoves
from ml.inference.regime import RegimeChain
from ml.training.forecast.panel import HistoryError
from ml.training.regime.picture import picture
from ml.training.regime.study import Parameters, Study, scored, study, told_quantiles, verdict

CHAIN = RegimeChain(
    means=np.array([0.001, 0.0, -0.003]),
    deviations=np.array([0.005, 0.012, 0.035]),
    transition=np.array([[0.98, 0.02, 0.0], [0.03, 0.95, 0.02], [0.0, 0.1, 0.9]]),
    initial=np.array([0.6, 0.35, 0.05]),
    names=(Regime.BULL, Regime.SIDEWAYS, Regime.BEAR),
)
CHOSEN = Parameters(folds=2, test_days=200)


def simulated(days: int) -> FloatArray:
    random = np.random.default_rng(9)
    states = [0]
    for _ in range(days - 1):
        states.append(int(random.choice(3, p=CHAIN.transition[states[-1]])))
    moves: FloatArray = CHAIN.means[states] + CHAIN.deviations[states] * random.normal(size=days)
    return moves


def moves(log_returns: FloatArray) -> MarketMoves:
    days = np.datetime64("2015-01-01") + np.arange(len(log_returns))
    breadth = np.random.default_rng(2).uniform(size=len(log_returns))
    return MarketMoves(days, log_returns, breadth)


@pytest.fixture(scope="module")
def made() -> Study:
    """A training on 950 days."""
    return study(moves(simulated(950)), 7, CHOSEN)


def test_a_market_with_regimes_is_told_better_than_by_one_normal(made: Study) -> None:
    assert len(made.folds) == 2
    assert made.metrics["mean_gain_over_normal"] > 0.05
    assert made.metrics["days_in_a_regime"] > 5
    assert [each.level for each in made.coverage] == [0.01, 0.05, 0.5, 0.95, 0.99]
    assert (made.frozen.delta_version, (made.frozen.last - made.frozen.first).days) == (7, 199)
    assert {each.feature for each in made.drift} == {"log_return", "breadth"}
    first = verdict(made, None, None, CHOSEN)
    assert first.accepted, first.reasons
    again = verdict(made, made.chain, 4, CHOSEN)
    assert not again.accepted


@pytest.mark.parametrize(("metric", "share"), [("covered_05", 0.12), ("covered_05", 0.0), ("covered_95", 0.88)])
def test_a_model_whose_tails_are_wrong_is_refused(made: Study, metric: str, share: float) -> None:
    wrong = replace(made, scores=replace(made.scores, metrics={**made.metrics, metric: share}))
    found = verdict(wrong, None, None, CHOSEN)
    assert not found.accepted
    assert f"{metric} is {share:g}" in found.reasons[0]


def test_its_coverage_is_among_its_metrics_and_its_picture_the_same_each_time(made: Study) -> None:
    told = {f"covered_{each.level * 100:02g}": each.observed for each in made.coverage}
    assert told.items() <= dict(made.metrics).items()
    image = picture(made)
    assert image.startswith(b"\x89PNG")
    assert picture(made) == image


def test_places_in_the_distribution_foretold_are_uniform_for_the_true_chain() -> None:
    places = told_quantiles(CHAIN, simulated(3000))
    assert np.quantile(places, [0.05, 0.25, 0.5, 0.75, 0.95]) == pytest.approx([0.05, 0.25, 0.5, 0.75, 0.95], abs=0.03)


def test_what_is_earned_on_a_day_was_decided_the_day_before() -> None:
    log_returns = simulated(300)
    last = log_returns.copy()
    last[-1] = -0.3
    before, after = (scored(CHAIN, each, Parameters(test_days=100), {}) for each in (log_returns, last))
    assert np.array_equal(before.payoffs[:-1], after.payoffs[:-1])
    held = before.payoffs[-1] / np.expm1(log_returns[-1])
    assert after.payoffs[-1] == pytest.approx(held * np.expm1(-0.3), abs=2 * 5e-4)


def test_a_history_without_a_fold_is_refused() -> None:
    with pytest.raises(HistoryError, match="701 are needed"):
        study(moves(simulated(700)), 1, CHOSEN)
    assert len(study(moves(simulated(705)), 1, CHOSEN).folds) == 1
