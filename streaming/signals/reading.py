"""Messages to signals. What keeps the contract is a signal; the rest is the lander's to quarantine."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from lakehouse.contracts.model import Topic
from lakehouse.trading.order import Side
from lakehouse.trading.signals import Signal
from streaming.kit.checks import check
from streaming.kit.decode import Decoder
from streaming.kit.source import Chunk

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Reader:
    """Reads chunks by the same rules as the lander."""

    def __init__(self, topic: Topic, *, max_message_bytes: int, max_future_s: float) -> None:
        self._topic, self._max_future_s = topic, max_future_s
        self._decoder = Decoder(topic, max_message_bytes=max_message_bytes)

    def signals(self, chunk: Chunk) -> dict[int, Signal]:
        """The signals, by their places in the chunk. A message is judged by its own broker time."""
        decoded = self._decoder.decode(chunk.values)
        stamps_us = chunk.kafka_ts_us[decoded.index]
        verdict = check(self._topic, decoded.rows, now_us=stamps_us, max_future_s=self._max_future_s)
        places = decoded.index[verdict.good_mask()].tolist()
        rows = verdict.good_rows(decoded.rows).to_pylist()
        return {place: _signal(row) for place, row in zip(places, rows, strict=True)}


def _signal(row: dict[str, Any]) -> Signal:
    return Signal(
        id=UUID(row["signal_id"]),
        symbol=row["symbol"],
        side=Side(row["side"]),
        confidence=row["confidence"],
        source=row["source"],
        at=EPOCH + timedelta(microseconds=row["event_time_us"]),
        reference_price=row["reference_price"],
    )
