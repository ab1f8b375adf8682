"""Topics, buckets, messages and landers for tests of landing: each test has its own, so that none disturbs another."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import pyarrow as pa
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from deltalake.exceptions import TableNotFoundError

from lakehouse.clock import Clock, SystemClock
from lakehouse.contracts.model import Table, Topic
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import S3Settings, Settings
from lakehouse.stores import delta, kafka, objects
from streaming.landing import wiring
from streaming.landing.metrics import LandingMetrics
from streaming.landing.pipeline import Totals, Until

PROJECT = Path(__file__).resolve().parents[2]
QUEUE_MESSAGES = 50_000  # the producer's own limit is 100,000
PATIENCE_S = 180.0
EVENT_TIME_US = 1_672_237_800_000_000


@dataclass(frozen=True, slots=True)
class Landscape:
    """A topic with its own bucket on the real engines."""

    settings: Settings
    topic: Topic

    def rows(self, table: Table | None = None) -> pa.Table:
        """Everything in the topic's bronze table, or in `table`."""
        try:
            return delta.open_table(self.settings.s3, table or self.topic.bronze).to_pyarrow_table()
        except TableNotFoundError:
            return pa.table({})

    def quarantined(self) -> pa.Table:
        return self.rows(QUARANTINE)

    def remove(self) -> None:
        """Delete topic and bucket."""
        admin = AdminClient(kafka.client_config(self.settings.kafka, "test"))
        admin.delete_topics([self.topic.name])[self.topic.name].result(timeout=PATIENCE_S)
        remove_bucket(self.settings.s3)


def landscape(
    stack: Settings, *, partitions: int = 4, config: dict[str, str] | None = None, **landing: object
) -> Landscape:
    """A fresh topic of market.ticks' contract and a fresh bucket; `landing` overrides settings of that section."""
    topic = replace(TICKS, name=f"test.ticks.{uuid.uuid4().hex[:10]}")
    admin = AdminClient(kafka.client_config(stack.kafka, "test"))
    wanted = NewTopic(topic.name, num_partitions=partitions, replication_factor=1, config=config or {})
    admin.create_topics([wanted])[topic.name].result(timeout=PATIENCE_S)
    return Landscape(with_bucket(stack, **landing), topic)


def with_bucket(settings: Settings, **landing: object) -> Settings:
    """The settings of a lake in a bucket of its own; `landing` overrides settings of that section."""
    own = {
        "s3": settings.s3.model_copy(update={"lake_bucket": f"test-{uuid.uuid4().hex[:10]}"}),
        "landing": settings.landing.model_copy(update={"flush_interval_s": 0.1, "metrics_port": 0, **landing}),
    }
    made = settings.model_copy(update=own)
    objects.ensure_bucket(objects.connect(made.s3), made.s3.lake_bucket)
    return made


def remove_bucket(section: S3Settings) -> None:
    """Delete the bucket of a lake, and all that is in it."""
    client = objects.connect(section)
    for found in client.list_objects(bucket_name=section.lake_bucket, recursive=True):
        client.remove_object(bucket_name=section.lake_bucket, object_name=str(found.object_name))
    client.remove_bucket(bucket_name=section.lake_bucket)


def tick(sequence: int, **change: object) -> bytes:
    """A good trade with that sequence number, changed as said; a change to None leaves the field out."""
    row = {
        "symbol": f"S{sequence % 50}",
        "event_time_us": EVENT_TIME_US,
        "kind": "trade",
        "provider": "test",
        "sequence": sequence,
        "price": 100.25,
        "size": 1.0,
        **change,
    }
    return json.dumps({name: value for name, value in row.items() if value is not None}).encode()


def send(land: Landscape, messages: Iterable[bytes | None], *, partitions: Sequence[int] = (0,)) -> None:
    """Produce in order, round robin over the partitions, and wait until all are acknowledged."""
    producer = Producer(kafka.producer_config(land.settings.kafka, "test"))
    for number, message in enumerate(messages):
        while len(producer) >= QUEUE_MESSAGES:
            producer.poll(0.1)
        producer.produce(land.topic.name, value=message, key=b"key", partition=partitions[number % len(partitions)])
        producer.poll(0)
    assert producer.flush(PATIENCE_S) == 0


def land_here(
    land: Landscape,
    *,
    clock: Clock | None = None,
    accept_gap: bool = False,
    metrics: LandingMetrics | None = None,
    until: Until | None = None,
) -> Totals:
    """Land what the topic holds now, or until something else, in this process."""
    chosen = clock or SystemClock()
    lander, source = wiring.build(land.settings, land.topic, clock=chosen, metrics=metrics or LandingMetrics())
    try:
        return lander.run((), stop=Event(), until=until or Until(once=True), accept_gap=accept_gap)
    finally:
        source.close()


def wait_until_landing(lander: "subprocess.Popen[str]") -> None:
    """Read the process's log until it says that it has taken its partitions over."""
    assert lander.stderr is not None
    for line in lander.stderr:
        if json.loads(line)["event"] == "landing":
            return
    raise AssertionError("the lander ended before it began to land")


def start_lander(land: Landscape, *arguments: str) -> "subprocess.Popen[str]":
    """A lander process of its own; its log, one JSON object a line, is on stderr."""
    section = land.settings
    return subprocess.Popen(
        [sys.executable, "-m", "streaming.landing", "--topic", f"{TICKS.name}={land.topic.name}", *arguments],
        cwd=PROJECT,
        env={
            "PATH": "/usr/bin:/bin",
            "TIDEMARK_HOME": str(section.home),
            "TIDEMARK_KAFKA__BOOTSTRAP_SERVERS": section.kafka.bootstrap_servers,
            "TIDEMARK_S3__ENDPOINT_URL": section.s3.endpoint_url,
            "TIDEMARK_S3__LAKE_BUCKET": section.s3.lake_bucket,
            "TIDEMARK_LANDING__METRICS_PORT": "0",
            "TIDEMARK_LANDING__FLUSH_INTERVAL_S": str(section.landing.flush_interval_s),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
