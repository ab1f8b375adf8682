"""Chunks of messages to a flush that is ready to be written. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from lakehouse.contracts.model import Topic
from lakehouse.stores import quotes_copy
from streaming.kit.checks import check
from streaming.kit.decode import Decoder
from streaming.kit.offsets import Span
from streaming.kit.source import Chunk
from streaming.quotes.columns import copy_columns, ticks_of
from streaming.quotes.writer import Flush

AHEAD_US = 5_000_000  # a tick further ahead of the broker's clock is no newest price


class Door:
    """Lets in what bronze would: decodes chunks and leaves out what breaks the contract. Not shared between threads."""

    def __init__(self, topic: Topic, *, max_message_bytes: int, max_future_s: float) -> None:
        self._topic = topic
        self._decoder = Decoder(topic, max_message_bytes=max_message_bytes)
        self._max_future_s = max_future_s

    def rows(self, chunk: Chunk) -> tuple[pa.Table, np.ndarray]:
        """The good rows, and the place in the chunk of each. A message is judged by its own broker time."""
        decoded = self._decoder.decode(chunk.values)
        stamps_us = chunk.kafka_ts_us if not decoded.bad else chunk.kafka_ts_us[decoded.index]
        verdict = check(self._topic, decoded.rows, now_us=stamps_us, max_future_s=self._max_future_s)
        index = decoded.index if verdict.ok else decoded.index[verdict.good_mask()]
        return verdict.good_rows(decoded.rows), index


@dataclass(slots=True)
class Batch:
    """Rows that wait to be flushed, opened at `opened_s`. Counts `messages` of any kind and those `refused`."""

    opened_s: float
    messages: int = 0
    refused: int = 0
    unstorable: int = 0
    _rows: list[pa.Table] = field(default_factory=list)
    _partition: list[np.ndarray] = field(default_factory=list)
    _offset: list[np.ndarray] = field(default_factory=list)
    _stamps_us: list[np.ndarray] = field(default_factory=list)
    _every_us: list[np.ndarray] = field(default_factory=list)
    _spans: dict[int, Span] = field(default_factory=dict)

    def add(self, chunk: Chunk, door: Door) -> None:
        """Take a chunk in: chunks follow each other without a gap."""
        rows, index = door.rows(chunk)
        self._rows.append(rows)
        self._partition.append(chunk.partition[index])
        self._offset.append(chunk.offset[index])
        self._stamps_us.append(chunk.kafka_ts_us[index])
        self._every_us.append(chunk.kafka_ts_us)
        self.messages += len(chunk.values)
        self.refused += len(chunk.values) - len(index)
        self._spans = _joined(self._spans, chunk.spans)

    def seal(self) -> Flush:
        """Everything as the writer wants it."""
        rows = pa.concat_tables(self._rows)
        stamps_us = np.concatenate(self._stamps_us)
        is_ahead = rows["event_time_us"].to_numpy() > stamps_us + AHEAD_US
        ticks = ticks_of(rows, np.concatenate(self._partition), np.concatenate(self._offset), is_ahead)
        self.unstorable = rows.num_rows - len(ticks)
        body = quotes_copy.body(copy_columns(ticks), len(ticks))
        return Flush(ticks, body, self._spans, np.concatenate(self._every_us))


def _joined(spans: Mapping[int, Span], later: Mapping[int, Span]) -> dict[int, Span]:
    added = {number: spans[number].joined(span) if number in spans else span for number, span in later.items()}
    return {**spans, **added}
