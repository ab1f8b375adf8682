"""Messages to Kafka: every one acknowledged and counted by partition and offset, or the run fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from lakehouse.clock import Clock
from lakehouse.contracts.topics import TOPICS
from lakehouse.errors import TidemarkError
from lakehouse.settings import KafkaSettings
from lakehouse.stores import kafka

BATCH = 10_000
MAX_QUEUED = 100_000
_POLL_S = 0.05
_CONNECT_S = 5.0
_SHOWN = 5


class DeliveryError(TidemarkError):
    """The broker refused messages or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the broker holds of one topic: per partition the inclusive offset runs, ascending.

    There is more than one run where somebody else produced to the partition at the same time.
    """

    topic: str
    runs: dict[int, tuple[tuple[int, int], ...]]

    @property
    def counts(self) -> dict[int, int]:
        """Messages by partition."""
        return {number: sum(last - first + 1 for first, last in runs) for number, runs in self.runs.items()}

    @property
    def total(self) -> int:
        """Messages of all partitions."""
        return sum(self.counts.values())

    @property
    def last_offsets(self) -> dict[int, int]:
        """The highest offset by partition."""
        return {number: runs[-1][1] for number, runs in self.runs.items()}


@dataclass(slots=True)
class _Ledger:
    """Delivery reports of one topic. Its `note` runs once a message, so it does the least that keeps every offset."""

    runs: dict[int, list[list[int]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    failed: int = 0

    def note(self, error: KafkaError | None, message: "Message[bytes, bytes]") -> None:
        partition, offset = message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            self.failed += 1
            if len(self.failures) < _SHOWN:
                self.failures.append(f"{message.topic()}: {error.str() if error else 'acknowledged without an offset'}")
            return
        runs = self.runs.get(partition)
        if runs is None:
            self.runs[partition] = [[offset, offset]]
        elif runs[-1][1] + 1 == offset:
            runs[-1][1] = offset
        else:
            runs.append([offset, offset])

    def close(self, topic: str) -> Acknowledged:
        runs = {number: tuple((first, last) for first, last in sorted(found)) for number, found in self.runs.items()}
        return Acknowledged(topic, dict(sorted(runs.items())))


class Sender:
    """One idempotent producer. `send` blocks while its queue is full; `finish` waits for the last answer."""

    def __init__(
        self, section: KafkaSettings, *, client_id: str, clock: Clock, rate_per_s: float | None = None
    ) -> None:
        """`rate_per_s` is the most messages sent a second, for a replay; None sends as fast as the broker takes."""
        config = kafka.producer_config(section, client_id)
        # Refused connections are reported by `connect` and by the delivery reports; the client's own log repeats them.
        self._producer = Producer({**config, "queue.buffering.max.messages": MAX_QUEUED, "log_level": 2})
        self._section = section
        self._servers = section.bootstrap_servers
        self._clock = clock
        self._rate = rate_per_s
        self._started = clock.monotonic()
        self._sent = 0
        self._ledgers: dict[str, _Ledger] = {}

    def connect(self) -> None:
        """See that the broker answers and that every contracted topic exists. Raises DeliveryError with the remedy."""
        try:
            self._producer.list_topics(timeout=_CONNECT_S)
            kafka.ensure_topics(self._section, tuple(TOPICS.values()))
        except KafkaException as error:
            raise DeliveryError(
                f"Kafka at {self._servers} does not answer ({error.args[0].str()}): start it with `tidemark up`"
            ) from error

    def send(self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes]) -> int:
        """Queue messages in order and return how many. Raises DeliveryError as soon as one is known to have failed."""
        ledger = self._ledgers.setdefault(topic, _Ledger())
        size = BATCH if self._rate is None else max(1, min(BATCH, round(self._rate * _POLL_S)))
        for start in range(0, len(values), size):
            stop = start + size
            batch: list[dict[str, Any]] = [
                {"key": key, "value": value} for key, value in zip(keys[start:stop], values[start:stop], strict=True)
            ]
            self._queue(topic, batch, ledger)
            self._sent += len(batch)
            self._pace()
        return len(values)

    def finish(self, *, timeout_s: float = 120.0) -> dict[str, Acknowledged]:
        """Wait until every message is answered. Raises DeliveryError where one failed or none came in `timeout_s`."""
        left = self._producer.flush(timeout_s)
        if left:
            raise DeliveryError(
                f"{left} of {self._sent} messages were not acknowledged in {timeout_s:g} s by Kafka at "
                f"{self._servers}: see `tidemark status` and send the input again"
            )
        self._raise_failures()
        return {topic: ledger.close(topic) for topic, ledger in self._ledgers.items()}

    def settle(self, *, timeout_s: float = 120.0) -> dict[str, Acknowledged]:
        """`finish`, and forget what it returns: a feed without an end has no room for every offset."""
        answered = self.finish(timeout_s=timeout_s)
        self._ledgers.clear()
        return answered

    def _queue(self, topic: str, batch: list[dict[str, Any]], ledger: _Ledger) -> None:
        # Room is made first: a batch cut in two by a full queue would have to be queued again from its gap.
        while len(self._producer) + len(batch) > MAX_QUEUED:
            self._producer.poll(_POLL_S)
        while batch:
            queued = self._producer.produce_batch(topic, batch, on_delivery=ledger.note)
            self._producer.poll(0)
            if queued == len(batch):
                break
            batch = self._not_queued(topic, batch)
            self._producer.poll(_POLL_S)
        self._raise_failures()

    def _not_queued(self, topic: str, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        left = []
        for message in batch:
            error = message.pop("_error", None)
            if error is None:
                continue
            if not isinstance(error, KafkaError) or error.code() != KafkaError._QUEUE_FULL:
                raise DeliveryError(f"Kafka client refused a message for {topic}: {error}")
            left.append(message)
        return left

    def _pace(self) -> None:
        if self._rate is None:
            return
        early_s = self._started + self._sent / self._rate - self._clock.monotonic()
        if early_s > 0:
            self._clock.sleep(early_s)

    def _raise_failures(self) -> None:
        failed = sum(ledger.failed for ledger in self._ledgers.values())
        if failed:
            shown = "; ".join(line for ledger in self._ledgers.values() for line in ledger.failures)
            raise DeliveryError(f"{failed} messages failed at Kafka {self._servers}: {shown}")
