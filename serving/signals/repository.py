"""All SQL about policies of signals and their outcomes."""

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.stores.postgres import Transaction, rows_of
from serving.kit.access import Principal
from serving.kit.database import Database, find_in
from serving.signals.schemas import SignalOutcomeOut, SignalPolicyOut

READ: Final[LiteralString] = """
    SELECT s.portfolio_id, s.is_active, s.sources, s.sides, s.min_confidence, s.max_share, s.max_move,
           s.max_orders_a_day, s.max_age_s, s.version, s.created_at, s.updated_at
    FROM app.signal_policy AS s JOIN app.portfolio AS p ON p.id = s.portfolio_id
    WHERE s.portfolio_id = %(id)s AND (%(reads_all)s OR p.owner_id = %(reader)s)
"""
# Of who writes: the portfolio is theirs, and stays, and its policy is nobody else's to write meanwhile.
OWN: Final[LiteralString] = """
    SELECT p.id, coalesce(s.version, 0) AS version
    FROM app.portfolio AS p LEFT JOIN app.signal_policy AS s ON s.portfolio_id = p.id
    WHERE p.id = %(id)s AND p.owner_id = %(owner)s FOR NO KEY UPDATE OF p
"""
SAVE: Final[LiteralString] = """
    INSERT INTO app.signal_policy AS s (
        portfolio_id, is_active, sources, sides, min_confidence, max_share, max_move, max_orders_a_day, max_age_s,
        created_at, updated_at
    ) VALUES (
        %(id)s, %(is_active)s, %(sources)s, %(sides)s, %(min_confidence)s, %(max_share)s, %(max_move)s,
        %(max_orders_a_day)s, %(max_age_s)s, %(now)s, %(now)s
    )
    ON CONFLICT (portfolio_id) DO UPDATE SET
        is_active = excluded.is_active, sources = excluded.sources, sides = excluded.sides,
        min_confidence = excluded.min_confidence, max_share = excluded.max_share, max_move = excluded.max_move,
        max_orders_a_day = excluded.max_orders_a_day, max_age_s = excluded.max_age_s, version = s.version + 1,
        updated_at = excluded.updated_at
"""
DELETE: Final[LiteralString] = "DELETE FROM app.signal_policy AS s WHERE s.portfolio_id = %(id)s"
PAGE: Final[LiteralString] = """
    SELECT o.* FROM app.signal_outcome AS o
    WHERE o.portfolio_id = %(id)s AND (%(after)s::uuid IS NULL OR o.id > %(after)s)
      AND (%(outcome)s::text IS NULL OR o.outcome = %(outcome)s)
    ORDER BY o.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class _Own:
    """A portfolio of the caller's, and the version of its policy, 0 without."""

    id: UUID
    version: int


class SignalRepository:
    """Policies and outcomes. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def find(self, principal: Principal, portfolio_id: UUID) -> SignalPolicyOut | None:
        """The policy of a readable portfolio, or None."""
        return await self.database.find(READ, {**principal.reader, "id": portfolio_id}, SignalPolicyOut)

    async def version(self, connection: Transaction, portfolio_id: UUID, owner: UUID) -> int | None:
        """The policy's version, 0 without one, None where the portfolio is not the owner's; it stays meanwhile."""
        found = await find_in(connection, OWN, {"id": portfolio_id, "owner": owner}, _Own)
        return None if found is None else found.version

    async def read_back(self, connection: Transaction, principal: Principal, portfolio_id: UUID) -> SignalPolicyOut:
        """The policy within the transaction."""
        [row] = await rows_of(connection, READ, {**principal.reader, "id": portfolio_id}, SignalPolicyOut)
        return row

    async def save(self, connection: Transaction, values: dict[str, object], sources: list[str]) -> None:
        """Write the policy, new or in place of the one there was."""
        await connection.execute(SAVE, {**values, "sources": Jsonb(sources)})

    async def delete(self, connection: Transaction, portfolio_id: UUID) -> None:
        """Take the policy away."""
        await connection.execute(DELETE, {"id": portfolio_id})

    async def page(
        self, portfolio_id: UUID, outcome: str | None, *, after: UUID | None, limit: int
    ) -> list[SignalOutcomeOut]:
        """Up to `limit` outcomes by id; whether the caller may read them was asked before."""
        names = {"id": portfolio_id, "outcome": outcome, "after": after, "limit": limit}
        return await self.database.fetch(PAGE, names, SignalOutcomeOut)
