"""Several providers as one: failover, the way back, silence, and second opinions."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from streaming.feed.line import Line, Patience
from streaming.feed.policy.breaker import State
from streaming.feed.port import Batch, Health, Tick
from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused
from tests.factories.feed_ticks import AsyncTime, ticks_of, trade

NOON = datetime(2022, 12, 28, 17, tzinfo=UTC)
OFTEN = 100
Script = Sequence[Tick | ProviderError | float | None]
"""A stream: ticks, the error that ends it, seconds that pass; None is a silence without end."""


@dataclass
class Scripted:
    """A provider whose streams and snapshots are written down; the last stream is played again and again."""

    name: str
    time: AsyncTime
    streams: Sequence[Script]
    snapshots: Sequence[Tick | ProviderError] = ()
    exchange: str | None = None
    health: Health = field(default_factory=Health)
    played: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def quotes(self) -> AsyncGenerator[Batch, None]:
        script = self.streams[min(self.played, len(self.streams) - 1)]
        self.played += 1
        for step in script:
            if step is None:
                await asyncio.Event().wait()
            elif isinstance(step, ProviderError):
                raise step
            elif isinstance(step, Tick):
                yield self.health.note(Batch((step,)), self.time.now())
            else:
                await self.time.wait(step)

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        found = self.snapshots[min(len(self.asked), len(self.snapshots) - 1)]
        self.asked.append(tuple(symbols))
        if isinstance(found, ProviderError):
            raise found
        return Batch((found,))


class AskedTime(AsyncTime):
    """Tells when it was asked more often than a silence is looked at before it counts: a line asks at each look."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.often = asyncio.Event()
        self._asked = 0

    def now(self) -> datetime:
        self._asked += 1
        if self._asked == OFTEN:
            self.often.set()
        return super().now()


def line(time: AsyncTime, *providers: Scripted, demo: bool = False, look_s: float = 5.0) -> Line:
    patience = Patience(silent_s=60, look_s=look_s, demo=demo)
    return Line(providers, patience=patience, clock=time, sleep=time.wait, draw=lambda: 0.0)


def taken(subject: Line, most: int = 1_000) -> list[Tick]:
    """The ticks of a line until it ends, at most so many."""

    async def take() -> list[Tick]:
        batches: list[Batch] = []
        async for batch in subject.quotes():
            batches.append(batch)
            if len(batches) == most:
                break
        return ticks_of(batches)

    return asyncio.run(take())


def ticks(provider: str, number: int) -> list[Tick]:
    return [trade("A", 100.0, at_s=each, provider=provider, sequence=each) for each in range(number)]


def test_a_connection_that_breaks_once_is_made_again_and_nobody_else_is_asked() -> None:
    time = AsyncTime(NOON)
    first = Scripted("first", time, [[*ticks("first", 2), Disconnected("cut")], ticks("first", 3)])
    second = Scripted("second", time, [ticks("second", 1)])

    found = taken(line(time, first, second))

    assert [tick.sequence for tick in found] == [0, 1, 0, 1, 2]
    assert second.played == 0
    assert time.elapsed_s == pytest.approx(0.25)


def test_after_three_failures_the_next_provider_delivers_and_the_first_is_taken_back_when_it_answers() -> None:
    time = AsyncTime(NOON)
    cut = [Disconnected("cut")]
    first = Scripted(
        "first",
        time,
        [cut, cut, cut, [ticks("first", 1)[0], 10.0, *ticks("first", 2)]],
        [Disconnected("still away"), *ticks("first", 1)],
    )
    steady: list[Tick | float] = [step for tick in ticks("second", 20) for step in (tick, 0.4)]
    second = Scripted("second", time, [steady])

    subject = line(time, first, second)
    found = [(tick.provider, tick.sequence) for tick in taken(subject)]

    assert found[0] == ("second", 0)
    assert [name for name, _ in found] == ["second"] * (len(found) - 3) + ["first"] * 3
    assert first.asked == [("A",), ("A",)]
    told = subject.health()
    assert told["first"].state is State.CLOSED
    assert [(each.failures, each.failovers, each.in_use) for each in told.values()] == [(4, 1, True), (0, 0, False)]


def test_a_provider_that_breaks_off_after_each_first_tick_is_left_too() -> None:
    time = AsyncTime(NOON)
    first = Scripted("first", time, [[*ticks("first", 1), Disconnected("cut")]])
    second = Scripted("second", time, [ticks("second", 1)])

    assert [tick.provider for tick in taken(line(time, first, second))] == ["first", "first", "first", "second"]


def test_a_provider_that_says_when_to_come_back_is_left_until_then() -> None:
    time = AsyncTime(NOON)
    first = Scripted("first", time, [[RateLimited("spent", retry_after_s=100)], ticks("first", 1)], ticks("first", 1))
    steady: list[Tick | float] = [step for tick in ticks("second", 300) for step in (tick, 1.0)]
    second = Scripted("second", time, [steady])

    found = taken(line(time, first, second))

    assert len([tick for tick in found if tick.provider == "second"]) == 101
    assert found[-1].provider == "first"


def test_where_every_provider_refuses_the_key_the_line_ends_and_says_so() -> None:
    time = AsyncTime(NOON)
    first = Scripted("first", time, [[Refused("first: no such key")]])
    second = Scripted("second", time, [[*ticks("second", 1), Refused("second: no such key")]])
    subject = line(time, first, second)

    with pytest.raises(Refused, match="second"):
        taken(subject)
    assert {name: found.state for name, found in subject.health().items()} == {
        "first": State.OPEN,
        "second": State.OPEN,
    }
    assert subject.health()["first"].last_error == "first: no such key"


@pytest.mark.parametrize(
    ("now", "demo", "is_left"),
    [(NOON, False, True), (NOON + timedelta(hours=8), False, False), (NOON + timedelta(hours=8), True, True)],
)
def test_silence_is_a_failure_while_the_exchange_is_open_and_in_demo_mode_always(
    now: datetime, demo: bool, is_left: bool
) -> None:
    time = AskedTime(now)
    first = Scripted("first", time, [[*ticks("first", 1), 61.0, None]], exchange="XNYS")
    second = Scripted("second", time, [ticks("second", 1)])
    subject = line(time, first, second, demo=demo, look_s=0.001)
    found: list[str] = []

    async def take() -> None:
        async for batch in subject.quotes():
            found.extend(tick.provider for tick in batch.ticks)
            if "second" in found:
                return

    async def run() -> list[str]:
        taking, waiting = asyncio.create_task(take()), asyncio.create_task(time.often.wait())
        await asyncio.wait({taking, waiting}, return_when=asyncio.FIRST_COMPLETED)
        is_over = taking.done()
        taking.cancel()
        waiting.cancel()
        await asyncio.wait({taking, waiting})
        return found if is_over else [*found, "nothing more"]

    assert asyncio.run(run()) == ["first", "second" if is_left else "nothing more"]
    assert subject.health()["first"].last_error == ("first: nothing for 60 s of trading" if is_left else None)


def test_a_second_opinion_is_that_of_the_first_other_provider_that_answers() -> None:
    time = AsyncTime(NOON)
    one = Scripted("one", time, [[]], ticks("one", 1))
    two = Scripted("two", time, [[]], [Disconnected("away")])
    three = Scripted("three", time, [[]], ticks("three", 1))
    subject = line(time, one, two, three)

    assert asyncio.run(subject.opinion(["A"], but="one")).ticks[0].provider == "three"
    assert asyncio.run(subject.opinion(["A"], but="three")).ticks[0].provider == "one"
    assert (len(two.asked), len(one.asked)) == (1, 1)
