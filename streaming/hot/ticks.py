"""Messages of market.ticks to a batch: read and judged by the topic's contract, in columns. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.topics import TICKS
from lakehouse.risk.checks import IntArray
from streaming.hot.batch import COLUMNS, FUTURE_US, Batch, Columns
from streaming.kit.checks import check
from streaming.kit.decode import Decoder
from streaming.kit.loops import Bytes
from streaming.kit.names import Names, places
from streaming.kit.scan import INTEGERS, NUMBERS, scan
from streaming.kit.source import Chunk

UNPARSABLE: Final = "unparsable"
UNKNOWN_SYMBOL: Final = "unknown_symbol"
_COLUMNS: Final = {
    "at_us": "event_time_us",
    "seq": "sequence",
    "price": "price",
    "size": "size",
    "bid": "bid_price",
    "bid_size": "bid_size",
    "ask": "ask_price",
    "ask_size": "ask_size",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw(Columns):
    """Ticks that keep the contract; the symbol of one is `length` (T,) bytes of `text` from `start` (T,). `ignored`
    counts, by reason, the messages that are none."""

    text: Bytes
    start: IntArray
    length: IntArray
    ignored: Mapping[str, int] = field(default_factory=dict)

    def take(self, rows: IntArray | slice) -> "Raw":
        """The ticks at `rows`, in that order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in ("start", "length", *COLUMNS)})


def joined(parts: Sequence[Raw]) -> Raw:
    """One after the other; at least one."""
    if len(parts) == 1:
        return parts[0]
    moved = np.cumsum([0, *(len(part.text) for part in parts[:-1])]).tolist()
    return Raw(
        text=np.concatenate([part.text for part in parts]),
        start=np.concatenate([part.start + by for part, by in zip(parts, moved, strict=True)]),
        ignored=dict(sum((Counter(part.ignored) for part in parts), Counter())),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in ("length", *COLUMNS)},
    )


def read_rows(rows: pa.Table, partition: IntArray, offset: IntArray, kafka_us: IntArray, *, unparsable: int = 0) -> Raw:
    """Rows of the topic's fields, and (T,) each where they came from: those that keep the contract, in their order.

    What comes from the future does not, by the broker's clock: the same whenever it is read.
    """
    verdict = check(TICKS, rows, now_us=kafka_us, max_future_s=FUTURE_US / 1e6)
    ignored = {reason.value: count for reason, count in verdict.counts().items()}
    if unparsable:
        ignored[UNPARSABLE] = ignored.get(UNPARSABLE, 0) + unparsable
    good = np.flatnonzero(verdict.good_mask())
    rows = verdict.good_rows(rows)
    text, start, length = _spelled(rows["symbol"])
    return Raw(
        text=text,
        start=start,
        length=length,
        partition=partition[good],
        offset=offset[good],
        kafka_us=kafka_us[good],
        ignored=ignored,
        **{name: rows[column].to_numpy() for name, column in _COLUMNS.items()},
    )


def _spelled(symbols: pa.ChunkedArray) -> tuple[Bytes, IntArray, IntArray]:
    """The bytes of those that differ, one after the other, and of each where it begins and how long it is."""
    encoded = pc.dictionary_encode(symbols).combine_chunks()
    names = [name.encode() for name in encoded.dictionary.to_pylist()]
    length = np.array([len(name) for name in names], dtype=np.int64)
    code = encoded.indices.to_numpy()
    return np.frombuffer(b"".join(names), np.uint8), (np.cumsum(length) - length)[code], length[code]


@dataclass(frozen=True, slots=True)
class Judged:
    """The ticks that count, in the order in which they are played, and why others do not."""

    batch: Batch
    ignored: Mapping[str, int]


class Reader:
    """Reads chunks. One thread."""

    def __init__(self, *, max_message_bytes: int) -> None:
        self._decoder = Decoder(TICKS, max_message_bytes=max_message_bytes)
        self._limit = max_message_bytes

    def decoded(self, chunk: Chunk) -> Raw:
        """The ticks of the chunk: plain messages by the compiled loop, then those that it has left."""
        found = scan(chunk.values, chunk.kafka_ts_us + FUTURE_US, max_message_bytes=self._limit)
        integers = dict(zip(INTEGERS, found.integers, strict=True))
        numbers = dict(zip(NUMBERS, found.numbers, strict=True))
        raw = Raw(
            text=found.text,
            start=found.start,
            length=found.length,
            partition=chunk.partition.astype(np.int64),
            offset=chunk.offset,
            kafka_us=chunk.kafka_ts_us,
            **{name: (integers | numbers)[column] for name, column in _COLUMNS.items()},
        )
        if found.sure.all():
            return raw
        return joined([raw.take(np.flatnonzero(found.sure)), self._left(chunk, np.flatnonzero(~found.sure))])

    def _left(self, chunk: Chunk, rows: IntArray) -> Raw:
        found = self._decoder.decode([chunk.values[row] for row in rows.tolist()])
        at = rows[found.index]
        columns = (column[at].astype(np.int64) for column in (chunk.partition, chunk.offset, chunk.kafka_ts_us))
        return read_rows(found.rows, *columns, unparsable=len(found.bad))


def judge(raw: Raw, names: Names) -> Judged:
    """The ticks of the symbols that have places, in the order in which they are played."""
    symbol = places(names, raw.text, raw.start, raw.length)
    ignored, order = dict(raw.ignored), np.lexsort((raw.offset, raw.partition, raw.at_us))
    if unknown := int(np.count_nonzero(symbol < 0)):
        ignored[UNKNOWN_SYMBOL] = unknown
        order = order[symbol[order] >= 0]
    batch = Batch(symbol=symbol[order], **{name: getattr(raw, name)[order] for name in COLUMNS})
    return Judged(batch, ignored)
