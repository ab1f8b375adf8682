"""Events that leave PostgreSQL with the transaction that caused them; `streaming.outbox` relays them to Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.stores.postgres import Transaction

# The lock is held until the commit, so events of one owner become visible in the order of their seq: whoever has read
# one has seen all before it, and a socket resumes by seq alone. Writes of different owners do not wait for each other.
EMIT: Final[LiteralString] = """
    INSERT INTO ops.outbox (event_id, topic, key, type, owner_id, payload, occurred_at)
    SELECT %(event_id)s::uuid, %(topic)s::text, %(key)s::text, %(type)s::text, %(owner_id)s::uuid,
           %(payload)s::jsonb, %(occurred_at)s::timestamptz
    FROM (SELECT pg_advisory_xact_lock(hashtextextended('outbox ' || %(owner_id)s::text, 0))) AS in_order (locked)
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
    """Write the events, best as the last thing of a transaction: other writes of the same owner wait for its end.

    They are relayed, at least once and in this order a key, if it commits; of one owner, seq is the order of commits.
    """
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
        for event in sorted(events, key=lambda event: event.owner_id)
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(EMIT, rows)
