"""What the metrics of the books are counted from."""

from dataclasses import dataclass
from typing import Final, LiteralString

from serving.kit.database import Database

EXECUTIONS: Final[LiteralString] = "SELECT side AS kind, count(*) AS found FROM trading.fill GROUP BY side"
ALERTS: Final[LiteralString] = """
    SELECT 'surveillance' AS kind, count(*) AS found FROM trading.order WHERE surveillance_alert
    UNION ALL
    SELECT 'fraud_' || fraud_recommendation, count(*) FROM app.payment
    WHERE fraud_recommendation <> 'allow' GROUP BY fraud_recommendation
"""
POSITIONS: Final[LiteralString] = "SELECT 'positions' AS kind, count(*) AS found FROM app.position"
OUTBOX_AGE: Final[LiteralString] = """
    SELECT coalesce(extract(epoch FROM %(now)s - min(occurred_at)), 0)::float8 AS seconds
    FROM ops.outbox WHERE published_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of a kind."""

    kind: str
    found: int


@dataclass(frozen=True, slots=True)
class Age:
    """Seconds."""

    seconds: float


class BookRepository:
    """Counts of the whole platform: of everybody, so they go to the metrics and to no caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def executions(self) -> dict[str, int]:
        """Fills by side."""
        return {row.kind: row.found for row in await self._database.fetch(EXECUTIONS, {}, Count)}

    async def alerts(self) -> dict[str, int]:
        """Orders under surveillance, and payments that a check did not let pass, by kind."""
        return {row.kind: row.found for row in await self._database.fetch(ALERTS, {}, Count)}

    async def positions(self) -> int:
        """Positions of all portfolios."""
        rows = await self._database.fetch(POSITIONS, {}, Count)
        return rows[0].found

    async def outbox_age_s(self, now: object) -> float:
        """Age of the oldest event that waits; 0 where none does."""
        rows = await self._database.fetch(OUTBOX_AGE, {"now": now}, Age)
        return max(0.0, rows[0].seconds)
