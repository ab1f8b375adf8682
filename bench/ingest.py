"""Rows a second from a user's file into the lake, beside what people write and what the bare client can do.

Sends for real, so `tidemark bench` gives it a scratch stack.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd
from confluent_kafka import Producer

from bench import ticks
from bench.harness import Result
from lakehouse.clock import SystemClock, epoch_us
from lakehouse.settings import Settings, project_root
from lakehouse.stores import kafka
from streaming.feed.encode import encode, keys
from streaming.feed.ingest import Reading, open_all, send
from streaming.feed.producer import MAX_QUEUED, Sender
from streaming.feed.rows import Judge, Rules
from streaming.feed.settle import await_landed

MARKET = project_root().parent / "shared" / "market"
FILES = {"bars": "us_equities_daily_2013_2016.csv.gz", "ticks": "us_equity_ticks_2013-10-07_09.parquet"}
SAMPLE_ROWS = 200_000
_BATCH = 10_000
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows a second of one file: until the broker had them, until all had landed, of a peer, of the bare client."""

    kind: str
    rows: int
    landed_per_s: float
    acknowledged_per_s: float
    pandas_per_s: float
    bare_per_s: float


def run(settings: Settings) -> list[Result]:
    """The files that are on this machine; `../shared/market` beside the checkout holds them, or nothing is measured."""
    found = [measured for kind in FILES if (measured := measure(settings, kind)) is not None]
    return [
        Result(
            "ingest" if measured.kind == "ticks" else f"ingest_{measured.kind}",
            "rows/s",
            measured.landed_per_s,
            {"pandas, row by row": measured.pandas_per_s, "ours, until acknowledged": measured.acknowledged_per_s},
            measured.bare_per_s,
            notes=f"{measured.rows} rows of a real file until all had landed; peer and limit end at the broker",
        )
        for measured in found
    ]


def measure(settings: Settings, kind: str) -> Measured | None:
    """All four on the file of a kind, in one run; None where the file is not on this machine."""
    path = MARKET / FILES[kind]
    if not path.is_file():
        return None
    rows, acknowledged_s, landed_s = whole_road(settings, path)
    return Measured(
        kind=kind,
        rows=rows,
        landed_per_s=rows / landed_s,
        acknowledged_per_s=rows / acknowledged_s,
        pandas_per_s=pandas_row_by_row(settings, path),
        bare_per_s=bare_client(settings, path),
    )


def whole_road(settings: Settings, path: Path) -> tuple[int, float, float]:
    """Ours: rows, seconds until the broker held every message, seconds until every message had landed."""
    began = _CLOCK.monotonic()
    (opened,) = open_all([path], Reading())
    sender = Sender(settings.kafka, client_id="bench-ingest", clock=_CLOCK)
    sender.connect()
    report = send(opened, Rules(provider="bench"), sender, clock=_CLOCK)
    sent = sender.finish()
    acknowledged_s = _CLOCK.monotonic() - began
    counts = await_landed(settings.s3, sent, clock=_CLOCK)
    if not counts.adds_up or counts.produced != report.rows_in:
        raise AssertionError(f"{path.name}: {report.rows_in} rows in, {counts}")
    return report.rows_in, acknowledged_s, _CLOCK.monotonic() - began


def pandas_row_by_row(settings: Settings, path: Path) -> float:
    """What people write: pandas, json.dumps and produce() for each row; rows a second until the broker has them."""
    with ticks.topic(settings.kafka, settings.kafka.partitions) as topic:
        producer = Producer(kafka.producer_config(settings.kafka, "bench-pandas"))
        began = _CLOCK.monotonic()
        frame = pd.read_csv(path, nrows=SAMPLE_ROWS) if ".csv" in path.name else pd.read_parquet(path).head(SAMPLE_ROWS)
        for row in frame.itertuples(index=False):
            found = {name: value for name, value in row._asdict().items() if not pd.isna(value)}
            _produce(producer, topic, str(found["symbol"]).encode(), json.dumps(found, default=str).encode())
        producer.flush()
        return len(frame) / (_CLOCK.monotonic() - began)


def bare_client(settings: Settings, path: Path) -> float:
    """The limit: librdkafka with messages that are encoded already, no report asked for; messages a second."""
    batches = list(_encoded(path))
    with ticks.topic(settings.kafka, settings.kafka.partitions) as topic:
        producer = Producer(
            {**kafka.producer_config(settings.kafka, "bench-bare"), "queue.buffering.max.messages": MAX_QUEUED}
        )
        began = _CLOCK.monotonic()
        for batch in batches:
            while len(producer) + len(batch) > MAX_QUEUED:
                producer.poll(0.01)
            producer.produce_batch(topic, batch)
        producer.flush()
        return sum(map(len, batches)) / (_CLOCK.monotonic() - began)


def _encoded(path: Path) -> Iterator[list[dict[str, bytes | None]]]:
    (opened,) = open_all([path], Reading())
    judge, topic = Judge(opened.source, opened.layout, Rules()), opened.layout.topic
    for raw in islice(opened.source.batches(), 8):
        rows = judge.judge(raw, now_us=epoch_us(_CLOCK.now())).rows
        for start in range(0, rows.num_rows, _BATCH):
            part = rows.slice(start, _BATCH)
            yield [
                {"key": key, "value": value} for key, value in zip(keys(topic, part), encode(topic, part), strict=True)
            ]


def _produce(producer: Producer, topic: str, key: bytes, value: bytes) -> None:
    while True:
        try:
            producer.produce(topic, value, key)
            break
        except BufferError:
            producer.poll(0.05)
    producer.poll(0)
