"""One thread reads and prepares flushes, another writes them; what fails begins anew at the committed offsets."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, Full, Queue
from threading import Event

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock, epoch_us
from lakehouse.contracts.model import Topic
from lakehouse.settings import Settings
from lakehouse.stores import quotes_keep, quotes_live
from lakehouse.stores.quotes_live import Claim, QuotesUnavailable
from streaming.kit.source import Source
from streaming.quotes.batch import Batch, Door
from streaming.quotes.metrics import QuotesMetrics
from streaming.quotes.sinks import Announcer
from streaming.quotes.writer import Flush, Writer

POLL_S = 0.02
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
DROP_EVERY_S = 3600.0
LONG_AGO_S = float("-inf")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ends:
    """Where ticks come from, and who is told of quotes."""

    source: Source
    announcer: Announcer


class Quotes:
    """Writes every partition of one topic until it is told to stop. run() once, then throw away.

    Nothing that is remembered outlives a failure: the writer is thrown away, the consumer goes back to the offsets that
    PostgreSQL holds, and while PostgreSQL is away nothing is read. Ticks wait on the broker.
    """

    def __init__(self, topic: Topic, ends: Ends, settings: Settings, *, clock: Clock, metrics: QuotesMetrics) -> None:
        self._topic = topic
        self._source, self._announcer = ends.source, ends.announcer
        self._settings = settings
        self._section = settings.quotes
        self._clock = clock
        self._metrics = metrics
        self._flushes: Queue[Flush | None] = Queue(1)
        self._claims: Mapping[int, Claim] | None = None
        self._dropped_s = LONG_AGO_S
        self._written = False
        self.ready = Event()

    def run(self, stop: Event, *, accept_gap: bool = False) -> None:
        """Write until `stop`, then what is in hand. Raises WriterFenced, OffsetGapError, SourceError."""
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            try:
                self._session(stop, accept_gap=accept_gap)
            except (QuotesUnavailable, psycopg.OperationalError) as error:
                pause_s = FIRST_PAUSE_S if self._written else min(2 * pause_s, LONGEST_PAUSE_S)
                self._metrics.failures.inc()
                log.warning("quotes_unavailable", error=str(error), retry_s=pause_s)
                self._wait(stop, pause_s)
            finally:
                self.ready.clear()

    def _session(self, stop: Event, *, accept_gap: bool) -> None:
        self._written = False
        self._flushes = Queue(1)
        with closing(quotes_live.connect(self._settings.postgres)) as connection:
            claims = self._claim(connection)
            self._look_at_edition(connection)
            writer = Writer(connection, self._topic.name, claims, clock=self._clock)
            self._announcer.tell(quotes_live.latest(connection))
            starts = self._assign(claims, accept_gap=accept_gap)
            log.info("writing", topic=self._topic.name, start=starts)
            with ThreadPoolExecutor(1, thread_name_prefix="quotes") as pool:
                writing = pool.submit(self._write_all, connection, writer)
                self.ready.set()
                try:
                    self._read_all(writing, stop)
                finally:
                    self._hand_over(None, writing)
                writing.result()

    def _claim(self, connection: Connection[TupleRow]) -> Mapping[int, Claim]:
        """Take the partitions at the start; after an outage look that nobody has taken them since."""
        if self._claims is None:
            firsts = {number: self._source.watermarks(number).low for number in self._source.partitions()}
            self._claims = quotes_live.claim(connection, self._topic.name, firsts, clock=self._clock)
            return self._claims
        with connection.transaction():
            self._claims = quotes_live.hold(connection, self._topic.name, self._claims)
        return self._claims

    def _look_at_edition(self, connection: Connection[TupleRow]) -> None:
        found = quotes_keep.edition(connection)
        self._metrics.hypertable.set(found.is_hypertable)
        self._metrics.compresses.set(found.compresses)
        log.info(
            "timescaledb",
            version=found.version,
            license=found.license,
            hypertable=found.is_hypertable,
            compression=found.compresses,
        )

    def _assign(self, claims: Mapping[int, Claim], *, accept_gap: bool) -> dict[int, int]:
        landed = {number: claim.next_offset - 1 if claim.next_offset else None for number, claim in claims.items()}
        starts = self._source.assign(landed, {}, accept_gap=accept_gap, whole_topic=True)
        self._source.resume()
        return starts

    def _read_all(self, writing: "Future[None]", stop: Event) -> None:
        door = Door(
            self._topic,
            max_message_bytes=self._settings.landing.max_message_bytes,
            max_future_s=self._settings.landing.max_future_s,
        )
        batch: Batch | None = None
        while not stop.is_set() and not writing.done():
            chunk = self._source.read(POLL_S)
            if chunk is not None:
                batch = batch or Batch(self._clock.monotonic())
                batch.add(chunk, door)
            if batch is not None and self._is_due(batch):
                self._seal(batch, writing)
                batch = None
        if batch is not None:
            self._seal(batch, writing)

    def _is_due(self, batch: Batch) -> bool:
        """Full, or old enough while the writer has nothing to do: under load flushes become larger, not more."""
        is_old = self._clock.monotonic() - batch.opened_s >= self._section.flush_interval_s
        return batch.messages >= self._section.flush_rows or (is_old and self._flushes.unfinished_tasks == 0)

    def _seal(self, batch: Batch, writing: "Future[None]") -> None:
        flush = batch.seal()
        self._metrics.decoded(refused=batch.refused, unstorable=batch.unstorable)
        self._hand_over(flush, writing)

    def _hand_over(self, flush: Flush | None, writing: "Future[None]") -> None:
        while not writing.done():
            try:
                self._flushes.put(flush, timeout=POLL_S)
            except Full:
                continue
            return

    def _write_all(self, connection: Connection[TupleRow], writer: Writer) -> None:
        while True:
            self._drop_old(connection)
            try:
                flush = self._flushes.get(timeout=1.0)
            except Empty:
                continue
            if flush is None:
                return
            self._write(writer, flush)
            self._flushes.task_done()

    def _write(self, writer: Writer, flush: Flush) -> None:
        began_s = self._clock.monotonic()
        done = writer.write(flush)
        self._metrics.flush.observe(self._clock.monotonic() - began_s)
        self._written = True
        self._source.committed(flush.spans)
        self._metrics.written(done)
        self._metrics.age.observe((epoch_us(self._clock.now()) - int(flush.kafka_ts_us.min())) / 1e6)
        self._announcer.tell(done.accepted)

    def _drop_old(self, connection: Connection[TupleRow]) -> None:
        now_s = self._clock.monotonic()
        if now_s - self._dropped_s < DROP_EVERY_S:
            return
        self._dropped_s = now_s
        before = self._clock.now() - timedelta(days=self._section.keep_days)
        dropped = quotes_keep.drop_old(connection, self._topic.name, before, clock=self._clock)
        self._metrics.dropped.inc(dropped)
        if dropped == quotes_keep.PIECE:
            self._dropped_s = LONG_AGO_S  # there may be more, after the next flush
        if dropped:
            log.info("ticks_dropped", before=before.isoformat(), chunks=dropped)

    def _wait(self, stop: Event, seconds: float) -> None:
        """Let PostgreSQL come back; errors and partitions are looked at meanwhile, messages are not read."""
        until_s = self._clock.monotonic() + seconds
        if self._source.expected():
            self._source.pause()
        while not stop.is_set() and self._clock.monotonic() < until_s:
            if self._source.expected():
                self._source.serve(POLL_S)
            else:
                stop.wait(POLL_S)
