"""Events, relays and what they brought to Kafka, for tests of the outbox."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from confluent_kafka import Consumer, TopicPartition

from lakehouse.clock import SystemClock
from lakehouse.contracts.model import Topic
from lakehouse.domain.ids import SYSTEM_USER, uuid7
from lakehouse.settings import Settings, inherited_environment
from lakehouse.stores import kafka

PROJECT = Path(__file__).resolve().parents[2]
CLOCK = SystemClock()
PATIENCE_S = 120.0
INSERT = """
    INSERT INTO ops.outbox (event_id, topic, key, type, owner_id, payload, occurred_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING seq
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as a consumer of Kafka sees it."""

    key: str
    event_id: str
    seq: int
    headers: dict[str, str]
    value: dict[str, Any]


def write_event(
    connection: psycopg.Connection[Any], topic: str, key: str, payload: Mapping[str, object] | None = None
) -> tuple[int, UUID]:
    """Emit one event in the connection's transaction: its seq and id."""
    event_id = uuid7(CLOCK)
    body = json.dumps(payload or {"note": "é", "amount": "1.50"})
    row = (event_id, topic, key, "portfolio.updated", SYSTEM_USER, body, CLOCK.now())
    found = connection.execute(INSERT, row).fetchone()
    assert found is not None
    return int(found[0]), event_id


def start_relay(settings: Settings, *arguments: str) -> "subprocess.Popen[str]":
    """A relay process of its own; its log, one JSON object a line, is on stderr."""
    return subprocess.Popen(
        [sys.executable, "-m", "streaming.outbox", *arguments],
        cwd=PROJECT,
        env={
            **inherited_environment(),
            "TIDEMARK_HOME": str(settings.home),
            "TIDEMARK_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
            "TIDEMARK_POSTGRES__PORT": str(settings.postgres.port),
            "TIDEMARK_POSTGRES__USER": settings.postgres.user,
            "TIDEMARK_POSTGRES__DATABASE": settings.postgres.database,
            "TIDEMARK_OUTBOX__METRICS_PORT": "0",
            "TIDEMARK_OUTBOX__BATCH_ROWS": "40",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ends(settings: Settings, topic: Topic) -> dict[int, int]:
    """The topic's end offset by partition: what comes later is the test's own."""
    consumer = Consumer({**kafka.client_config(settings.kafka, "test"), "group.id": uuid4().hex})
    found = consumer.list_topics(topic.name, timeout=PATIENCE_S).topics[topic.name].partitions
    marks = {n: consumer.get_watermark_offsets(TopicPartition(topic.name, n), timeout=PATIENCE_S)[1] for n in found}
    consumer.close()
    return marks


def arrived(settings: Settings, topic: Topic, since: dict[int, int]) -> list[Arrived]:
    """Everything that came to the topic after `since`, in the order of each partition."""
    until = ends(settings, topic)
    consumer = Consumer({**kafka.client_config(settings.kafka, "test"), "group.id": uuid4().hex})
    found: list[Arrived] = []
    for partition, end in until.items():
        consumer.assign([TopicPartition(topic.name, partition, since.get(partition, 0))])
        position = since.get(partition, 0)
        while position < end:
            message = consumer.poll(PATIENCE_S)
            assert message is not None
            assert message.error() is None
            position = int(message.offset() or 0) + 1
            found.append(_arrived(message.key(), message.value(), message.headers()))
    consumer.close()
    return found


def _arrived(key: bytes | None, body: bytes | None, headers: object) -> Arrived:
    assert key is not None
    assert body is not None
    assert isinstance(headers, list)
    value = json.loads(body)
    return Arrived(key.decode(), value["event_id"], value["seq"], {n: t.decode() for n, t in headers}, value)
