"""Orders that a broker has, or may have: only the broker ends them. Inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Transaction, rows_of

IS_THERE: Final[LiteralString] = """
    SELECT s.order_id FROM broker.submission AS s WHERE s.order_id = %(order_id)s AND s.status IN ('in_doubt', 'open')
"""
ASK_TO_CANCEL: Final[LiteralString] = """
    UPDATE broker.submission AS s SET cancel_asked_at = coalesce(s.cancel_asked_at, %(now)s)
    WHERE s.order_id = %(order_id)s AND s.status IN ('in_doubt', 'open')
    RETURNING s.order_id
"""


@dataclass(frozen=True, slots=True)
class _Sent:
    order_id: UUID


async def is_there(connection: Transaction, order_id: UUID) -> bool:
    """Whether a broker has the order, or may have it."""
    return bool(await rows_of(connection, IS_THERE, {"order_id": order_id}, _Sent))


async def ask_to_cancel(connection: Transaction, order_id: UUID, *, now: datetime) -> bool:
    """Have the broker asked to cancel it; False where no broker has it."""
    return bool(await rows_of(connection, ASK_TO_CANCEL, {"order_id": order_id, "now": now}, _Sent))
