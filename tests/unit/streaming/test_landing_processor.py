"""Chunks to rows and quarantine, and batches to files: pure, on plain bytes."""

import json
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client import generate_latest

from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.contracts.topics import BARS_DAILY, TICKS
from streaming.kit.offsets import Span
from streaming.kit.source import Chunk
from streaming.landing import batch as batch_module
from streaming.landing.batch import Batch
from streaming.landing.metrics import LandingMetrics
from streaming.landing.processor import Processor

KAFKA_US = 1_672_237_800_000_000
READ_US = KAFKA_US + 2_000_000
GOOD = {
    "symbol": "AAPL",
    "event_time_us": KAFKA_US,
    "kind": "trade",
    "provider": "simulated",
    "sequence": 7,
    "price": 129.5,
}


def chunk(*messages: object, first: int = 0, partition: int = 3) -> Chunk:
    values = [message if isinstance(message, bytes) else json.dumps(message).encode() for message in messages]
    count = len(values)
    return Chunk(
        values=values,
        partition=np.full(count, partition, np.int32),
        offset=np.arange(first, first + count),
        kafka_ts_us=np.full(count, KAFKA_US),
        keys=[b"AAPL"] * count,
        read_us=READ_US,
        spans={partition: Span(first, first + count - 1)},
    )


def processor() -> Processor:
    return Processor(TICKS, max_message_bytes=1_000, max_future_s=300.0)


def test_good_messages_become_rows_of_the_contract() -> None:
    outcome = processor().process(chunk(GOOD, GOOD, first=40))

    first = outcome.bronze.to_pylist()[0]
    assert outcome.bronze.schema.equals(arrow.schema(TICKS.bronze))
    assert outcome.quarantine.num_rows == 0
    assert (first["_topic"], first["_partition"], first["_offset"], first["_schema_id"]) == ("market.ticks", 3, 40, 1)
    assert str(first["_ingest_date"]) == "2022-12-28"
    assert first["_ingest_ts"].timestamp() * 1e6 == READ_US
    assert first["_kafka_ts"].timestamp() * 1e6 == KAFKA_US
    assert (first["symbol"], first["price"], first["size"]) == ("AAPL", 129.5, None)


def test_bad_messages_keep_offset_key_source_and_content() -> None:
    bad = {**GOOD, "price": -1.0}

    outcome = processor().process(chunk(GOOD, bad, b"{", GOOD, first=10))

    rows = outcome.quarantine.to_pylist()
    assert outcome.bronze["_offset"].to_pylist() == [10, 13]
    assert outcome.quarantine.schema.equals(arrow.schema(QUARANTINE))
    assert [(row["_offset"], row["reason"], row["source"]) for row in rows] == [
        (11, "non_positive_price", "simulated"),
        (12, "unparsable", None),
    ]
    assert [row["raw"] for row in rows] == [json.dumps(bad).encode(), b"{"]
    assert rows[0]["key"] == b"AAPL"
    assert rows[0]["detail"] == "price is -1.0"
    assert outcome.reasons == {Reason.NON_POSITIVE_PRICE: 1, Reason.UNPARSABLE: 1}


def test_the_future_begins_at_the_messages_own_time() -> None:
    ahead = {**GOOD, "event_time_us": KAFKA_US + 300_000_001}
    edge = {**GOOD, "event_time_us": KAFKA_US + 300_000_000}

    outcome = processor().process(chunk(edge, ahead, b"["))

    assert outcome.bronze["_offset"].to_pylist() == [0]
    assert outcome.reasons == {Reason.FUTURE_TIME: 1, Reason.UNPARSABLE: 1}


def test_a_bar_of_tomorrow_is_refused() -> None:
    bar = json.loads(BARS_DAILY.examples[0])
    judge = Processor(BARS_DAILY, max_message_bytes=1_000, max_future_s=300.0)

    outcome = judge.process(chunk(bar, {**bar, "business_date": "2022-12-29"}))

    assert outcome.bronze.num_rows == 1
    assert outcome.reasons == {Reason.FUTURE_TIME: 1}


def test_a_batch_seals_into_a_file_whose_statistics_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "ROW_GROUP_ROWS", 3)
    batch, judge = Batch(TICKS, ingest_day=READ_US // 86_400_000_000, opened_s=0.0), processor()
    for first in (0, 2, 4):
        part = chunk(GOOD, {**GOOD, "event_time_us": KAFKA_US - first}, first=first)
        batch.add(part, judge.process(part))
    part = chunk(b"x", first=6)
    batch.add(part, judge.process(part))

    flush = batch.seal(arrow.schema(QUARANTINE))

    assert flush.bronze is not None
    file = pq.read_table(BytesIO(flush.bronze))
    assert batch.message_count == 7
    assert (flush.rows, file.num_rows, flush.quarantine.num_rows) == (6, 6, 1)
    assert flush.spans == {3: Span(0, 6)}
    assert str(flush.ingest_date) == "2022-12-28"
    assert "_ingest_date" not in file.column_names
    assert file["_offset"].to_pylist() == list(range(6))
    assert json.loads(flush.stats) == {
        "numRecords": 6,
        "minValues": {"_partition": 3, "_offset": 0, "event_time_us": KAFKA_US - 4},
        "maxValues": {"_partition": 3, "_offset": 5, "event_time_us": KAFKA_US},
        "nullCount": {"_partition": 0, "_offset": 0, "event_time_us": 0},
    }
    assert len(flush.kafka_ts_us) == 7


def test_a_batch_of_bars_states_dates_as_delta_does() -> None:
    batch = Batch(BARS_DAILY, ingest_day=0, opened_s=0.0)
    part = chunk(json.loads(BARS_DAILY.examples[0]))
    batch.add(part, Processor(BARS_DAILY, max_message_bytes=1_000, max_future_s=300.0).process(part))

    assert json.loads(batch.seal(arrow.schema(QUARANTINE)).stats)["minValues"]["business_date"] == "2022-12-28"


def test_a_batch_without_rows_has_no_file() -> None:
    batch, part = Batch(TICKS, ingest_day=0, opened_s=0.0), chunk(b"x")
    batch.add(part, processor().process(part))

    flush = batch.seal(pa.schema([]))

    assert (flush.bronze, flush.rows, flush.spans) == (None, 0, {3: Span(0, 0)})


def test_freshness_counts_every_row_of_a_flush() -> None:
    metrics = LandingMetrics()

    metrics.committed("t", rows=3, seconds=0.1, quarantined={}, ages_s=np.array([0.1, 0.6, 400.0]))
    metrics.committed("t", rows=1, seconds=0.1, quarantined={}, ages_s=np.array([0.05]))

    text = generate_latest(metrics.registry).decode()
    assert 'tidemark_landing_freshness_seconds_bucket{le="0.1",topic="t"} 2.0' in text
    assert 'tidemark_landing_freshness_seconds_bucket{le="0.75",topic="t"} 3.0' in text
    assert 'tidemark_landing_freshness_seconds_bucket{le="+Inf",topic="t"} 4.0' in text
    assert 'tidemark_landing_rows_landed_total{topic="t"} 4.0' in text
