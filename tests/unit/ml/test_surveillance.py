"""What stands out is scored, what is usual is not, and little history is said and not scored as harmless."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from lakehouse.trading.observation import Observation
from ml.checks.surveillance import ALERT_SCORE, MIN_HISTORY, UNKNOWN_SCORE, judge

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
USUAL = tuple(
    Observation(at=START - timedelta(days=day), notional=1000.0 + 40 * (day % 5), quantity=10.0 + day % 3)
    for day in range(1, 31)
)
ORDER = Observation(at=START, notional=1050.0, quantity=11.0)


def test_an_order_like_the_others_is_no_alert() -> None:
    verdict = judge(ORDER, USUAL)
    assert (verdict.is_alert, verdict.reason) == (False, "usual")
    assert verdict.score < ALERT_SCORE


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(ORDER, notional=50_000.0), "notional"),
        (replace(ORDER, quantity=5_000.0), "quantity"),
        (replace(ORDER, price_deviation=0.2), "price_deviation"),
        (replace(ORDER, price_deviation=-0.2), "price_deviation"),
    ],
)
def test_the_feature_that_stands_out_is_named(order: Observation, reason: str) -> None:
    verdict = judge(order, USUAL)
    assert (verdict.is_alert, verdict.reason) == (True, reason)


def test_a_burst_of_orders_stands_out() -> None:
    burst = tuple(replace(ORDER, at=START - timedelta(seconds=second)) for second in range(1, 100))
    slow = tuple(replace(ORDER, at=START - timedelta(days=day)) for day in range(2, 120))
    assert judge(ORDER, slow).reason == "usual"
    verdict = judge(ORDER, (*slow, *burst))
    assert (verdict.is_alert, verdict.reason) == (True, "frequency")


def test_little_history_is_said_and_scored_as_unknown() -> None:
    verdict = judge(replace(ORDER, notional=1e9), USUAL[: MIN_HISTORY - 1])
    assert (verdict.score, verdict.is_alert, verdict.reason) == (UNKNOWN_SCORE, False, "insufficient_history")


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_what_cannot_be_judged_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        judge(replace(ORDER, notional=value), USUAL)


@given(st.floats(1e-6, 1e12), st.floats(1e-6, 1e12), st.floats(-10, 10))
def test_a_score_is_in_its_range_and_alerts_exactly_at_the_limit(notional: float, quantity: float, away: float) -> None:
    verdict = judge(replace(ORDER, notional=notional, quantity=quantity, price_deviation=away), USUAL)
    assert 0 <= verdict.score < 1
    assert verdict.is_alert == (verdict.score >= ALERT_SCORE)


@given(st.floats(1.0, 1e9), st.floats(1.0, 1e9))
def test_more_money_never_scores_lower(one: float, other: float) -> None:
    low, high = sorted((max(one, 1080.0), max(other, 1080.0)))
    scores = [judge(replace(ORDER, notional=each), USUAL).score for each in (low, high)]
    assert scores[0] <= scores[1]
