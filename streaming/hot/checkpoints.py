"""Keeps states in a thread of its own, so that packing one costs the loop nothing."""

import asyncio
from datetime import timedelta
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Final

import psycopg
import structlog

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores import hot
from lakehouse.stores.hot import Shard
from streaming.hot.journal import Standing, pack
from streaming.hot.metrics import HotMetrics
from streaming.hot.writer import connect

EVERY_S: Final = 5.0
QUIET_EVERY_S: Final = 60.0
EVERY_TICKS: Final = 1_000_000
CLEAN_EVERY: Final = 5
POLL_S: Final = 0.2

log = structlog.get_logger(__name__)


class CheckpointsEnded(TidemarkError):
    """The thread that keeps states has failed: the process ends, and starts anew."""


class Checkpoints:
    """A state every EVERY_S while there are ticks, sooner after EVERY_TICKS, and every QUIET_EVERY_S of beats. One
    that cannot be kept is told: the next one will be, and a restart takes longer."""

    def __init__(self, section: PostgresSettings, *, keep_days: int, clock: Clock, metrics: HotMetrics) -> None:
        self._section, self._keep_days, self._clock, self._metrics = section, keep_days, clock, metrics
        self._ticks, self._kept_s, self._kept = 0, float("-inf"), 0
        self._queue: Queue[tuple[Shard, int, Standing]] = Queue(1)
        self._stop = Event()
        self._thread = Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def is_due(self, ticks: int) -> bool:
        """Whether a state is wanted, `ticks` more being in the journal. Raises CheckpointsEnded: the journal to replay
        would grow for ever."""
        if not self._thread.is_alive():
            raise CheckpointsEnded("nothing keeps states any more; the log says why")
        self._ticks += ticks
        if self._queue.full():
            return False
        every_s = EVERY_S if self._ticks else QUIET_EVERY_S
        return self._clock.monotonic() - self._kept_s >= every_s or self._ticks >= EVERY_TICKS

    def keep(self, shard: Shard, number: int, standing: Standing) -> None:
        """Keep the state after the committed row `number`."""
        try:
            self._queue.put_nowait((shard, number, standing))
        except Full:
            return
        self._ticks, self._kept_s = 0, self._clock.monotonic()

    def close(self) -> None:
        """Keep what waits, and end the thread."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not (self._stop.is_set() and self._queue.empty()):
            try:
                shard, number, standing = self._queue.get(timeout=POLL_S)
            except Empty:
                continue
            try:
                asyncio.run(self._put(shard, number, pack(standing)))
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                log.warning("checkpoint_not_kept", number=number, error=str(error))

    async def _put(self, shard: Shard, number: int, state: bytes) -> None:
        async with await connect(self._section, "tidemark-hot-checkpoints") as connection:
            await hot.put_checkpoint(connection, shard, number, state, clock=self._clock)
            if self._kept % CLEAN_EVERY == 0:
                await hot.drop_rows(connection, shard, self._clock.now() - timedelta(days=self._keep_days))
        self._kept += 1
        self._metrics.checkpoint.set(number)
