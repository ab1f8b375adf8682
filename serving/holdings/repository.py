"""All SQL about holdings: one statement reads positions and lots at one instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.books.newest import NewestPrice, newest_prices
from serving.kit.database import Database

HOLDINGS: Final[LiteralString] = """
    SELECT x.symbol, i.name, i.kind, i.currency, i.multiplier, x.quantity, x.reserved_quantity,
           coalesce(l.costs, '[]') AS costs
    FROM app.position AS x
    JOIN app.instrument AS i ON i.symbol = x.symbol
    LEFT JOIN (
        SELECT g.symbol, jsonb_agg(jsonb_build_object(
            'currency', g.currency, 'lot_count', g.lot_count, 'quantity', g.quantity::text,
            'cost_minor', g.cost_minor::text, 'oldest_opened_at', g.oldest_opened_at
        ) ORDER BY g.currency) AS costs
        FROM (
            SELECT o.symbol, o.currency, count(*) AS lot_count, sum(o.quantity) AS quantity,
                   sum(o.cost_minor) AS cost_minor, min(o.opened_at) AS oldest_opened_at
            FROM app.lot AS o WHERE o.portfolio_id = %(id)s GROUP BY o.symbol, o.currency
        ) AS g
        GROUP BY g.symbol
    ) AS l ON l.symbol = x.symbol
    WHERE x.portfolio_id = %(id)s
    ORDER BY x.symbol
"""


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """A position with its lots' cost by currency."""

    symbol: str
    name: str
    kind: str
    currency: str
    multiplier: Decimal
    quantity: Decimal
    reserved_quantity: Decimal
    costs: list[dict[str, str]]


class HoldingRepository:
    """Reads of holdings. Raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def holdings(self, portfolio_id: UUID) -> list[HoldingRow]:
        """What the portfolio holds, by symbol; who may read it is the caller's question."""
        return await self._database.fetch(HOLDINGS, {"id": portfolio_id}, HoldingRow)

    async def prices(self, rows: Sequence[HoldingRow], today: date) -> dict[str, NewestPrice]:
        """The newest price of each of `rows`, by symbol; those without one are left out."""
        return await newest_prices(self._database.fetch, [row.symbol for row in rows], today)
