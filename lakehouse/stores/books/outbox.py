"""Events that leave PostgreSQL with the transaction that caused them; `streaming.outbox` relays them to Kafka."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.stores.postgres import Transaction, json_of

# The lock is held until the commit, so events of one owner become visible in the order of their seq: whoever has read
# one has seen all before it, and a socket resumes by seq alone. Writes of different owners do not wait for each other.
# However many events, it is one statement: that is what a write pays for.
TOLD: Final[LiteralString] = """
    INSERT INTO ops.outbox (event_id, topic, key, type, owner_id, payload, occurred_at)
    SELECT e.event_id, e.topic, e.key, e.type, e.owner_id, e.payload, e.occurred_at
    FROM ROWS FROM (
        jsonb_to_recordset(%(events)s) AS (
            event_id uuid, topic text, key text, type text, owner_id uuid, payload jsonb, occurred_at timestamptz
        )
    ) WITH ORDINALITY AS e (event_id, topic, key, type, owner_id, payload, occurred_at, place)
    CROSS JOIN LATERAL (
        SELECT pg_advisory_xact_lock(hashtextextended('outbox ' || e.owner_id::text, 0))
    ) AS in_order (locked)
"""
IN_ORDER: Final[LiteralString] = "ORDER BY e.place"
EMIT: Final[LiteralString] = TOLD + IN_ORDER


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
    if events:
        await connection.execute(EMIT, {"events": parameter(events)})


def parameter(events: Sequence[Event]) -> Jsonb:
    """The events of TOLD, by owner: whoever writes for the same ones locks them in the same order."""
    told: list[Event] = sorted(events, key=lambda event: event.owner_id)
    return json_of(told)
