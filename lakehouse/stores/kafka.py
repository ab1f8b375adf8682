"""Kafka by librdkafka: client configuration and topics."""

from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakehouse.contracts.model import Topic
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


def ensure_topics(section: KafkaSettings, topics: tuple[Topic, ...]) -> list[str]:
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
