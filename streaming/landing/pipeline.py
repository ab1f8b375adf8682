"""One topic's lander: one thread reads, decodes and encodes, another commits what is sealed.

Decoding shares the reading thread on purpose: in threads of their own the two hand the interpreter's lock to and
fro, which costs more than the overlap brings, and a chunk is still in the core's cache when it is parsed. Cores are
filled by more landers over disjoint partitions.

Back-pressure: a commit under way lets the next batch grow up to its limits and wait, sealed, while one more fills.
When that is full too, the reader pauses its partitions and goes on polling, so that errors, group offsets and a stop
are served, until the committer takes the waiting one. So a lander never holds more than three batches (one that is
committed, one that waits, one that fills), each of at most `flush_rows` messages or `flush_bytes` and one chunk more,
beside librdkafka's prefetch (64 MiB), which a pause drops.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event

import structlog

from lakehouse.clock import Clock, epoch_us
from lakehouse.contracts.model import Topic
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.settings import LandingSettings
from streaming.kit.source import Chunk, Source
from streaming.landing.batch import Batch, Flush
from streaming.landing.metrics import LandingMetrics
from streaming.landing.processor import Processor
from streaming.landing.sinks import DeltaSink

POLL_S = 0.05

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Until:
    """When a lander stops by itself: after `idle_s` seconds without a message, or once it has read everything that
    was on the broker when it started. Neither: it runs until it is told to stop."""

    idle_s: float | None = None
    once: bool = False


@dataclass(slots=True)
class Totals:
    """What one run did: `messages` = `landed` + `quarantined`, always."""

    messages: int = 0
    landed: int = 0
    quarantined: int = 0
    commits: int = 0


class Lander:
    """Lands the given partitions of one topic. run() once, then throw away."""

    def __init__(
        self,
        topic: Topic,
        *,
        source: Source,
        sink: DeltaSink,
        settings: LandingSettings,
        clock: Clock,
        metrics: LandingMetrics,
    ) -> None:
        self._topic = topic
        self._source = source
        self._sink = sink
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._processor = Processor(
            topic, max_message_bytes=settings.max_message_bytes, max_future_s=settings.max_future_s
        )
        self._flushes: Queue[Flush | None] = Queue(1)
        self._abort = Event()
        self._stop = Event()
        self.totals = Totals()
        self.ready = Event()

    def run(self, partitions: tuple[int, ...], *, stop: Event, until: Until, accept_gap: bool) -> Totals:
        """Land until `stop` is set or `until` is reached, then commit what is in hand.

        A stop during a pause ends the commit under way and leaves the rest to the next start: the store is slow.
        Raises FencedError, OffsetGapError, SourceError, StoreError and whatever else an engine raises: the table is
        right at any point, so the remedy is to start again.
        """
        self._stop = stop
        landed = self._sink.open(partitions or self._source.partitions())
        starts = self._source.assign(landed, self._sink.settled(), accept_gap=accept_gap, whole_topic=not partitions)
        log.info("landing", topic=self._topic.name, start=starts)
        with ThreadPoolExecutor(1, thread_name_prefix=self._topic.name) as pool:
            committer = pool.submit(self._commit_all)
            self.ready.set()
            try:
                batch = self._read_all(committer, until)
                self.ready.clear()
                self._finish(batch)
                committer.result()
            finally:
                self.ready.clear()
                self._abort.set()
        log.info("landed", topic=self._topic.name, rows=self.totals.landed, quarantined=self.totals.quarantined)
        return self.totals

    def _read_all(self, committer: "Future[None]", until: Until) -> Batch | None:
        """Read until there is a reason to end; returns the batch in hand."""
        last = self._clock.monotonic()
        goal = self._source.ends() if until.once else {}
        batch: Batch | None = None
        while not self._stop.is_set() and not committer.done():
            chunk = self._source.read(POLL_S)
            if chunk is not None:
                batch = self._add(batch, chunk)
                last = self._clock.monotonic()
            if batch is not None and self._is_due(batch):
                self._hand_over(batch)
                batch, last = None, self._clock.monotonic()
            if until.idle_s is not None and self._clock.monotonic() - last >= until.idle_s:
                break
            if until.once and self._source.reached(goal):
                break
        return batch

    def _add(self, batch: Batch | None, chunk: Chunk) -> Batch:
        if batch is not None and batch.ingest_day != chunk.ingest_day:
            self._hand_over(batch)
            batch = None
        batch = batch or Batch(self._topic, ingest_day=chunk.ingest_day, opened_s=self._clock.monotonic())
        batch.add(chunk, self._processor.process(chunk))
        return batch

    def _is_due(self, batch: Batch) -> bool:
        """Full, or old enough while no commit is under way: a slow store makes commits larger, not more."""
        full = batch.message_count >= self._settings.flush_rows or batch.size_bytes >= self._settings.flush_bytes
        old = self._clock.monotonic() - batch.opened_s >= self._settings.flush_interval_s
        return full or (old and self._flushes.unfinished_tasks == 0)

    def _hand_over(self, batch: Batch) -> None:
        self._put(batch.seal(arrow.schema(QUARANTINE)))

    def _commit_all(self) -> None:
        with _Aborting(self._abort):
            while not self._abort.is_set():
                try:
                    flush = self._flushes.get(timeout=POLL_S)
                except Empty:
                    continue
                if flush is None:
                    return
                self._commit(flush)
                self._flushes.task_done()

    def _commit(self, flush: Flush) -> None:
        began = self._clock.monotonic()
        self._sink.commit(flush)
        seconds = self._clock.monotonic() - began
        self._source.committed(flush.spans)
        self.totals.messages += len(flush.kafka_ts_us)
        self.totals.landed += flush.rows
        self.totals.quarantined += flush.quarantine.num_rows
        self.totals.commits += 1
        ages_s = (epoch_us(self._clock.now()) - flush.kafka_ts_us) / 1e6
        self._metrics.committed(flush.topic, rows=flush.rows, seconds=seconds, quarantined=flush.reasons, ages_s=ages_s)

    def _put(self, flush: Flush) -> None:
        """Hand to the committer; where it is more than a moment behind, pause until it takes the flush."""
        if self._offer(flush, POLL_S) or self._abort.is_set():
            return
        log.info("paused", topic=self._topic.name)
        self._source.pause()
        while not self._abort.is_set():
            self._source.serve(POLL_S)
            if self._offer(flush, 0.0):
                self._source.resume()
                return
            if self._stop.is_set():
                log.info("stopped_while_paused", topic=self._topic.name)
                self._abort.set()

    def _finish(self, batch: Batch | None) -> None:
        """Hand over what is in hand after the last read, and the end."""
        left = [] if batch is None else [batch.seal(arrow.schema(QUARANTINE))]
        for item in (*left, None):
            while not self._offer(item, POLL_S) and not self._abort.is_set():
                pass

    def _offer(self, flush: Flush | None, timeout_s: float) -> bool:
        try:
            self._flushes.put(flush, timeout=timeout_s)
        except Full:
            return False
        return True


class _Aborting:
    """Sets the event when the block fails, so that the other thread stops waiting for this one."""

    def __init__(self, abort: Event) -> None:
        self._abort = abort

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._abort.set()
