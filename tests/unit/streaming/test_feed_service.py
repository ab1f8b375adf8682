"""What the feed's process tells of its providers: rows, and metrics."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest

from lakehouse.stores.providers import Status, Told
from streaming.feed.line import LineHealth
from streaming.feed.metrics import FeedMetrics
from streaming.feed.outlet import Sent
from streaming.feed.policy.breaker import State
from streaming.feed.policy.plausibility import Guard
from streaming.feed.port import Health
from streaming.feed.service import told_of
from streaming.kit.quota import bucket
from streaming.kit.web import web
from tests.factories.feed_ticks import AsyncTime, trade

WELL = LineHealth(
    state=State.CLOSED,
    stale=False,
    health=Health(ticks=7, rejects=2, connects=1, last_event_time_us=1_672_237_800_000_000),
    last_error=None,
    silent_s=1.5,
    failures=0,
    failovers=0,
    in_use=True,
)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (WELL, Status.UP),
        (replace(WELL, stale=True), Status.DEGRADED),
        (replace(WELL, last_error="cut"), Status.DEGRADED),
        (replace(WELL, state=State.HALF_OPEN), Status.DEGRADED),
        (replace(WELL, state=State.OPEN, last_error="no such key"), Status.DOWN),
    ],
)
def test_a_provider_is_down_while_it_is_given_up_and_degraded_while_it_is_not_proved(
    found: LineHealth, status: Status
) -> None:
    (told,) = told_of({"one": found})

    assert told == Told("one", status, datetime(2022, 12, 28, 14, 30, tzinfo=UTC))


def test_metrics_tell_every_provider_what_it_delivers_and_what_is_held_back() -> None:
    guard = Guard()
    guard.judge([trade("A", 100.0), trade("A", 150.0, at_s=1)])
    left = replace(WELL, health=Health(), state=State.OPEN, silent_s=0.0, failures=3, failovers=1, in_use=False)
    sent = Sent(Counter({"one": 5}), Counter({"future_time": 2}))

    text = generate_latest(FeedMetrics(lambda: {"one": WELL, "two": left}, sent, guard).registry).decode()

    lines = set(text.splitlines())
    assert {
        'tidemark_feed_silent_seconds{provider="one"} 1.5',
        'tidemark_feed_breaker{provider="one",state="closed"} 1.0',
        'tidemark_feed_breaker{provider="two",state="open"} 1.0',
        'tidemark_feed_breaker{provider="two",state="closed"} 0.0',
        'tidemark_feed_failovers_total{provider="two"} 1.0',
        'tidemark_feed_failures_total{provider="two"} 3.0',
        'tidemark_feed_in_use{provider="one"} 1.0',
        'tidemark_feed_held_ticks{provider="one"} 1.0',
        'tidemark_feed_sent_ticks_total{provider="one"} 5.0',
        'tidemark_feed_unreadable_messages_total{provider="one"} 2.0',
        'tidemark_feed_rejected_total{reason="future_time"} 2.0',
        'tidemark_feed_last_event_time_seconds{provider="one"} 1.6722378e+09',
    } <= lines
    assert "quota_ratio{" not in text


def test_a_quota_is_told_by_the_limit_that_has_the_least_left() -> None:
    time = AsyncTime(datetime(2022, 12, 28, tzinfo=UTC))
    subject = web("one", "http://127.0.0.1", (bucket(10, 60), bucket(4, 60)), clock=time, sleep=time.wait)
    assert subject.quota() == 1.0

    subject.buckets = tuple(replace(each, tokens=each.tokens - 3, at=time.monotonic()) for each in subject.buckets)
    assert subject.quota() == pytest.approx(0.25)

    time.sleep(30)
    assert subject.quota() == pytest.approx(0.75)
