"""Trainings of checks on small generated histories: repeatable, on later days than they learn from, calibrated."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from lakehouse.risk.checks import InvalidParameter
from ml.inference.scorer import Kind, Scale, Scorer, linear
from ml.training.check import Size, document, study, verdict
from ml.training.fraud.sample import payments
from ml.training.fraud.spec import anchors
from ml.training.histories.payments import payment_histories
from ml.training.identity.spec import SPEC
from ml.training.scoring import (
    Plan,
    Sample,
    TooFewCases,
    choose,
    daily,
    fit,
    linear_terms,
    platt,
    ranking,
    threshold,
    walk,
    windows,
)  # fmt: skip
from ml.training.surveillance.sample import orders

FIRST = date(2024, 1, 1)
SMALL = Size(accounts=900, days=300, frozen_accounts=500, frozen_days=100)


@pytest.fixture(scope="module")
def abuses() -> Sample:
    return orders(seed=3, accounts=25, first=FIRST, days=300)


def test_histories_are_the_same_for_the_same_seed_and_grow_by_accounts() -> None:
    few, more, other = (
        payment_histories(seed=seed, accounts=count, first=FIRST, days=120) for seed, count in ((1, 2), (1, 4), (2, 2))
    )
    assert few == more[:2]
    assert few != other
    assert all(0 < each.amount_minor < each.balance_minor for account in more for each in account.attempts)
    times = [each.at for each in more[0].attempts]
    assert times == sorted(times)


def test_payments_know_no_later_payment() -> None:
    (account,) = payment_histories(seed=5, accounts=1, first=FIRST, days=200)
    whole = payments(seed=5, accounts=1, first=FIRST, days=200)
    place = len(account.attempts) // 2
    assert [each.at for each in account.past(place)] == [each.at for each in account.attempts[:place]]
    assert len(whole.labels) == len(account.attempts)
    assert whole.labels.sum() == len(account.frauds)


def test_windows_leave_out_what_is_not_known_yet(abuses: Sample) -> None:
    plan = Plan(folds=3, embargo_days=30)
    found = list(windows(abuses, plan))
    assert len(found) == 3
    for known, test in found:
        assert known.days.max() < test.days.min() - np.timedelta64(30, "D")
    assert found[-1][1].days.max() == abuses.days.max()
    assert (np.diff(np.concatenate([test.days for _, test in found])) >= np.timedelta64(0, "D")).all()


def test_variants_walk_beside_the_rules_and_the_cheapest_good_one_is_chosen(abuses: Sample) -> None:
    kinds = (Kind.LINEAR, Kind.FOREST)
    folds = walk(abuses, kinds, Plan(folds=2, review_rate=0.03), seed=1)
    assert {"rules_average_precision", "isolation_forest_brier", "logistic_regression_recall_at_review"} <= set(
        folds[0]
    )
    good = {f"{kind.value}_average_precision": 0.9 for kind in Kind}
    assert choose([good], tuple(Kind)) is Kind.LINEAR
    assert choose([{**good, "gradient_boosting_average_precision": 0.95}], tuple(Kind)) is Kind.BOOSTED
    assert choose([{**good, "logistic_regression_average_precision": 0.8}], tuple(Kind)) is Kind.BOOSTED


def test_platt_finds_the_curve_that_made_the_labels() -> None:
    random = np.random.default_rng(4)
    raw = random.normal(5, 2, size=20_000)
    labels = (random.uniform(size=20_000) < 1 / (1 + np.exp(-(1.5 * raw - 9)))).astype(float)
    assert platt(raw, labels) == pytest.approx((1.5, -9), rel=0.05)
    with pytest.raises(TooFewCases):
        platt(np.ones(5), np.array([0.0, 1, 0, 1, 0]))


def test_ranking_and_payoffs_by_hand() -> None:
    labels, scores = np.array([1.0, 0, 0, 1, 0]), np.array([0.9, 0.8, 0.1, 0.7, 0.2])
    found = ranking(labels, scores, 0.4)
    assert (found["recall_at_review"], found["precision_at_review"]) == (0.5, 0.5)
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    days = np.array(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02", "2024-01-02"], dtype="datetime64[D]")
    sample = Sample(scores[:, None], labels, days, np.full(5, 0.5), scores)
    losses, payoffs = daily(sample, scores, 0.75, 0.1)
    assert losses == pytest.approx([(0.01 + 0.64) / 2, (0.01 + 0.09 + 0.04) / 3])
    assert payoffs == pytest.approx([0.5 - 0.2, 0])
    with pytest.raises(TooFewCases):
        ranking(np.zeros(3), np.zeros(3), 0.1)


def test_thresholds_become_the_scale_of_the_answers() -> None:
    said = np.append(np.linspace(0, 0.02, 980), np.linspace(0.05, 0.45, 20))
    scale = Scale(1.0, 0.0, anchors(said))
    assert (scale.scores(said) >= 0.6).mean() == pytest.approx(0.01, abs=0.002)
    assert scale.scores(np.array([0.0, 1.0])) == pytest.approx([0, 1])
    assert scale.scores(np.array([0.49]))[0] < 0.85
    assert threshold(said, 0.01) == pytest.approx(said[-10], abs=0.05)


@pytest.mark.parametrize(
    ("slope", "table"),
    [(0.0, ((0, 0), (1, 1))), (1.0, ((0, 0), (0.5, 0.6))), (1.0, ((0, 0), (0.5, 0.6), (0.4, 0.7), (1, 1))), (1.0, ())],
)
def test_a_scale_that_loses_the_order_is_refused(slope: float, table: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(InvalidParameter):
        Scale(slope, 0.0, table)


def test_a_training_of_identities_keeps_its_floors_and_is_repeatable() -> None:
    made, again = study(SPEC, SMALL, date(2024, 12, 31)), study(SPEC, SMALL, date(2024, 12, 31))
    said = verdict(SPEC, made, None, None, seed=1)
    assert said.accepted, said.reasons
    assert made.metrics == again.metrics
    told = document(SPEC, made)
    assert told == document(SPEC, again)
    scorer = Scorer("identity_score@1", Kind.LINEAR, made.scale, linear(np.array(told["weights"]), told["bias"]))
    rows = made.frozen_sample.rows
    assert scorer.probabilities(rows) == pytest.approx(made.fitted.probabilities(rows))
    assert "generated" in told["trained_on"]
    beaten = verdict(SPEC, made, scorer, 1, seed=1)
    assert not beaten.accepted
    assert "is not below the champion's" in " ".join(beaten.reasons)


def test_a_history_of_one_kind_is_refused(abuses: Sample) -> None:
    honest = replace(abuses, labels=np.zeros_like(abuses.labels))
    with pytest.raises(TooFewCases):
        fit(Kind.LINEAR, honest, seed=1)


def test_linear_terms_are_the_estimators(abuses: Sample) -> None:
    fitted = fit(Kind.LINEAR, abuses, seed=1)
    weights, bias = linear_terms(fitted)
    assert abuses.rows @ weights + bias == pytest.approx(fitted.raw(abuses.rows))
