"""The table of settlements, and the moves of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.contracts.tables.payments import SETTLEMENT
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.payments.repository import AMOUNT
from serving.settlements.schemas import SettlementOut

KIND: Final[LiteralString] = "(CASE WHEN t.trade_id IS NULL THEN 'payment' ELSE 'trade' END)"
SETTLEMENTS = Collection(
    SETTLEMENT,
    SettlementOut,
    noun="settlement",
    extra={"amount": AMOUNT, "kind": KIND},
    predicates={
        "kind": KIND + " = %(kind)s",
        "settles_from": "t.settles_on >= %(settles_from)s",
        "settles_to": "t.settles_on <= %(settles_to)s",
    },
)

FACTS: Final[LiteralString] = """
    SELECT s.id, s.owner_id, s.payment_id, s.status FROM app.settlement AS s WHERE s.id = %(id)s FOR NO KEY UPDATE
"""
ADVANCE: Final[LiteralString] = """
    UPDATE app.settlement
    SET status = %(status)s, status_reason = %(reason)s, updated_at = %(now)s, version = version + 1,
        settled_at = CASE WHEN %(status)s = 'settled' THEN %(now)s ELSE settled_at END
    WHERE id = %(id)s
"""
# Several processes may sweep: what one of them has locked, the others pass over.
SETTLE_TRADES: Final[LiteralString] = """
    WITH due AS (
        SELECT s.id FROM app.settlement AS s
        WHERE s.status = 'pending' AND s.trade_id IS NOT NULL AND s.settles_on < %(today)s
        ORDER BY s.settles_on, s.id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    ), settled AS (
        UPDATE app.settlement AS s
        SET status = 'settled', settled_at = %(now)s, updated_at = %(now)s, version = s.version + 1
        FROM due WHERE s.id = due.id RETURNING 1
    )
    SELECT count(*) AS trades FROM settled
"""


@dataclass(frozen=True, slots=True)
class _Settled:
    trades: int


@dataclass(frozen=True, slots=True)
class SettlementFacts:
    """What moving a settlement on needs to know of it; its row is locked. A trade's has no payment."""

    id: UUID
    owner_id: UUID
    payment_id: UUID | None
    status: str


class SettlementRepository(CrudRepository[SettlementOut]):
    """Settlements. Every method raises PostgresUnavailable."""

    async def facts(self, connection: Transaction, settlement_id: UUID) -> SettlementFacts | None:
        """A settlement, whoever owns it, locked until the transaction ends; None where there is none."""
        found = await postgres.rows_of(connection, FACTS, {"id": settlement_id}, SettlementFacts)
        return found[0] if found else None

    async def settle_trades(self, connection: Transaction, *, now: datetime, limit: int) -> int:
        """Settle the trades whose day (UTC) is over, at most `limit` of them; how many."""
        names = {"today": now.date(), "now": now, "limit": limit}
        return (await postgres.rows_of(connection, SETTLE_TRADES, names, _Settled))[0].trades

    async def advance(
        self, connection: Transaction, settlement_id: UUID, *, status: str, reason: str, at: datetime
    ) -> None:
        """Move a settlement on. The database refuses an illegal move (settlement_move_legal)."""
        await connection.execute(ADVANCE, {"id": settlement_id, "status": status, "reason": reason, "now": at})
