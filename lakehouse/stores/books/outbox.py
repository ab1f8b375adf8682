"""Events that leave PostgreSQL with the transaction that caused them; `streaming.outbox` relays them to Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.stores.postgres import Transaction

EMIT: Final[LiteralString] = """
    INSERT INTO ops.outbox (event_id, topic, key, type, owner_id, payload, occurred_at)
    VALUES (%(event_id)s, %(topic)s, %(key)s, %(type)s, %(owner_id)s, %(payload)s, %(occurred_at)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to what `owner_id` owns. `payload` is JSON; money in it is text."""

    event_id: UUID
    topic: str
    key: str
    type: str
    owner_id: UUID
    payload: Mapping[str, object]
    occurred_at: datetime


async def emit(connection: Transaction, *events: Event) -> None:
    """Write the events. They are relayed, at least once and in this order a key, if the transaction commits."""
    rows = [
        {
            "event_id": event.event_id,
            "topic": event.topic,
            "key": event.key,
            "type": event.type,
            "owner_id": event.owner_id,
            "payload": Jsonb(dict(event.payload)),
            "occurred_at": event.occurred_at,
        }
        for event in events
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(EMIT, rows)
