"""Kafka: a batch is sent in order and waited for until the brokers have acknowledged it."""

from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Producer

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import KafkaSettings
from lakehouse.stores import kafka
from streaming.outbox.processor import Message

POLL_S = 0.2


class DeliveryError(TidemarkError):
    """The broker refuses a message for good, such as for a topic that is not there."""


class KafkaSink:
    """Sends without a time limit: an outage holds the batch where it is, and its order with it."""

    def __init__(self, section: KafkaSettings, *, clock: Clock) -> None:
        # 0: no message times out. One that did would be sent again behind those that followed it.
        config = kafka.producer_config(section, "tidemark-outbox") | {"message.timeout.ms": 0, "linger.ms": 2}
        self._producer = Producer(config | {"reconnect.backoff.max.ms": 2_000, "log_level": 3})
        self._clock = clock
        self._failed: KafkaError | None = None
        self._acknowledged: list[int] = []

    def send(self, messages: Sequence[Message], *, give_up: Callable[[], bool], held: Callable[[float], None]) -> bool:
        """Send the batch; True when all of it is acknowledged, False where `give_up` said so before.

        `held` is told, again and again, for how many seconds the broker has acknowledged nothing. Blocking.
        Raises DeliveryError for what waiting will not mend.
        """
        self._acknowledged = []
        for message in messages:
            self._producer.produce(
                message.topic,
                key=message.key,
                value=message.value,
                headers=list(message.headers),
                on_delivery=self._delivered(message.seq),
            )
        return self._settled(len(messages), give_up, held)

    def close(self) -> None:
        """Forget what is not acknowledged: it is not marked, so it is sent again."""
        self._producer.purge()
        self._producer.flush(1)

    def _settled(self, wanted: int, give_up: Callable[[], bool], held: Callable[[float], None]) -> bool:
        since, before = self._clock.monotonic(), 0
        while len(self._acknowledged) < wanted:
            self._producer.poll(POLL_S)
            if self._failed is not None:
                raise DeliveryError(f"Kafka refuses an event for good: {self._failed}. `tidemark doctor` says more")
            if len(self._acknowledged) > before:
                since, before = self._clock.monotonic(), len(self._acknowledged)
            held(self._clock.monotonic() - since)
            if give_up():
                return len(self._acknowledged) == wanted
        held(0.0)
        return True

    def _delivered(self, seq: int) -> Callable[[KafkaError | None, object], None]:
        def delivered(error: KafkaError | None, _: object) -> None:
            if error is None:
                self._acknowledged.append(seq)
            else:
                self._failed = error

        return delivered
