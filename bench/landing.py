"""JSON ticks a second from Kafka into Delta on S3, broker and store on the same machine.

Beside it, in the same run: a bare consumer loop, which lands nothing and so is the limit, and a lander as people
write it, a message at a time.
"""

import json
import subprocess
import sys
import uuid
from datetime import datetime

import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition
from deltalake import write_deltalake

from bench import ticks
from bench.harness import Result
from lakehouse.clock import SystemClock
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings, project_root
from lakehouse.stores import delta, kafka, objects

MESSAGES = 3_000_000
NAIVE_MESSAGES = 100_000
NAIVE_FLUSH_ROWS = 10_000
PARTITIONS = 4
GOAL_ONE, GOAL_TWO = 250_000.0, 500_000.0
_ONCE = ("--once", "--metrics-port=0")
_CLOCK = SystemClock()


def run(settings: Settings) -> list[Result]:
    """One lander and two, over the same topic; every landed row is counted."""
    with ticks.topic(settings.kafka, PARTITIONS) as name:
        ticks.fill(settings.kafka, name, MESSAGES, PARTITIONS)
        limit = bare_loop(settings, name)
        one = land(settings, name, ["0,1,2,3"])
        two = land(settings, name, ["0,1", "2,3"])
        naive = row_by_row(settings, name)
    peers = {"row by row": naive}
    notes = f"{MESSAGES} JSON ticks in {PARTITIONS} partitions, start-up not counted; limit: a loop that only consumes"
    return [
        Result("landing", "ticks/s", one, peers, limit, GOAL_ONE, notes=notes),
        Result("landing_two", "ticks/s", two, peers, limit, GOAL_TWO, notes=f"two landers, half of it each; {notes}"),
    ]


def bare_loop(settings: Settings, name: str) -> float:
    """Messages a second of a loop that consumes and does nothing else."""
    consumer = Consumer(kafka.consumer_config(settings.kafka, "bench-bare", "bench"))
    consumer.assign([TopicPartition(name, partition, 0) for partition in range(PARTITIONS)])
    began, first, seen = 0.0, 0, 0
    while seen < MESSAGES:
        found = [message for message in consumer.consume(4_000, 0.05) if seen or message.error() is None]
        if found and not seen:
            # The clock starts with the first messages: connecting is not consuming.
            began, first = _CLOCK.monotonic(), len(found)
        seen += len(found)
    rate = (seen - first) / (_CLOCK.monotonic() - began)
    consumer.close()
    return rate


def land(settings: Settings, name: str, shares: list[str]) -> float:
    """Rows a second of as many lander processes as there are shares of the partitions, into a bucket of their own."""
    bucket = _bucket(settings)
    landers = [_start(settings, name, bucket, share) for share in shares]
    logs = [[json.loads(line) for line in lander.communicate()[1].splitlines()] for lander in landers]
    times = [datetime.fromisoformat(entry["timestamp"]) for log in logs for entry in log if entry["event"] != "started"]
    rows = sum(entry["rows"] for log in logs for entry in log if entry["event"] == "landed")
    section = settings.s3.model_copy(update={"lake_bucket": bucket})
    counted = delta.open_table(section, TICKS.bronze).count()
    if not rows == counted == MESSAGES:
        raise AssertionError(f"{MESSAGES} messages, {rows} reported as landed, {counted} in the table")
    elapsed_s: float = (max(times) - min(times)).total_seconds()
    return MESSAGES / elapsed_s


def row_by_row(settings: Settings, name: str) -> float:
    """What people write: poll(), json.loads(), a list of dicts, one write every so many rows; rows a second."""
    section = settings.s3.model_copy(update={"lake_bucket": _bucket(settings)})
    consumer = Consumer(kafka.consumer_config(settings.kafka, "bench-naive", "bench"))
    consumer.assign([TopicPartition(name, partition, 0) for partition in range(PARTITIONS)])
    target, rows, landed = f"{delta.uri(section, TICKS.bronze)}_naive", [], 0
    began = _CLOCK.monotonic()
    while landed < NAIVE_MESSAGES:
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        rows.append(
            {**json.loads(message.value() or b"null"), "partition": message.partition(), "offset": message.offset()}
        )
        if len(rows) == NAIVE_FLUSH_ROWS:
            write_deltalake(target, pa.Table.from_pylist(rows), mode="append", storage_options=delta.options(section))
            landed, rows = landed + len(rows), []
    rate = landed / (_CLOCK.monotonic() - began)
    consumer.close()
    return rate


def _bucket(settings: Settings) -> str:
    name = f"bench-{uuid.uuid4().hex[:10]}"
    objects.ensure_bucket(objects.connect(settings.s3), name)
    return name


def _start(settings: Settings, name: str, bucket: str, share: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "streaming.landing", f"--topic={TICKS.name}={name}", f"--partitions={share}", *_ONCE],
        cwd=project_root(),
        env={"PATH": "/usr/bin:/bin", "TIDEMARK_HOME": str(settings.home), "TIDEMARK_S3__LAKE_BUCKET": bucket},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
