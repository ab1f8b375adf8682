"""A chunk of messages to bronze rows and quarantine rows. Pure: no engine, no clock, no setting."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lakehouse.contracts.model import Topic
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import QUARANTINE
from streaming.kit.checks import check
from streaming.kit.decode import BadMessage, Decoded, Decoder
from streaming.kit.source import Chunk

_PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Both halves of a chunk, in the columns of their contracts: every message is in exactly one."""

    bronze: pa.Table
    quarantine: pa.Table
    reasons: dict[Reason, int]


class Processor:
    """Decodes, checks and lays out chunks of one topic. Not shared between threads."""

    def __init__(self, topic: Topic, *, max_message_bytes: int, max_future_s: float) -> None:
        self._topic = topic
        self._decoder = Decoder(topic, max_message_bytes=max_message_bytes)
        self._max_future_s = max_future_s
        self._bronze = arrow.schema(topic.bronze)
        self._quarantine = arrow.schema(QUARANTINE)

    def process(self, chunk: Chunk) -> Outcome:
        """Judge each message against its own broker time, so that a replay judges it alike."""
        decoded = self._decoder.decode(chunk.values)
        now_us = chunk.kafka_ts_us if not decoded.bad else chunk.kafka_ts_us[decoded.index]
        verdict = check(self._topic, decoded.rows, now_us=now_us, max_future_s=self._max_future_s)
        if verdict.ok and not decoded.bad:
            return Outcome(self._layout(chunk, decoded), self._quarantine.empty_table(), {})
        refused = [self._refused(chunk, decoded, row.index, row.reason, row.detail) for row in verdict.bad]
        good = Decoded(verdict.good_rows(decoded.rows), decoded.index[verdict.good_mask()])
        bad = sorted((*decoded.bad, *refused), key=lambda message: message.index)
        reasons = dict(Counter(message.reason for message in bad))
        return Outcome(self._layout(chunk, good), self._quarantined(chunk, bad), reasons)

    def _refused(self, chunk: Chunk, decoded: Decoded, row: int, reason: Reason, detail: str) -> BadMessage:
        index = int(decoded.index[row])
        provider = decoded.rows[_PROVIDER][row].as_py() if _PROVIDER in decoded.rows.column_names else None
        return BadMessage(index, reason, detail, self._decoder.cut(chunk.values[index]), provider)

    def _layout(self, chunk: Chunk, good: Decoded) -> pa.Table:
        whole = len(good.index) == len(chunk.values)
        provenance = self._provenance(chunk, None if whole else good.index)
        columns = [provenance[name] if name in provenance else good.rows.column(name) for name in self._bronze.names]
        return pa.table(columns, schema=self._bronze)

    def _quarantined(self, chunk: Chunk, bad: Sequence[BadMessage]) -> pa.Table:
        columns = {
            **self._provenance(chunk, np.array([message.index for message in bad], np.int64)),
            "reason": pa.array([message.reason.value for message in bad], pa.string()),
            "detail": pa.array([message.detail for message in bad], pa.string()),
            "source": pa.array([message.source for message in bad], pa.string()),
            "key": pa.array([chunk.keys[message.index] for message in bad], pa.binary()),
            "raw": pa.array([message.raw for message in bad], pa.binary()),
        }
        return pa.table([columns[name] for name in self._quarantine.names], schema=self._quarantine)

    def _provenance(self, chunk: Chunk, index: np.ndarray | None) -> dict[str, pa.Array]:
        count = len(chunk.values) if index is None else len(index)
        pick = slice(None) if index is None else index
        instant = pa.timestamp("us", tz="UTC")
        return {
            "_topic": pa.repeat(self._topic.name, count),
            "_partition": pa.array(chunk.partition[pick], pa.int32()),
            "_offset": pa.array(chunk.offset[pick], pa.int64()),
            "_kafka_ts": pa.array(chunk.kafka_ts_us[pick], pa.int64()).cast(instant),
            "_ingest_ts": pa.repeat(pa.scalar(chunk.read_us, pa.int64()), count).cast(instant),
            "_ingest_date": pa.repeat(pa.scalar(chunk.ingest_day, pa.int32()), count).cast(pa.date32()),
            "_schema_id": pa.repeat(pa.scalar(self._topic.schema_id, pa.int32()), count),
        }
