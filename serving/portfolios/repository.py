"""All SQL about portfolios. Every read starts from READABLE, so that a rule about who may read has one place."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Pool, fetch

READABLE: Final[LiteralString] = """
    SELECT p.id, p.name, p.description, p.base_currency, p.created_at,
           (SELECT count(*) FROM app.position AS x WHERE x.portfolio_id = p.id) AS position_count
    FROM app.portfolio AS p
"""
PAGE: Final[LiteralString] = (
    READABLE
    + """
    WHERE (%(after)s::uuid IS NULL OR p.id > %(after)s)
      AND (%(name)s::text IS NULL OR strpos(lower(p.name), lower(%(name)s)) > 0)
    ORDER BY p.id
    LIMIT %(limit)s
"""
)
ONE: Final[LiteralString] = READABLE + "WHERE p.id = %(id)s"
POSITIONS: Final[LiteralString] = """
    SELECT x.symbol, i.name, i.exchange, i.currency, x.quantity, x.updated_at
    FROM app.position AS x
    JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE x.portfolio_id = %(id)s
    ORDER BY x.symbol
"""


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """A portfolio without its positions."""

    id: UUID
    name: str
    description: str
    base_currency: str
    created_at: datetime
    position_count: int


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A position with its instrument."""

    symbol: str
    name: str
    exchange: str
    currency: str
    quantity: Decimal
    updated_at: datetime


class PortfolioRepository:
    """Reads of app.portfolio and app.position. Every method raises PostgresUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, *, after: UUID | None, name: str | None, limit: int) -> list[PortfolioRow]:
        """Up to `limit` portfolios by id, after the one called `after`, whose name contains `name` in any case."""
        return await fetch(self._pool, PAGE, {"after": after, "name": name, "limit": limit}, PortfolioRow)

    async def find(self, portfolio_id: UUID) -> PortfolioRow | None:
        """The portfolio, or None."""
        rows = await fetch(self._pool, ONE, {"id": portfolio_id}, PortfolioRow)
        return rows[0] if rows else None

    async def positions(self, portfolio_id: UUID) -> list[PositionRow]:
        """What it holds, by symbol."""
        return await fetch(self._pool, POSITIONS, {"id": portfolio_id}, PositionRow)
