"""The feed's rules under any sequence of events: nothing lost, no quota overdrawn, one trial at a time."""

from collections import defaultdict

from hypothesis import given, strategies as st

from streaming.feed.policy.breaker import Breaker, State
from streaming.feed.policy.failover import better, choose
from streaming.feed.policy.plausibility import Guard, Judgement, Limits, level
from streaming.feed.port import Tick
from streaming.kit.backoff import Backoff
from streaming.kit.quota import Bucket, bucket, reserve
from tests.factories.feed_ticks import trade

LEVELS = (100.0, 101.0, 119.0, 121.0, 150.0, 10.0, 1_000.0)
draws = st.floats(0, 1, exclude_max=True)
# One NaN: a new one for each draw would have another hash each time, and with it Hypothesis other examples.
prices = st.sampled_from((*LEVELS, 0.0, float("nan")))


@st.composite
def ticks(draw: st.DrawFn) -> list[tuple[bool, Tick]]:
    """Ticks of three symbols by two providers; True where it comes as a second opinion."""
    size = draw(st.integers(0, 60))
    return [
        (
            draw(st.booleans()) and draw(st.booleans()),
            trade(
                draw(st.sampled_from("ABC")),
                draw(prices),
                at_s=number,
                provider=draw(st.sampled_from(("one", "two"))),
                sequence=number,
            ),
        )
        for number in range(size)
    ]


@given(ticks())
def test_every_tick_is_passed_or_refused_once_and_those_of_a_symbol_are_passed_in_order(
    events: list[tuple[bool, Tick]],
) -> None:
    guard = Guard()
    found: list[Judgement] = []
    for is_opinion, tick in events:
        found.append(guard.hear([tick]) if is_opinion else guard.judge([tick]))
    found.append(guard.close())

    judged = [tick for is_opinion, tick in events if not is_opinion]
    passed = [tick for judgement in found for tick in judgement.passed]
    refused = [reject for judgement in found for reject in judgement.refused]
    assert len(passed) + len(refused) == len(judged)
    assert guard.held == 0
    by_symbol: dict[str, list[int]] = defaultdict(list)
    # What has no price to judge by overtakes what is held.
    for tick in (tick for tick in passed if level(tick) is not None):
        by_symbol[tick.symbol].append(tick.sequence)
    assert all(numbers == sorted(set(numbers)) for numbers in by_symbol.values())


@given(st.lists(st.floats(0.81, 1.19), max_size=60), st.floats(0.01, 1e6))
def test_prices_that_move_by_less_than_the_limit_all_pass_at_once(moves: list[float], start: float) -> None:
    guard, price = Guard(), start
    for number, move in enumerate([1.0, *moves]):
        price *= move
        tick = trade("A", price, at_s=number)
        if price > 0:
            assert guard.judge([tick]) == Judgement((tick,))


@given(st.integers(2, 6), st.sampled_from((0.5, 0.79, 1.21, 3.0)))
def test_a_new_level_is_released_whole_by_the_tick_that_confirms_it(needed: int, jump: float) -> None:
    guard = Guard(Limits(confirm_ticks=needed))
    guard.judge([trade("A", 100.0)])
    there = [trade("A", 100.0 * jump, at_s=number, sequence=number) for number in range(1, needed + 1)]

    held = guard.judge(there[:-1])
    released = guard.judge(there[-1:])

    assert held == Judgement((), (), ("A",))
    assert released == Judgement(tuple(there))


@given(
    st.lists(st.floats(0, 30), min_size=1, max_size=80),
    st.integers(1, 10),
    st.floats(1, 60),
    st.floats(0, 120),
)
def test_no_stretch_of_time_lets_more_requests_through_than_its_quota(
    pauses: list[float], capacity: int, period_s: float, most_s: float
) -> None:
    buckets: tuple[Bucket, ...] = (bucket(capacity, period_s),)
    now = 0.0
    let_through: list[float] = []
    for pause in pauses:
        now += pause
        buckets, wait_s = reserve(buckets, now, most_s=most_s)
        if wait_s <= most_s:
            let_through.append(now + wait_s)

    assert let_through == sorted(let_through)
    for start, first in enumerate(let_through):
        for count, last in enumerate(let_through[start:], start=1):
            assert count <= capacity * (1 + (last - first) / period_s) + 1e-6


@given(st.integers(1, 10_000), draws, st.floats(0, 1_000))
def test_a_wait_lies_between_half_and_all_of_what_doubles_up_to_the_cap(
    failures: int, drawn: float, at_least_s: float
) -> None:
    policy = Backoff(base_s=0.5, cap_s=300.0)
    longest = min(300.0, 0.5 * 2.0 ** min(failures - 1, 20))

    assert longest / 2 <= policy.wait_s(failures, lambda: drawn) <= longest
    assert policy.wait_s(failures, lambda: drawn, at_least_s=at_least_s) >= at_least_s


@given(st.lists(st.tuples(st.sampled_from(("use", "ok", "fail")), st.floats(0, 10)), max_size=60), st.integers(1, 4))
def test_a_breaker_is_open_after_its_failures_in_a_row_and_lets_one_trial_through(
    events: list[tuple[str, float]], threshold: int
) -> None:
    breaker, now, failures = Breaker(threshold=threshold), 0.0, 0
    for event, pause in events:
        now += pause
        if event == "use" and breaker.allows(now):
            half_open = breaker.state(now) is State.HALF_OPEN
            breaker = breaker.tried(now)
            assert breaker.allows(now) is not half_open
        elif event == "ok":
            breaker, failures = breaker.succeeded(), 0
            assert breaker.state(now) is State.CLOSED
            assert breaker.allows(now)
        elif event == "fail":
            breaker, failures = breaker.failed(now, 5.0), failures + 1
            assert not breaker.allows(now)
        assert (breaker.state(now) is State.CLOSED) == (failures < threshold)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 100)), min_size=1, max_size=5), st.floats(0, 100))
def test_the_choice_is_the_first_that_is_not_open_or_the_one_that_opens_first(
    lines: list[tuple[int, float]], now: float
) -> None:
    order = [f"p{number}" for number in range(len(lines))]
    breakers = {
        name: Breaker(failures=failures, not_before=until) for name, (failures, until) in zip(order, lines, strict=True)
    }

    choice = choose(order, breakers, now)

    states = [breakers[name].state(now) for name in order]
    usable = [name for name, state in zip(order, states, strict=True) if state is not State.OPEN]
    if usable:
        assert choice.name == usable[0]
    else:
        assert breakers[choice.name].not_before == min(breaker.not_before for breaker in breakers.values())
    assert choice.wait_s == max(0.0, breakers[choice.name].not_before - now)
    preferred = better(order, breakers, order[-1], now)
    assert preferred is None or breakers[preferred].allows(now)
