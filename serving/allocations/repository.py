"""All SQL about allocations."""

from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Transaction, rows_of
from serving.allocations.schemas import AllocationOut
from serving.kit.access import Principal
from serving.kit.database import Database

READ: Final[LiteralString] = """
    SELECT a.portfolio_id, a.status, a.reason, a.asked_at, a.done_at, a.proposal_id, p.status AS proposal_status,
           p.regime, p.regime_source
    FROM app.allocation AS a
    JOIN app.portfolio AS t ON t.id = a.portfolio_id
    LEFT JOIN app.proposal AS p ON p.id = a.proposal_id
    WHERE a.portfolio_id = %(id)s AND (%(reads_all)s OR t.owner_id = %(reader)s)
"""
OWN: Final[LiteralString] = """
    SELECT t.id FROM app.portfolio AS t WHERE t.id = %(id)s AND t.owner_id = %(reader)s FOR KEY SHARE
"""


class AllocationRepository:
    """Allocations. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def find(self, principal: Principal, portfolio_id: UUID) -> AllocationOut | None:
        """The allocation of a readable portfolio, or None."""
        return await self.database.find(READ, {**principal.reader, "id": portfolio_id}, AllocationOut)

    async def is_own(self, connection: Transaction, principal: Principal, portfolio_id: UUID) -> bool:
        """Whether the portfolio is the caller's; it stays until the transaction ends."""
        return await (await connection.execute(OWN, {**principal.reader, "id": portfolio_id})).fetchone() is not None

    async def read_back(self, connection: Transaction, principal: Principal, portfolio_id: UUID) -> AllocationOut:
        """The allocation as this transaction has written it."""
        [found] = await rows_of(connection, READ, {**principal.reader, "id": portfolio_id}, AllocationOut)
        return found
