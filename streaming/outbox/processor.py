"""An outbox row to a Kafka message. Pure: no engine, no clock, no setting."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from lakehouse.clock import epoch_us

EVENT_ID = "event_id"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of ops.outbox that waits. `payload` is the JSON text that PostgreSQL holds."""

    seq: int
    event_id: UUID
    topic: str
    key: str
    type: str
    owner_id: UUID
    payload: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to Kafka for the row numbered `seq`; `is_cut` where the payload was too large to go along."""

    seq: int
    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    is_cut: bool


def message_of(row: OutboxRow, *, max_bytes: int) -> Message:
    """The row as its topic's contract says it.

    A message above `max_bytes` would block its key for ever: it goes with a payload that says so and how large it
    was. The whole payload stays in ops.outbox, under the event's id.
    """
    value = _encoded(row, orjson.Fragment(row.payload))
    is_cut = len(value) > max_bytes
    if is_cut:
        value = _encoded(row, {"oversized_bytes": len(row.payload.encode())})
    headers = ((EVENT_ID, str(row.event_id).encode()), ("type", row.type.encode()))
    return Message(row.seq, row.topic, row.key.encode(), value, headers, is_cut)


def _encoded(row: OutboxRow, payload: object) -> bytes:
    return orjson.dumps(
        {
            "event_id": str(row.event_id),
            "seq": row.seq,
            "type": row.type,
            "key": row.key,
            "owner_id": str(row.owner_id),
            "occurred_at_us": epoch_us(row.occurred_at),
            "payload": payload,
        }
    )
