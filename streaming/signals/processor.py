"""The loop: read, decide each signal in a transaction that also moves its offset, wait where PostgreSQL is away."""

import asyncio
from collections.abc import Mapping
from functools import partial
from threading import Event
from typing import Final

import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.settings import PostgresSettings
from lakehouse.stores import signals
from lakehouse.stores.signals import Claim, Outcome
from lakehouse.trading.signals import Signal
from streaming.kit.source import Chunk, Source
from streaming.signals.deciding import Desk
from streaming.signals.line import Line
from streaming.signals.metrics import SignalMetrics
from streaming.signals.reading import Reader

POLL_S: Final = 0.2

log = structlog.get_logger(__name__)


class Signals:
    """Decides every signal of one topic once, in order, until it is told to stop. run() once, then throw away.

    While PostgreSQL is away nothing is read: signals wait on the broker, and grow stale there.
    """

    def __init__(
        self, topic: str, source: Source, reader: Reader, desk: Desk, *, clock: Clock, metrics: SignalMetrics
    ) -> None:
        self._topic, self._source, self._reader, self._desk = topic, source, reader, desk
        self._clock, self._metrics = clock, metrics
        self._claims: Mapping[int, Claim] = {}
        self.ready = Event()

    def run(self, section: PostgresSettings, stop: Event, *, accept_gap: bool = False) -> None:
        """Decide until `stop`. Raises SignalsFenced, OffsetGapError, SourceError."""
        with asyncio.Runner() as runner:
            line = Line(section, runner, stop, partial(self._wait, stop))
            try:
                self._start(line, accept_gap=accept_gap)
                while not stop.is_set():
                    chunk = self._source.read(POLL_S)
                    if chunk is not None:
                        self._take(line, chunk, stop)
            finally:
                self.ready.clear()
                line.close()

    def _wait(self, stop: Event, seconds: float) -> None:
        """Let PostgreSQL come back; errors and partitions are looked at meanwhile, messages are not read."""
        self._metrics.failures.inc()
        self.ready.clear()
        if not self._source.expected():
            stop.wait(seconds)
            return
        self._source.pause()
        until_s = self._clock.monotonic() + seconds
        while not stop.is_set() and self._clock.monotonic() < until_s:
            self._source.serve(POLL_S)
        self._source.resume()

    def _start(self, line: Line, *, accept_gap: bool) -> None:
        firsts = {number: self._source.watermarks(number).low for number in self._source.partitions()}

        async def take(connection: AsyncConnection[TupleRow]) -> dict[int, Claim]:
            return await signals.claim(connection, self._topic, firsts, clock=self._clock)

        found = line.tried(take)
        if found is None:
            return
        self._claims = found
        landed = {number: each.next_offset - 1 if each.next_offset else None for number, each in found.items()}
        starts = self._source.assign(landed, {}, accept_gap=accept_gap, whole_topic=True)
        self.ready.set()
        log.info("deciding", topic=self._topic, start=starts)

    def _take(self, line: Line, chunk: Chunk, stop: Event) -> None:
        found = self._reader.signals(chunk)
        self._metrics.bad.inc(len(chunk.values) - len(found))
        for place, (partition, offset) in enumerate(zip(chunk.partition.tolist(), chunk.offset.tolist(), strict=True)):
            if stop.is_set() or not self._settle(line, found.get(place), partition, offset):
                return
        self._source.committed(chunk.spans)

    def _settle(self, line: Line, signal: Signal | None, partition: int, offset: int) -> bool:
        """Write what comes of a message, and that it was read; False where the process ends before that."""

        async def settle(connection: AsyncConnection[TupleRow]) -> list[Outcome]:
            async with connection.transaction():
                if not await signals.advance(
                    connection, self._topic, self._claims[partition], offset, clock=self._clock
                ):
                    return []
                return [] if signal is None else await self._desk.follow(connection, signal)

        outcomes = line.tried(settle)
        if outcomes is None:
            return False
        self.ready.set()
        self._tell(signal, outcomes)
        return True

    def _tell(self, signal: Signal | None, outcomes: list[Outcome]) -> None:
        self._metrics.decided.inc(signal is not None)
        for each in outcomes:
            if each.reason:
                self._metrics.refused.labels(each.reason).inc()
            else:
                self._metrics.ordered.inc()
        if signal is not None:
            log.info("decided", signal=str(signal.id), symbol=signal.symbol, portfolios=len(outcomes))
