"""The hot process from the settings: the one place that knows which engines stand behind it."""

import asyncio
import os
import socket
import uuid
from dataclasses import dataclass
from threading import Event, Timer
from typing import Final

import structlog
from confluent_kafka import Consumer

from lakehouse.clock import Clock
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings
from lakehouse.stores import hot, kafka, redis
from lakehouse.stores.books import open_orders
from lakehouse.stores.hot import Checkpoint, Shard
from lakehouse.stores.marts import Marts
from lakehouse.stores.postgres import Transaction
from streaming.hot import reading
from streaming.hot.changes import TERMS, Change, difference
from streaming.hot.checkpoints import Checkpoints
from streaming.hot.desk_hours import warm
from streaming.hot.desk_settings import VENUE, desk_of, plain_terms
from streaming.hot.follower import Follower
from streaming.hot.journal import Standing, pack, unpack
from streaming.hot.metrics import HotMetrics
from streaming.hot.pipeline import Ends, Pipeline, Taken
from streaming.hot.processor import Core, State
from streaming.hot.reading import Asked
from streaming.hot.restart import KafkaPast, Left, Place, Replay, ReplayImpossible
from streaming.hot.sinks import PATIENCE_S, RedisSink
from streaming.hot.ticks import Reader
from streaming.hot.writer import Writer
from streaming.kit.source import Source

GROUP: Final = "tidemark-hot"
WHOLE: Final = "0/1"
"""The one shard of today: all portfolios and symbols."""

