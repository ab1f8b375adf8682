"""Kafka: the alerts of `risk.alerts`, by a consumer group that commits what was noted."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from lakehouse.errors import TidemarkError
from lakehouse.settings import KafkaSettings
from lakehouse.stores import kafka
from lakehouse.stores.alerting import ALERTS, TRIGGERED

GROUP: Final = "tidemark-mail"
MOST: Final = 500

log = structlog.get_logger(__name__)


class AlertsUnreadable(TidemarkError):
    """Kafka fails for good, such as for a topic that is not there."""


class AlertSource:
    """Messages are read again until they are committed."""

    def __init__(self, section: KafkaSettings) -> None:
        config = kafka.consumer_config(section, "tidemark-mail", GROUP)
        self._consumer = Consumer({**config, "auto.offset.reset": "earliest", "enable.partition.eof": False})
        self._consumer.subscribe([ALERTS])

    def read(self, wait_s: float) -> tuple[list[UUID], list[Message]]:
        """Alerts that were triggered, and all messages that were read. Raises AlertsUnreadable."""
        messages = [each for each in self._consumer.consume(MOST, wait_s) if _is_read(each)]
        found = (_alert_of(message.value() or b"") for message in messages)
        return [each for each in found if each is not None], messages

    def commit(self, messages: Sequence[Message]) -> None:
        """They need not be read again. Where Kafka does not take that, as while the group gives partitions to another,
        they may be: what is noted once is not noted twice. Raises AlertsUnreadable."""
        try:
            for message in messages:
                self._consumer.store_offsets(message)
            self._consumer.commit(asynchronous=False)
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.fatal():
                raise AlertsUnreadable(f"{ALERTS} cannot be committed: {error.str()}") from failure
            log.warning("offsets_not_committed", error=error.str())

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def _is_read(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise AlertsUnreadable(f"{ALERTS} cannot be read: {error.str()}. `tidemark up` makes missing topics")
    log.warning("kafka_told", error=error.str())
    return False


def _alert_of(value: bytes) -> UUID | None:
    """The alert that an event tells; None of other events, and of what is none: the lander quarantines that."""
    try:
        event = orjson.loads(value)
        return UUID(event["payload"]["id"]) if event["type"] == TRIGGERED else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("message_ignored", error=type(error).__name__)
        return None
