"""The loop: read what waits, send it, mark it when it is acknowledged."""

from collections import Counter
from dataclasses import dataclass
from threading import Event

import structlog

from lakehouse.clock import Clock
from lakehouse.settings import OutboxSettings
from streaming.outbox.metrics import OutboxMetrics
from streaming.outbox.processor import OutboxRow, message_of
from streaming.outbox.sinks import KafkaSink
from streaming.outbox.source import OutboxUnavailable, Source

LONGEST_PAUSE_S = 30.0
GIVE_UP_S = 5.0
LOOK_EVERY_S = 2.0
CLEAN_EVERY_S = 3600.0
MAX_BYTES = 900_000  # below the broker's message.max.bytes of 1 MB, with room for headers

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ends:
    """Where events come from and go to."""

    source: Source
    sink: KafkaSink


class Relay:
    """Relays until it is told to stop, or once what waits. At least once; per key in the order of seq.

    The order holds because one relay works at a time, it sends in the order of seq, its producer is idempotent, and
    it goes on only after a batch is acknowledged. Writers of a key hold a lock on the object while they emit, so that
    seq is the order of their commits too. A kill between acknowledgement and mark sends a batch again.
    """

    def __init__(self, ends: Ends, section: OutboxSettings, *, clock: Clock, metrics: OutboxMetrics) -> None:
        self._source, self._sink = ends.source, ends.sink
        self._section = section
        self._clock = clock
        self._metrics = metrics
        self._looked_at = self._cleaned_at = float("-inf")
        self.ready = Event()

    def run(self, stop: Event, *, once: bool = False) -> int:
        """Blocking. Returns how many events were relayed. Raises DeliveryError; waits for PostgreSQL and Kafka."""
        relayed, pause_s = 0, self._section.poll_interval_s
        while not stop.is_set():
            try:
                sent = self._step(stop)
            except OutboxUnavailable as error:
                self._metrics.failures.inc()
                log.warning("outbox_unavailable", error=str(error), retry_s=pause_s)
                self.ready.clear()
                stop.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            pause_s = self._section.poll_interval_s
            relayed += sent
            if once and not sent:
                break
            if not sent:
                stop.wait(self._section.poll_interval_s)
        return relayed

    def _step(self, stop: Event) -> int:
        leads = self._source.lead()
        self._metrics.leads.set(leads)
        self.ready.set()
        if not leads:
            return 0
        started = self._clock.monotonic()
        rows = self._source.waiting(self._section.batch_rows)
        sent = self._relay(rows, stop) if rows else 0
        if sent:
            self._metrics.batch.observe(self._clock.monotonic() - started)
        self._look(len(rows))
        return sent

    def _relay(self, rows: list[OutboxRow], stop: Event) -> int:
        messages = [message_of(row, max_bytes=MAX_BYTES) for row in rows]
        for message in messages:
            if message.is_cut:
                self._metrics.cut.inc()
                log.error("event_cut", seq=message.seq, topic=message.topic)
        if not self._sink.send(messages, give_up=_later(stop, self._clock), held=self._metrics.held.set):
            return 0
        self._source.published([row.seq for row in rows])
        for topic, count in Counter(row.topic for row in rows).items():
            self._metrics.relayed(topic, count)
        return len(rows)

    def _look(self, read: int) -> None:
        """What waits and since when, now and then; and what is old enough to go."""
        now = self._clock.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            waiting, oldest, unknown = self._source.backlog()
            self._metrics.waiting.set(waiting)
            self._metrics.unknown.set(unknown)
            self._metrics.age.set(max(0.0, (self._clock.now() - oldest).total_seconds()) if oldest else 0.0)
        if read < self._section.batch_rows and now - self._cleaned_at >= CLEAN_EVERY_S:
            removed = self._source.remove_older(self._section.keep_days)
            self._metrics.removed.inc(removed)
            self._cleaned_at = now if not removed else self._cleaned_at


def _later(stop: Event, clock: Clock) -> "_GiveUp":
    return _GiveUp(stop, clock)


class _GiveUp:
    """True some seconds after a stop was asked for: a batch in flight is worth a short wait."""

    def __init__(self, stop: Event, clock: Clock) -> None:
        self._stop, self._clock = stop, clock
        self._since: float | None = None

    def __call__(self) -> bool:
        if not self._stop.is_set():
            return False
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since > GIVE_UP_S
