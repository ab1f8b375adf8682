"""Kafka by librdkafka: client configuration and topics."""

from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakehouse.contracts.model import Stream
from lakehouse.settings import KafkaSettings

TIMEOUT_S = 30.0


def client_config(section: KafkaSettings, client_id: str) -> dict[str, str | int | float | bool]:
    """What every client of the broker shares."""
    return {
        "bootstrap.servers": section.bootstrap_servers,
        "security.protocol": section.security_protocol,
        "client.id": client_id,
    }


def producer_config(section: KafkaSettings, client_id: str) -> dict[str, str | int | float | bool]:
    """A producer that neither loses nor doubles on retry: idempotent, acknowledged by all replicas."""
    return {
        **client_config(section, client_id),
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "compression.type": "lz4",
    }


def consumer_config(section: KafkaSettings, client_id: str, group_id: str) -> dict[str, str | int | float | bool]:
    """A consumer that is told its partitions and offsets, and fails rather than jump to an offset by itself.

    It commits nothing by itself; the group is for lag displays. It prefetches up to 64 MiB.
    """
    return {
        **client_config(section, client_id),
        "group.id": group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        # How long the broker keeps a fetch that finds nothing: whatever arrives ends the wait at once. A shorter one
        # only makes idle brokers busy; a longer one keeps a resumed partition out of the fetch that is under way.
        "fetch.wait.max.ms": 100,
        # Each refused connection is a log line.
        "reconnect.backoff.ms": 1_000,
        # The default of 1 s lets a consumer that drains its queue faster than one fetch fills it stand idle.
        "fetch.queue.backoff.ms": 10,
        "queued.min.messages": 100_000,
        "queued.max.messages.kbytes": 65_536,
    }


def ensure_topics(section: KafkaSettings, topics: tuple[Stream, ...]) -> list[str]:
    """Create the topics that do not exist and return their names. Raises KafkaException naming the topic."""
    admin = AdminClient(client_config(section, "tidemark-admin"))
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=section.partitions,
            replication_factor=section.replication_factor,
            config={"retention.ms": str(topic.retention_ms)},
        )
        for topic in topics
    ]
    futures = admin.create_topics(wanted, operation_timeout=TIMEOUT_S)
    return [name for name, future in futures.items() if _created(future)]


def _created(future: "Future[None]") -> bool:
    try:
        future.result(timeout=TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise
    return True
