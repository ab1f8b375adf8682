"""A store slower than the input: the lander pauses, holds little, can be stopped, and loses and doubles nothing."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pyarrow.compute as pc
import pytest
from confluent_kafka import Consumer

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from streaming.kit import source as source_module
from streaming.kit.source import CHUNK_MESSAGES, TAKE_MESSAGES, Source
from streaming.landing.batch import Flush
from streaming.landing.metrics import LandingMetrics
from streaming.landing.pipeline import Lander, Totals, Until
from streaming.landing.sinks import DeltaSink
from streaming.landing.wiring import GROUP
from tests.factories.landing import Landscape, land_here, landscape, send, tick

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3"), pytest.mark.timeout(1200)]

MESSAGES = 300_000
FLUSH_ROWS = 20_000
HELD_BOUND = 3 * (FLUSH_ROWS + CHUNK_MESSAGES + TAKE_MESSAGES)
CLOCK = SystemClock()


class GatedSink(DeltaSink):
    """The real sink, before each commit of which someone has to open the gate."""

    gate: threading.Event

    def commit(self, flush: Flush) -> None:
        assert self.gate.wait(600)
        super().commit(flush)


class CountingSource(Source):
    """The real source, counting its pauses."""

    pauses = 0

    def pause(self) -> None:
        super().pause()
        self.pauses += 1


class Slow:
    """A lander whose store does nothing until the gate is open."""

    def __init__(self, land: Landscape) -> None:
        self.topic = land.topic.name
        self.metrics, self.gate, self.stop = LandingMetrics(), threading.Event(), threading.Event()
        sink = GatedSink(land.settings.s3, land.topic, clock=CLOCK)
        sink.gate = self.gate
        consumer = Consumer(kafka.consumer_config(land.settings.kafka, "test", GROUP))
        self.source = CountingSource(consumer, self.topic, clock=CLOCK, metrics=self.metrics)
        self.lander = Lander(
            land.topic,
            source=self.source,
            sink=sink,
            settings=land.settings.landing,
            clock=CLOCK,
            metrics=self.metrics,
        )

    @contextmanager
    def running(self, until: Until) -> "Iterator[Future[Totals]]":
        """The lander in a thread of its own, ended with the block."""
        with ThreadPoolExecutor(1) as pool:
            try:
                yield pool.submit(self.lander.run, (), stop=self.stop, until=until, accept_gap=False)
            finally:
                self.stop.set()
                self.gate.set()

    def paused(self) -> float | None:
        return self.metrics.registry.get_sample_value("tidemark_landing_paused", {"topic": self.topic})

    def lag(self) -> float:
        names = [{"topic": self.topic, "partition": str(number)} for number in self.source.expected()]
        return sum(
            self.metrics.registry.get_sample_value("tidemark_landing_lag_messages", name) or 0.0 for name in names
        )

    def held(self) -> int:
        """Messages read and not committed."""
        return sum(self.source.expected().values()) - self.lander.totals.messages


@pytest.fixture
def land(stack: Settings) -> Iterator[Landscape]:
    made = landscape(stack, partitions=4, flush_rows=FLUSH_ROWS)
    send(made, (tick(number) for number in range(MESSAGES)), partitions=range(4))
    yield made
    made.remove()


@pytest.fixture
def slow(land: Landscape) -> Iterator[Slow]:
    made = Slow(land)
    yield made
    made.source.close()


def test_a_slow_store_pauses_the_lander_and_nothing_is_lost(
    land: Landscape, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "LOOK_ROUND_S", 0.2)
    with slow.running(Until(once=True)) as running:
        _poll(lambda: slow.paused() == 1.0, running)
        held = slow.held()
        _poll(lambda: slow.lag() == MESSAGES, running)  # measured while paused: it goes on polling
        CLOCK.sleep(1.0)

        assert 2 * FLUSH_ROWS < held <= HELD_BOUND < MESSAGES
        assert slow.held() == held
        assert land.rows().num_rows == 0
        slow.gate.set()
        totals = running.result(timeout=600)

    assert slow.paused() == 0.0
    assert (totals.messages, totals.landed) == (MESSAGES, MESSAGES)
    _assert_landed_once(land)


def test_a_lander_that_pauses_again_and_again_lands_everything_once(land: Landscape, slow: Slow) -> None:
    with slow.running(Until(once=True)) as running:
        for number in range(1, 6):
            _poll(partial(_has_paused, slow, number), running)
            assert slow.held() <= HELD_BOUND
            _open_for_one(slow)
        slow.gate.set()
        running.result(timeout=600)

    assert slow.source.pauses >= 5
    _assert_landed_once(land)


def test_a_stop_while_paused_ends_the_commit_under_way_and_leaves_the_rest(land: Landscape, slow: Slow) -> None:
    with slow.running(Until()) as running:
        _poll(lambda: slow.paused() == 1.0, running)
        slow.stop.set()
        _poll(lambda: not slow.lander.ready.is_set(), running)
        slow.gate.set()
        totals = running.result(timeout=600)

    assert totals.commits == 1
    assert 0 < totals.landed <= HELD_BOUND // 3
    assert land.rows().num_rows == totals.landed
    land_here(land)
    _assert_landed_once(land)


def _has_paused(slow: Slow, times: int) -> bool:
    return slow.source.pauses >= times


def _open_for_one(slow: Slow) -> None:
    commits = slow.lander.totals.commits
    slow.gate.set()
    _poll(lambda: slow.lander.totals.commits > commits)
    slow.gate.clear()


def _assert_landed_once(land: Landscape) -> None:
    rows = land.rows()
    assert rows.num_rows == MESSAGES
    assert pc.count_distinct(rows["sequence"]).as_py() == MESSAGES


def _poll(condition: Callable[[], bool], running: "Future[Totals] | None" = None, timeout_s: float = 240.0) -> None:
    deadline = CLOCK.monotonic() + timeout_s
    while not condition():
        if running is not None and running.done():
            running.result()
            raise AssertionError("the lander ended before it happened")
        assert CLOCK.monotonic() < deadline, "it did not happen in time"
        CLOCK.sleep(0.02)
