"""The fraud check gives the points that its rules promise, and says when it knew too little for a forest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ml.checks import fraud
from ml.checks.fraud import Attempt, FraudModel, FraudRecommendation, Paid, assess

NOON = datetime(2022, 12, 28, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=30)


def attempt(amount: int = 1_234, **changes: Any) -> Attempt:
    values: dict[str, Any] = {"counterparty": "known", "at": NOON, "balance_minor": 10**9, "unit_minor": 100}
    return Attempt(amount_minor=amount, **{**values, **changes})


def past(count: int, *, amount: int = 1_200, end: datetime = LONG_AGO, counterparty: str = "known") -> list[Paid]:
    gaps = range(count, 0, -1)
    return [
        Paid(amount_minor=amount + 7 * gap, counterparty=counterparty, at=end - timedelta(days=gap)) for gap in gaps
    ]


def points(judged: Attempt, history: list[Paid]) -> dict[str, int]:
    return {reason.rule: reason.points for reason in assess(judged, history).reasons}


@pytest.mark.parametrize(
    ("judged", "history", "expected"),
    [
        (attempt(), past(3), {}),
        (attempt(counterparty="new"), past(3), {"new_counterparty": 20}),
        (attempt(balance_minor=1_234), past(3), {"balance_share": 25}),
        (attempt(balance_minor=0), past(3), {"balance_share": 25}),
        (attempt(750, balance_minor=1_000), past(3), {"balance_share": 12}),
        (attempt(500, balance_minor=1_000), past(3), {}),
        (attempt(100_000), past(3, amount=10**9), {"round_number": 5}),
        (attempt(at=NOON.replace(hour=5, minute=59)), past(3), {"night_hours": 10}),
        (attempt(at=NOON.replace(hour=6)), past(3), {}),
        (attempt(2_431), [Paid(amount_minor=1_215, counterparty="known", at=LONG_AGO)] * 3, {"amount_jump": 12}),
        (attempt(10**8 + 1), [Paid(amount_minor=1, counterparty="known", at=LONG_AGO)] * 3, {"amount_jump": 35}),
        (attempt(10**8 + 1), past(2), {}),
        (attempt(), [Paid(amount_minor=2_000, counterparty="known", at=NOON)] * 5, {"velocity": 16}),
        (attempt(), [Paid(amount_minor=2_000, counterparty="known", at=NOON)] * 30, {"velocity": 40}),
    ],
)
def test_each_rule_gives_its_points(judged: Attempt, history: list[Paid], expected: dict[str, int]) -> None:
    assert points(judged, history) == expected


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0, "allow"), (0.5999, "allow"), (0.6, "review"), (0.8499, "review"), (0.85, "block"), (1, "block")],
)
def test_the_score_decides(score: float, expected: str) -> None:
    assert fraud.recommendation_of(score) is FraudRecommendation(expected)


def test_a_short_history_is_judged_by_rules_alone_and_says_so() -> None:
    window = fraud.training_window(past(fraud.FOREST_HISTORY - 1))
    assert fraud.train(window) is None
    assert assess(attempt(), past(31), fraud.train(window)).model is FraudModel.RULES


def test_a_forest_finds_what_no_rule_finds_but_never_asks_for_a_review_alone() -> None:
    history = past(64)
    forest = fraud.train(fraud.training_window(history))
    usual = assess(attempt(1_500, at=LONG_AGO + timedelta(days=1)), history, forest)
    odd = assess(attempt(1, at=NOON.replace(hour=18) + timedelta(days=900)), history, forest)
    assert usual.model is odd.model is FraudModel.FOREST
    assert usual.score < odd.score < fraud.REVIEW_AT
    assert odd.reasons[-1].rule == "isolation_forest"


def test_the_same_history_trains_the_same_forest() -> None:
    history = past(40)
    first, second = (assess(attempt(), history, fraud.train(fraud.training_window(history))) for _ in range(2))
    assert first == second


def test_a_forest_is_trained_anew_each_sixteen_payments_on_the_last_512() -> None:
    history = past(600)
    windows = [fraud.training_window(history[:count]) for count in (31, 32, 47, 48, 600)]
    assert [len(window) for window in windows] == [0, 32, 32, 48, 512]
    assert windows[-1][-1] == history[591]
    end = history[600 - 528 :]
    assert fraud.training_window(end, 600) == windows[-1]


def test_everything_at_once_is_one_and_blocks() -> None:
    history = [Paid(amount_minor=1, counterparty="known", at=NOON.replace(hour=3))] * 30
    worst = attempt(10**8, counterparty="new", balance_minor=10**8, at=NOON.replace(hour=3))
    verdict = assess(worst, history)
    assert (verdict.score, verdict.recommendation) == (1.0, FraudRecommendation.BLOCK)
