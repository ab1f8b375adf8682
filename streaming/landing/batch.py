"""Rows gathered between two commits, encoded to Parquet as they come, so that a commit only uploads."""

import datetime
import json
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.contracts.model import Topic
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.render import arrow
from streaming.kit.offsets import Span
from streaming.kit.source import Chunk
from streaming.landing.processor import Outcome

ROW_GROUP_ROWS = 131_072
_COMPRESSION = "zstd"


@dataclass(frozen=True, slots=True)
class Flush:
    """One commit: `spans` are the offsets that it settles, in `bronze` (a Parquet file, or None), in `quarantine`
    or as offsets without a message. `kafka_ts_us` has one entry a message, for freshness."""

    topic: str
    spans: dict[int, Span]
    ingest_date: datetime.date
    bronze: pa.Buffer | None
    rows: int
    stats: str
    quarantine: pa.Table
    reasons: dict[Reason, int]
    kafka_ts_us: np.ndarray


class Batch:
    """Chunks of one topic and one ingest date. Not shared between threads; seal() ends it."""

    def __init__(self, topic: Topic, *, ingest_day: int, opened_s: float) -> None:
        self.ingest_day = ingest_day
        self.opened_s = opened_s
        self.rows = 0
        self._topic = topic
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._quarantine: list[pa.Table] = []
        self._reasons: Counter[Reason] = Counter()
        self._spans: dict[int, Span] = {}
        self._kafka_ts: list[np.ndarray] = []
        self._file = pa.BufferOutputStream()
        self._writer: pq.ParquetWriter | None = None
        self._stats = _Stats(topic)

    @property
    def size_bytes(self) -> int:
        """What the batch holds in memory, roughly."""
        return self._pending_bytes + int(self._file.tell())

    @property
    def message_count(self) -> int:
        return self.rows + sum(self._reasons.values())

    def add(self, chunk: Chunk, outcome: Outcome) -> None:
        """Take in a chunk that follows those before it."""
        for partition, span in chunk.spans.items():
            before = self._spans.get(partition)
            self._spans[partition] = before.joined(span) if before else span
        self._kafka_ts.append(chunk.kafka_ts_us)
        self._reasons.update(outcome.reasons)
        if outcome.quarantine.num_rows:
            self._quarantine.append(outcome.quarantine)
            self._pending_bytes += outcome.quarantine.nbytes
        if outcome.bronze.num_rows:
            self.rows += outcome.bronze.num_rows
            self._stats.add(outcome.bronze)
            self._pending.append(outcome.bronze)
            self._pending_rows += outcome.bronze.num_rows
            self._pending_bytes += outcome.bronze.nbytes
        if self._pending_rows >= ROW_GROUP_ROWS:
            self._encode()

    def seal(self, quarantine_schema: pa.Schema) -> Flush:
        """Everything so far, ready to commit."""
        if self._pending_rows:
            self._encode()
        if self._writer is not None:
            self._writer.close()
        return Flush(
            topic=self._topic.name,
            spans=self._spans,
            ingest_date=datetime.date(1970, 1, 1) + datetime.timedelta(days=self.ingest_day),
            bronze=self._file.getvalue() if self._writer is not None else None,
            rows=self.rows,
            stats=self._stats.render(self.rows),
            quarantine=pa.concat_tables(self._quarantine) if self._quarantine else quarantine_schema.empty_table(),
            reasons=dict(self._reasons),
            kafka_ts_us=np.concatenate(self._kafka_ts) if self._kafka_ts else np.empty(0, np.int64),
        )

    def _encode(self) -> None:
        # Delta keeps a partition column's value in the log, not in the file.
        rows = pa.concat_tables(self._pending).drop_columns([self._topic.bronze.partition_by])
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._file,
                rows.schema,
                compression=_COMPRESSION,
                use_dictionary=_dictionary_columns(self._topic),
                write_statistics=list(self._stats.columns),
                store_schema=False,
            )
        self._writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, sum(part.nbytes for part in self._quarantine)


class _Stats:
    """File statistics as Delta's log wants them. They cost a pass over each column, so the contract names the few."""

    def __init__(self, topic: Topic) -> None:
        self.columns = topic.bronze.stats_columns
        self._low: dict[str, object] = {}
        self._high: dict[str, object] = {}

    def add(self, rows: pa.Table) -> None:
        for name in self.columns:
            edges = pc.min_max(rows[name]).as_py()
            self._low[name] = min(edges["min"], self._low.get(name, edges["min"]))
            self._high[name] = max(edges["max"], self._high.get(name, edges["max"]))

    def render(self, rows: int) -> str:
        return json.dumps(
            {
                "numRecords": rows,
                "minValues": {name: _plain(value) for name, value in self._low.items()},
                "maxValues": {name: _plain(value) for name, value in self._high.items()},
                "nullCount": dict.fromkeys(self._low, 0),
            }
        )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime.date) else value


def _dictionary_columns(topic: Topic) -> list[str]:
    """Text and constants repeat; numbers mostly do not, and a dictionary of them costs more than it saves."""
    constant = ("_partition", "_schema_id", "_ingest_ts")
    schema = arrow.schema(topic.bronze)
    text = [field.name for field in schema if pa.types.is_string(field.type) and field.name != "_extra"]
    return [*constant, *text]
