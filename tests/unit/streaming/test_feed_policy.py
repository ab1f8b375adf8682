"""The feed's rules, case by case."""

from datetime import UTC, datetime

import pytest

from lakehouse.contracts.reasons import Reason
from streaming.feed.policy.breaker import Breaker, State
from streaming.feed.policy.failover import better, choose
from streaming.feed.policy.plausibility import Guard, Judgement, level
from streaming.feed.policy.staleness import is_open, silence_s
from streaming.feed.port import Tick, TickKind
from streaming.kit.quota import Bucket, bucket, reserve
from tests.factories.feed_ticks import BASE_US, trade


def quote(bid: float | None, ask: float | None) -> Tick:
    return Tick(
        symbol="A", event_time_us=BASE_US, kind=TickKind.QUOTE, provider="one", sequence=1, bid_price=bid, ask_price=ask
    )


def test_a_lone_spike_is_held_refused_with_its_reason_and_never_passed() -> None:
    guard = Guard()
    before, spike, after = trade("A", 100.0), trade("A", 120.0, at_s=1), trade("A", 100.5, at_s=2)

    assert guard.judge([before, spike]) == Judgement((before,), (), ("A",))
    found = guard.judge([after])

    assert found.passed == (after,)
    (reject,) = found.refused
    assert (reject.reason, reject.symbol, reject.source) == (Reason.IMPLAUSIBLE_PRICE, "A", "one")
    assert reject.detail == "120 after 100: the next price was 100.5 again"
    assert '"price":120.0' in reject.raw


@pytest.mark.parametrize(("price", "held"), [(119.99, 0), (120.0, 1), (80.01, 0), (80.0, 1)])
def test_a_fifth_up_or_down_is_where_holding_begins(price: float, held: int) -> None:
    guard = Guard()
    guard.judge([trade("A", 100.0), trade("A", price, at_s=1)])

    assert guard.held == held


def test_a_price_near_what_another_provider_said_lately_passes_at_once() -> None:
    guard = Guard()
    guard.judge([trade("A", 100.0)])
    guard.hear([trade("A", 130.0, at_s=1, provider="two")])

    jumped = trade("A", 131.0, at_s=2)
    assert guard.judge([jumped]) == Judgement((jumped,))


def test_what_another_provider_said_long_ago_confirms_nothing() -> None:
    guard = Guard()
    guard.judge([trade("A", 100.0)])
    guard.hear([trade("A", 130.0, at_s=1, provider="two")])

    assert guard.judge([trade("A", 131.0, at_s=302)]).doubted == ("A",)


def test_a_second_opinion_releases_what_it_confirms_and_leaves_held_what_it_does_not() -> None:
    guard = Guard()
    jumped = trade("A", 131.0, at_s=1)
    guard.judge([trade("A", 100.0), jumped])

    assert guard.hear([trade("A", 131.0, at_s=1, provider="one")]) == Judgement()
    assert guard.hear([trade("A", 100.0, at_s=1, provider="two")]) == Judgement()
    assert guard.hear([trade("A", 130.0, at_s=2, provider="two")]) == Judgement((jumped,))


def test_two_spikes_apart_do_not_confirm_each_other_and_the_last_is_refused_at_the_end() -> None:
    guard = Guard()
    found = guard.judge([trade("A", 100.0), trade("A", 150.0, at_s=1), trade("A", 10.0, at_s=2)])

    assert [reject.detail for reject in found.refused] == ["150 after 100: the next price was 10"]
    assert [reject.detail for reject in guard.close().refused] == ["10 after 100: not confirmed before the feed ended"]


@pytest.mark.parametrize(
    ("tick", "price"),
    [
        (quote(99.0, 101.0), 100.0),
        (quote(None, 101.0), None),
        (quote(float("nan"), 101.0), None),
        (trade("A", 0.0), None),
        (trade("A", -3.0), None),
        (trade("A", float("inf")), None),
    ],
)
def test_the_level_of_a_tick_is_its_price_or_the_middle_of_its_quote(tick: Tick, price: float | None) -> None:
    assert level(tick) == price


def test_a_closed_provider_that_failed_a_moment_ago_is_waited_for_and_an_open_one_is_not() -> None:
    breakers = {"a": Breaker().failed(10.0, 1.0), "b": Breaker()}
    assert choose(["a", "b"], breakers, 10.0).name == "a"
    breakers["a"] = breakers["a"].failed(11.0, 30.0).failed(12.0, 30.0)

    assert breakers["a"].state(12.0) is State.OPEN
    assert choose(["a", "b"], breakers, 12.0).name == "b"
    assert better(["a", "b"], breakers, "b", 41.9) is None
    assert better(["a", "b"], breakers, "b", 42.0) == "a"


def test_a_quota_of_a_minute_and_of_a_day_both_hold_and_a_long_wait_takes_nothing() -> None:
    buckets: tuple[Bucket, ...] = (bucket(5, 60), bucket(6, 86_400))
    waits = []
    for _ in range(6):
        buckets, wait_s = reserve(buckets, 0.0, most_s=60)
        waits.append(wait_s)
    same, wait_s = reserve(buckets, 0.0, most_s=60)

    assert waits == [0, 0, 0, 0, 0, 12]
    assert wait_s == pytest.approx(86_400 / 6)
    assert same == buckets


@pytest.mark.parametrize(
    ("last_seen", "now", "silence"),
    [
        ("2022-12-27T20:59:00", "2022-12-28T14:31:00", 120.0),  # over a night: a minute before the bell, one after
        ("2022-12-23T20:59:30", "2022-12-27T14:30:30", 60.0),  # over Christmas, observed on Monday
        ("2022-12-28T15:00:00", "2022-12-28T15:02:00", 120.0),
        ("2022-12-28T22:00:00", "2022-12-29T08:00:00", 0.0),
    ],
)
def test_silence_counts_while_the_exchange_is_open(last_seen: str, now: str, silence: float) -> None:
    earlier, later = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (last_seen, now))

    assert silence_s("XNYS", earlier, later) == silence
    assert silence_s(None, earlier, later) == 0
    assert silence_s("XNYS", earlier, later, demo=True) == (later - earlier).total_seconds()


def test_an_exchange_is_open_in_its_hours_and_always_in_demo_mode_or_without_a_calendar() -> None:
    noon, night = datetime(2022, 12, 28, 17, tzinfo=UTC), datetime(2022, 12, 28, 23, tzinfo=UTC)
    # Mumbai trades from 03:45 to 10:00 UTC.
    assert [is_open("XBOM", noon), is_open("XNYS", noon), is_open("XNYS", night)] == [False, True, False]
    assert is_open("XNYS", night, demo=True)
    assert is_open(None, night)
