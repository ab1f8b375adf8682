"""All SQL about the events that sockets carry: the outbox by owner and number, and the orders that are open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from serving.kit.database import Database

PAGE = 200

# One probe of the index (owner_id, seq) for each socket: of one owner, seq is the order of commits, so nothing that
# becomes visible later can lie behind.
AFTER: Final[LiteralString] = """
    SELECT t.place, o.seq, o.event_id, o.topic, o.type, o.payload, o.occurred_at
    FROM unnest(%(places)s::integer[], %(owners)s::uuid[], %(cursors)s::bigint[]) AS t (place, owner_id, cursor)
    CROSS JOIN LATERAL (
        SELECT x.seq, x.event_id, x.topic, x.type, x.payload, x.occurred_at
        FROM ops.outbox AS x
        WHERE x.owner_id = t.owner_id AND x.seq > t.cursor
        ORDER BY x.seq
        LIMIT %(limit)s
    ) AS o
    ORDER BY t.place, o.seq
"""
# One statement sees one state: the orders are as they were after the event of that number.
HEAD: Final[LiteralString] = """
    SELECT coalesce((SELECT max(x.seq) FROM ops.outbox AS x WHERE x.owner_id = %(owner)s), 0) AS seq,
           coalesce((SELECT min(x.seq) FROM ops.outbox AS x), 0) AS oldest,
           coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                          'id', o.id, 'client_order_id', o.client_order_id, 'portfolio_id', o.portfolio_id,
                          'symbol', o.symbol, 'side', o.side, 'type', o.type, 'status', o.status,
                          'quantity', o.quantity::text, 'filled_quantity', o.filled_quantity::text,
                          'version', o.version
                      ) ORDER BY o.id)
               FROM trading.order AS o
               JOIN app.portfolio AS p ON p.id = o.portfolio_id
               WHERE p.owner_id = %(owner)s AND o.status IN ('new', 'accepted', 'partially_filled', 'held')
           ), '[]') AS orders
"""


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the socket at `place`."""

    place: int
    seq: int
    event_id: UUID
    topic: str
    type: str
    payload: dict[str, Any]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class HeadRow:
    """An owner's newest number, the oldest number that is kept at all, and the owner's open orders."""

    seq: int
    oldest: int
    orders: list[dict[str, Any]]


class EventRepository:
    """Reads of the outbox. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(self, owners: Sequence[UUID], cursors: Sequence[int]) -> list[EventRow]:
        """Up to PAGE events of each owner beyond its cursor, by place and number."""
        names = {"places": list(range(len(owners))), "owners": list(owners), "cursors": list(cursors), "limit": PAGE}
        return await self._database.fetch(AFTER, names, EventRow)

    async def head(self, owner: UUID) -> HeadRow:
        """Where the owner's events stand now."""
        rows = await self._database.fetch(HEAD, {"owner": owner}, HeadRow)
        return rows[0]
