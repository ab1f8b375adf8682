"""The comparison from the settings: PostgreSQL's side of one moment, and ticks from bronze or from the topic."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event

from confluent_kafka import Consumer

from lakehouse.clock import Clock
from lakehouse.contracts.topics import TICKS
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from lakehouse.stores.hot import Checkpoint
from streaming.hot.batch import FUTURE_US
from streaming.hot.desk_settings import desk_of
from streaming.hot.journal import StateUnreadable, unpack
from streaming.hot.metrics import HotMetrics
from streaming.hot.restart import KafkaPast, Past, Place, Replay
from streaming.hot.ticks import Reader
from streaming.hot.verify import WAIT_S, Compared, Kept, Origin, Verdict, end_of, kept, verdict
from streaming.hot.verify_bronze import BronzeLacks, BronzePast
from streaming.hot.wiring import GROUP, WHOLE
from streaming.hot.writer import Writer
from streaming.kit.offsets import OffsetGapError
from streaming.kit.source import Source


class BronzeJudgesOtherwise(TidemarkError):
    """The lander puts ticks into quarantine that the hot process has judged."""


def recompute(
    settings: Settings,
    runner: asyncio.Runner,
    stop: Event,
    *,
    clock: Clock,
    origin: Origin = Origin.BRONZE,
    wait_s: float = WAIT_S,
) -> Verdict:
    """What the kept journal should have caused, from the oldest state of which the ticks are there, against what is
    written; also while a hot process runs. Blocking.

    Raises NotLanded, BronzeAway, BronzeLacks, BronzeJudgesOtherwise, OffsetGapError, StateUnreadable, ReplayImpossible.
    """
    if origin is Origin.BRONZE and settings.landing.max_future_s * 1e6 < FUTURE_US:
        raise BronzeJudgesOtherwise(
            f"landing.max_future_s is {settings.landing.max_future_s:g}: ticks further ahead, of up to "
            f"{FUTURE_US / 1e6:g} s, were judged and are not in bronze; use --from topic"
        )
    writer = Writer(settings.postgres, runner, stop, clock=clock, metrics=HotMetrics())
    try:
        found = writer.ask(lambda connection: kept(connection, WHOLE))
    finally:
        writer.close()

    def judge(state: Checkpoint) -> Verdict:
        rows, standing = found.after(state), unpack(state.state)
        end = end_of(rows, standing.ends)
        with _past(settings, origin, standing.ends, end, clock=clock, wait_s=wait_s) as past:
            return verdict(Replay(state.number, standing, past, desk_of(settings)), found, rows)

    return judged(found, judge)


def judged(found: Kept, judge: Callable[[Checkpoint], Verdict]) -> Verdict:
    """By the oldest state from which `judge` can play; says what was left out before it. Raises what `judge` does of
    the last one where it can from none."""
    left_out: list[str] = []
    fault: TidemarkError | None = None
    lacks = False
    for state in found.states:
        try:
            return replace(judge(state), left_out=tuple(left_out), lacks=lacks)
        except (OffsetGapError, BronzeLacks, StateUnreadable) as error:
            left_out.append(f"what followed row {state.number}, of {state.made_at:%Y-%m-%d %H:%M:%S} UTC: {error}")
            fault, lacks = error, lacks or isinstance(error, BronzeLacks)
    if fault is not None:
        raise fault
    return Verdict(Compared(), Compared(), found.books)


@contextmanager
def _past(
    settings: Settings, origin: Origin, start: Place, end: Place, *, clock: Clock, wait_s: float
) -> Iterator[Past]:
    if origin is Origin.BRONZE:
        yield BronzePast(settings.s3, TICKS, start, end, clock=clock, wait_s=wait_s)
        return
    config = kafka.consumer_config(settings.kafka, f"hot-verify-{uuid.uuid4().hex[:8]}", GROUP)
    source = Source(Consumer(config), TICKS.name, clock=clock, metrics=HotMetrics())
    try:
        reader = Reader(max_message_bytes=settings.landing.max_message_bytes)
        yield KafkaPast(source, reader, start, clock=clock)
    finally:
        source.close()
