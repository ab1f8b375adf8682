"""Folds that share nothing, and parameters that are chosen by the past alone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lakehouse.backtest.rules import Rules
from lakehouse.backtest.splits import CombinatorialPurged, WalkForward
from lakehouse.backtest.strategies.registry import build
from lakehouse.backtest.walk_forward import NothingToChoose, overfitting, try_all, walk
from lakehouse.risk.checks import InvalidParameter
from tests.factories.backtests import eventful

RULES = Rules(lot=0.0)
GRID = [build("moving_average_cross", {"fast": fast, "slow": slow}) for fast in ("2", "5") for slow in ("10", "20")]


def test_training_ends_before_the_test_by_purge_and_embargo() -> None:
    folds = list(WalkForward(train=20, test=10, purge=2, embargo=3).folds(60))
    assert [(fold.train[0], fold.train[-1], fold.test[0], fold.test[-1]) for fold in folds] == [
        (0, 19, 25, 34),
        (10, 29, 35, 44),
        (20, 39, 45, 54),
        (30, 49, 55, 59),
    ]
    expanding = list(WalkForward(train=20, test=10, expanding=True).folds(60))
    assert {int(fold.train[0]) for fold in expanding} == {0}
    assert all(one.test[-1] + 1 == other.test[0] for one, other in pairwise(expanding))


def test_combinations_are_those_of_skfolio() -> None:
    model_selection = pytest.importorskip("skfolio.model_selection")
    theirs = model_selection.CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=3, embargo_size=2)
    returns = np.zeros((120, 1))
    expected = [(train.tolist(), np.concatenate(tests).tolist()) for train, tests in theirs.split(returns)]
    ours = CombinatorialPurged(groups=6, tested=2, purge=3, embargo=2)
    assert [(fold.train.tolist(), fold.test.tolist()) for fold in ours.folds(120)] == expected


@pytest.mark.parametrize(
    "plan", [WalkForward(train=90, test=5), WalkForward(train=1, test=5), WalkForward(train=5, test=0)]
)
def test_a_plan_without_a_fold_is_refused(plan: WalkForward) -> None:
    with pytest.raises(InvalidParameter):
        list(plan.folds(60))
    with pytest.raises(InvalidParameter):
        list(CombinatorialPurged(groups=3, tested=3).folds(60))


def test_every_trial_is_counted() -> None:
    trials = try_all(eventful(1, days=200), GRID, RULES)
    assert {result.trials for result in trials.results} == {4}
    assert trials.results[0].trial_variance == pytest.approx(float(np.var(trials.sharpes, ddof=1)))
    with pytest.raises(NothingToChoose):
        try_all(eventful(1), [], RULES)


def test_interest_on_idle_cash_is_no_skill() -> None:
    market = replace(eventful(1, days=200), cash_rate=np.full(200, 0.001))
    trials = try_all(market, [build("moving_average_cross", {"fast": "2", "slow": "190"})], RULES)
    assert trials.results[0].returns[:100] == pytest.approx(0.001)
    assert trials.returns[:100, 0] == pytest.approx(0.0, abs=1e-12)


def test_what_comes_later_changes_no_choice_and_no_equity() -> None:
    market = eventful(3, days=200)
    plan = WalkForward(train=60, test=20)
    whole = walk(market, try_all(market, GRID, RULES), RULES, plan)
    cut = market.until(150)
    early = walk(cut, try_all(cut, GRID, RULES), RULES, plan)
    assert whole.chosen[: len(early.chosen)] == early.chosen
    same = len(early.result.equity)
    assert whole.result.equity[:same].tolist() == early.result.equity.tolist()


def test_one_strategy_walked_is_that_strategy_started_late() -> None:
    market = replace(eventful(5, days=200, holes=0.0), actions=())
    trials = try_all(market, GRID[:1], RULES)
    walked = walk(market, trials, RULES, WalkForward(train=60, test=30))
    assert set(walked.chosen) == {0}
    assert walked.result.dates[0] == market.dates[61]
    assert walked.result.dates[-1] == market.dates[-1]
    assert walked.result.trials == 1


def test_noise_is_found_to_be_overfitted_about_half_of_the_time() -> None:
    random = np.random.default_rng(11)
    trials = try_all(eventful(1, days=200), GRID, RULES)
    noise = replace(trials, returns=random.normal(0, 0.01, trials.returns.shape))
    skill = noise.returns.copy()
    skill[:, 2] += 0.02
    plan = CombinatorialPurged(groups=8, tested=4)
    assert 0.2 < overfitting(noise, plan) < 0.8
    assert overfitting(replace(noise, returns=skill), plan) == 0.0
    with pytest.raises(NothingToChoose):
        overfitting(try_all(eventful(1), GRID[:1], RULES), plan)
