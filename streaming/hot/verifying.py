"""The comparison from the settings: PostgreSQL's side of one moment, and ticks from bronze or from the topic."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import structlog
from confluent_kafka import Consumer

from lakehouse.clock import Clock
from lakehouse.contracts.topics import TICKS
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings
from lakehouse.stores import kafka
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

log = structlog.get_logger(__name__)


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
    fault: TidemarkError | None = None
    for state in found.states:
        rows = found.after(state)
        try:
            standing = unpack(state.state)
            end = end_of(rows, standing.ends)
            with _past(settings, origin, standing.ends, end, clock=clock, wait_s=wait_s) as past:
                return verdict(Replay(state.number, standing, past, desk_of(settings)), found, rows)
        except (OffsetGapError, BronzeLacks, StateUnreadable) as error:
            log.warning("state_left_out", number=state.number, made_at=state.made_at.isoformat(), error=str(error))
            fault = error
    if fault is not None:
        raise fault
    return _of_nothing(found)


def _of_nothing(found: Kept) -> Verdict:
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