MARTS_S: Final = 5.0
CALENDARS_AFTER_S: Final = 3.0
"""So long after the start calendars are read: ticks that have waited for this process come first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """A process that has taken its shard and stands where the journal ends."""

    pipeline: Pipeline
    ends: Ends

    def run(self, stop: Event, ready: Event) -> None:
        """Until `stop`. Raises what the pipeline does."""
        self.pipeline.run(stop, ready)

    def close(self) -> None:
        """Let go of everything."""
        self.ends.follower.close()
        self.ends.checkpoints.close()
        self.ends.redis.close()
        self.ends.writer.close()
        self.ends.source.close()


@dataclass(frozen=True, slots=True)
class _Start:
    """A core, the row of the journal and the offsets after which it goes on; a new one has seen nothing before."""

    core: Core
    number: int
    ends: Place
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """What somebody has looked into. `gap`: forget what was learnt, also where no state can be read, and read on at the
    first offset after the journal that there is. `orders`: where orders contradict the journal, they are as PostgreSQL
    has them."""

    gap: bool = False
    orders: bool = False


def build(
    settings: Settings, runner: asyncio.Runner, stop: Event, *, accept: Accept, clock: Clock, metrics: HotMetrics
) -> Built:
    """Take the shard, come back to where it stood, read the books, and start to follow them.

    Raises OffsetGapError, ReplayImpossible, StateUnreadable, Fenced.
    """
    return _Builder(settings, runner, stop, clock, metrics).build(accept)


class _Builder:
    def __init__(
        self, settings: Settings, runner: asyncio.Runner, stop: Event, clock: Clock, metrics: HotMetrics
    ) -> None:
        self._settings, self._clock, self._metrics = settings, clock, metrics
        self._name = f"hot-{uuid.uuid4().hex[:8]}"
        self._writer = Writer(settings.postgres, runner, stop, clock=clock, metrics=metrics)
        self._source = Source(self._consumer(GROUP), TICKS.name, clock=clock, metrics=metrics)
        self._reader = Reader(max_message_bytes=settings.landing.max_message_bytes)

    def build(self, accept: Accept) -> Built:
        shard = self._writer.ask(self._take)
        start = self._begun(shard, accept_gap=accept.gap)
        log.info("resumed", epoch=shard.epoch, row=start.number, is_new=start.is_new)
        change = self._books(start.core, is_new=start.is_new)
        self._assign(start, shard, accept_gap=accept.gap)
        ends, section = self._ends(), self._settings.hot
        taken = Taken(shard, start.number)
        pipeline = Pipeline(start.core, ends, section.batch_ms / 1e3, taken, clock=self._clock, metrics=self._metrics)
        if change:
            pipeline.changed(change)
        pipeline.reconcile(accept_orders=accept.orders)
        ends.follower.start(start.core.sight)
        exchanges = self._writer.ask(open_orders.exchanges)
        today = self._clock.now().date()
        calendars = Timer(CALENDARS_AFTER_S, warm, (exchanges, today))
        calendars.daemon = True
        calendars.start()
        return Built(pipeline, ends)

    def _ends(self) -> Ends:
        postgres, client = self._settings.postgres, redis.connect_impatient(self._settings.redis, timeout_s=PATIENCE_S)
        keep_days = self._settings.hot.keep_days
        marts = Marts(self._settings.clickhouse, timeout_s=MARTS_S)
        return Ends(
            source=self._source,
            reader=self._reader,
            writer=self._writer,
            redis=RedisSink(client, clock=self._clock, metrics=self._metrics),
            follower=Follower(postgres, marts, self._consumer(f"{GROUP}-books"), clock=self._clock),
            checkpoints=Checkpoints(postgres, keep_days=keep_days, clock=self._clock, metrics=self._metrics),
        )

    def _consumer(self, group: str) -> Consumer:
        config = kafka.consumer_config(self._settings.kafka, self._name, group)
        return Consumer(config | {"fetch.queue.backoff.ms": 1})

    async def _take(self, connection: Transaction) -> Shard:
        owner = f"{socket.gethostname()} {os.getpid()}"
        return await hot.take(connection, WHOLE, owner, clock=self._clock)

    def _begun(self, shard: Shard, *, accept_gap: bool) -> _Start:
        async def past(connection: Transaction) -> Left:
            last = await hot.last_row(connection, shard.shard)
            cut = await hot.last_row(connection, shard.shard, with_batches=True)
            return Left(await hot.newest_checkpoint(connection, shard.shard), last, cut)

        left = self._writer.ask(past)
        if left.is_nothing:
            return self._anew(0, None)
        if accept_gap:
            return self._anew(left.number, left.ends)
        state = left.state
        if state is None:
            raise ReplayImpossible("the journal has rows, but no state is kept: --accept-gap goes on after them")
        rows = self._writer.ask(lambda connection: hot.rows_after(connection, shard.shard, state.number))
        replay = self._replay(state).through(rows)
        self._metrics.replayed.set(replay.ticks)
        return _Start(replay.core, replay.number, replay.ends, is_new=False)

    def _anew(self, number: int, ends: Place | None) -> _Start:
        """A core that has learnt nothing; alerts are numbered on from those in PostgreSQL."""
        found = ends or tuple(self._first(partition) for partition in self._source.partitions())
        return _Start(Core(desk_of(self._settings)), number, found, is_new=True)

    def _replay(self, checkpoint: Checkpoint) -> Replay:
        standing = unpack(checkpoint.state)
        ticks = KafkaPast(self._source, self._reader, standing.ends, clock=self._clock)
        return Replay(checkpoint.number, standing, ticks, desk_of(self._settings))

    def _books(self, core: Core, *, is_new: bool) -> Change:
        """How the books, and the venue's terms, differ from what the state has seen of them."""

        async def read(connection: Transaction) -> Change:
            found = await reading.changes(connection, core.sight, Asked(), clock=self._clock)
            found |= difference(core.sight, {TERMS: {VENUE: plain_terms(self._settings)}}, {})
            return found | (await reading.marks(connection) if is_new else {})

        return self._writer.ask(read)

    def _assign(self, start: _Start, shard: Shard, *, accept_gap: bool) -> None:
        """Read on where the journal ends; where a new core starts is written down."""
        partitions = self._source.partitions()
        ends = start.ends + (0,) * (len(partitions) - len(start.ends))
        landed = {number: end - 1 if end else None for number, end in zip(partitions, ends, strict=True)}
        starts = self._source.assign(landed, {}, accept_gap=accept_gap, whole_topic=True)
        if start.is_new:
            state = pack(Standing(State(), tuple(starts.values())))

            async def keep(connection: Transaction) -> None:
                await hot.begin_anew(connection, shard, start.number, state, clock=self._clock)

            self._writer.ask(keep)

    def _first(self, partition: int) -> int:
        marks = self._source.watermarks(partition)
        return marks.low if self._settings.hot.start == "earliest" else marks.high
