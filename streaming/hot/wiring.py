"""The hot process from the settings: the one place that knows which engines stand behind it."""

import asyncio
import os
import socket
import uuid
from dataclasses import dataclass
from threading import Event
from typing import Final

import structlog
from confluent_kafka import Consumer

from lakehouse.clock import Clock
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings
from lakehouse.stores import hot, kafka, redis
from lakehouse.stores.hot import Checkpoint, Row, Shard
from lakehouse.stores.postgres import Transaction
from streaming.hot import reading
from streaming.hot.changes import Change
from streaming.hot.checkpoints import Checkpoints
from streaming.hot.desk_settings import desk_of
from streaming.hot.follower import Follower
from streaming.hot.journal import Standing, pack, unpack
from streaming.hot.metrics import HotMetrics
from streaming.hot.pipeline import Ends, Pipeline, Taken
from streaming.hot.processor import Core, State
from streaming.hot.reading import Asked
from streaming.hot.restart import KafkaPast, Replay, Resumed, resumed
from streaming.hot.sinks import RedisSink
from streaming.hot.ticks import Reader
from streaming.hot.writer import Writer
from streaming.kit.source import Source

GROUP: Final = "tidemark-hot"
WHOLE: Final = "0/1"
"""The one shard of today: all portfolios and symbols."""

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


def build(settings: Settings, runner: asyncio.Runner, stop: Event, *, clock: Clock, metrics: HotMetrics) -> Built:
    """Take the shard, come back to where it stood, read the books, and start to follow them."""
    return _Builder(settings, runner, stop, clock, metrics).build()


class _Builder:
    def __init__(
        self, settings: Settings, runner: asyncio.Runner, stop: Event, clock: Clock, metrics: HotMetrics
    ) -> None:
        self._settings, self._clock, self._metrics = settings, clock, metrics
        self._name = f"hot-{uuid.uuid4().hex[:8]}"
        self._writer = Writer(settings.postgres, runner, stop, clock=clock, metrics=metrics)
        self._source = Source(self._consumer(GROUP), TICKS.name, clock=clock, metrics=metrics)
        self._reader = Reader(max_message_bytes=settings.landing.max_message_bytes)
        self._redis = RedisSink(redis.connect_async(settings.redis, retries=0), runner, clock=clock, metrics=metrics)

    def build(self) -> Built:
        shard = self._writer.ask(self._take)
        resumed = self._resumed(shard)
        self._metrics.replayed.set(resumed.ticks)
        log.info("resumed", epoch=shard.epoch, row=resumed.number, ticks=resumed.ticks)
        core, section = resumed.core, self._settings.hot
        change = self._books(core, is_new=resumed.ends is None)
        self._assign(resumed, shard)
        follower = Follower(self._settings.postgres, self._consumer(f"{GROUP}-books"), clock=self._clock)
        checkpoints = Checkpoints(
            self._settings.postgres, keep_days=section.keep_days, clock=self._clock, metrics=self._metrics
        )
        ends = Ends(self._source, self._reader, self._writer, self._redis, follower, checkpoints)
        taken = Taken(shard, resumed.number)
        pipeline = Pipeline(core, ends, section.batch_ms / 1e3, taken, clock=self._clock, metrics=self._metrics)
        if change:
            pipeline.changed(change)
        follower.start(core.sight)
        return Built(pipeline, ends)

    def _consumer(self, group: str) -> Consumer:
        config = kafka.consumer_config(self._settings.kafka, self._name, group)
        return Consumer(config | {"fetch.wait.max.ms": 5, "fetch.queue.backoff.ms": 1})

    async def _take(self, connection: Transaction) -> Shard:
        owner = f"{socket.gethostname()} {os.getpid()}"
        return await hot.take(connection, WHOLE, owner, clock=self._clock)

    def _resumed(self, shard: Shard) -> Resumed:
        async def past(connection: Transaction) -> tuple[Checkpoint | None, list[Row]]:
            checkpoint = await hot.newest_checkpoint(connection, shard.shard)
            number = 0 if checkpoint is None else checkpoint.number
            return checkpoint, await hot.rows_after(connection, shard.shard, number)

        checkpoint, rows = self._writer.ask(past)
        desk = desk_of(self._settings)
        if checkpoint is None:
            return Resumed(Core(desk), 0, None, 0)
        standing = unpack(checkpoint.state)
        ticks = KafkaPast(self._source, self._reader, standing.ends, clock=self._clock)
        return resumed(Replay(checkpoint.number, standing, ticks, desk), rows)

    def _books(self, core: Core, *, is_new: bool) -> Change:
        """How the books differ from what the state has seen of them."""

        async def read(connection: Transaction) -> Change:
            found = await reading.changes(connection, core.sight, Asked(), clock=self._clock)
            return found | (await reading.marks(connection) if is_new else {})

        return self._writer.ask(read)

    def _assign(self, resumed: Resumed, shard: Shard) -> None:
        """Read on where the journal ends; without one from the topic's end, or its beginning, which is written down."""
        partitions = self._source.partitions()
        ends = resumed.ends or tuple(self._first(number) for number in partitions)
        ends += (0,) * (len(partitions) - len(ends))
        landed = {number: end - 1 if end else None for number, end in zip(partitions, ends, strict=True)}
        self._source.assign(landed, {}, accept_gap=False, whole_topic=True)
        if resumed.ends is None:
            state = pack(Standing(State(), ends))

            async def keep(connection: Transaction) -> None:
                await hot.put_checkpoint(connection, shard, 0, state, clock=self._clock)

            self._writer.ask(keep)

    def _first(self, partition: int) -> int:
        marks = self._source.watermarks(partition)
        return marks.low if self._settings.hot.start == "earliest" else marks.high
