"""Messages of market.ticks to a batch: decoded and judged in columns, as the lander does it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.topics import TICKS
from lakehouse.risk.checks import IntArray
from streaming.hot.batch import FUTURE_US, Batch
from streaming.kit.checks import check
from streaming.kit.decode import Decoder
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


@dataclass(frozen=True, slots=True)
class Raw:
    """Decoded messages, not judged yet: rows of the topic's fields and, (T,) each, where they came from."""

    rows: pa.Table
    partition: IntArray
    offset: IntArray
    kafka_us: IntArray
    unparsable: int = 0

    def take(self, places: IntArray) -> "Raw":
        """The rows at `places`."""
        return Raw(self.rows.take(places), self.partition[places], self.offset[places], self.kafka_us[places])


def joined(parts: Sequence[Raw]) -> Raw:
    """One after the other; at least one."""
    return Raw(
        pa.concat_tables([part.rows for part in parts]),
        np.concatenate([part.partition for part in parts]),
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.kafka_us for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """The ticks that count, in the order in which they are played, and why others do not."""

    batch: Batch
    ignored: Mapping[str, int]


class Reader:
    """Decodes chunks. One thread."""

    def __init__(self, *, max_message_bytes: int) -> None:
        self._decoder = Decoder(TICKS, max_message_bytes=max_message_bytes)

    def decoded(self, chunk: Chunk) -> Raw:
        """What can be decoded of the chunk."""
        found = self._decoder.decode(chunk.values)
        at = found.index
        partition, offset, kafka_us = (
            column[at].astype(np.int64) for column in (chunk.partition, chunk.offset, chunk.kafka_ts_us)
        )
        return Raw(found.rows, partition, offset, kafka_us, len(found.bad))


def judge(raw: Raw, places: Mapping[str, int]) -> Judged:
    """The ticks of the symbols that have places.

    What breaks the topic's contract, comes from the future or is of no known symbol is left out, by the broker's clock:
    the same whenever it is read.
    """
    verdict = check(TICKS, raw.rows, now_us=raw.kafka_us, max_future_s=FUTURE_US / 1e6)
    ignored = Counter({reason.value: count for reason, count in verdict.counts().items()})
    if raw.unparsable:
        ignored[UNPARSABLE] += raw.unparsable
    if not verdict.ok:
        raw = raw.take(np.flatnonzero(verdict.good_mask()))
    rows = raw.rows
    symbol = _places(rows["symbol"], places)
    batch = Batch(
        symbol=symbol,
        partition=raw.partition,
        offset=raw.offset,
        kafka_us=raw.kafka_us,
        **{name: _numbers(rows[column]) for name, column in _COLUMNS.items()},
    )
    known = symbol >= 0
    if not known.all():
        ignored[UNKNOWN_SYMBOL] += int(len(known) - known.sum())
        batch = batch.take(np.flatnonzero(known))
    return Judged(batch.in_order(), dict(ignored))


def _places(symbols: pa.ChunkedArray, places: Mapping[str, int]) -> IntArray:
    """(T,) the place of each symbol, -1 where it has none."""
    encoded = pc.dictionary_encode(symbols).combine_chunks()
    names = np.array([places.get(name, -1) for name in encoded.dictionary.to_pylist()], dtype=np.int64)
    found: IntArray = names[encoded.indices.to_numpy()] if len(names) else np.zeros(0, np.int64)
    return found


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    found: np.ndarray = column.to_numpy()
    return found
