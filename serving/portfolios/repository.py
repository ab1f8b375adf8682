"""All SQL about portfolios. Every read starts from READABLE, so that a rule about who may read has one place."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from serving.kit.access import Principal
from serving.kit.database import Database

READABLE: Final[LiteralString] = """
    SELECT p.id, p.owner_id, p.account_id, p.version, p.updated_at, p.name, p.description, p.base_currency,
           p.created_at,
           (SELECT count(*) FROM app.position AS x WHERE x.portfolio_id = p.id) AS position_count
    FROM app.portfolio AS p
    WHERE (%(reads_all)s OR p.owner_id = %(reader)s)
"""
PAGE: Final[LiteralString] = (
    READABLE
    + """
      AND (%(after)s::uuid IS NULL OR p.id > %(after)s)
      AND (%(name)s::text IS NULL OR strpos(lower(p.name), lower(%(name)s)) > 0)
    ORDER BY p.id
    LIMIT %(limit)s
"""
)
ONLY_IDS: Final[LiteralString] = """
    SELECT p.id FROM app.portfolio AS p WHERE (%(reads_all)s OR p.owner_id = %(reader)s) ORDER BY p.id
"""
ONE: Final[LiteralString] = READABLE + "AND p.id = %(id)s"
POSITIONS: Final[LiteralString] = """
    SELECT x.symbol, i.name, i.exchange, i.currency, x.quantity, x.updated_at
    FROM app.position AS x
    JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE x.portfolio_id = %(id)s
    ORDER BY x.symbol
"""


@dataclass(frozen=True, slots=True)
class IdRow:
    """An id alone."""

    id: UUID


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """A portfolio without its positions."""

    id: UUID
    owner_id: UUID
    account_id: UUID
    version: int
    updated_at: datetime
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

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, principal: Principal, *, after: UUID | None, name: str | None, limit: int
    ) -> list[PortfolioRow]:
        """Up to `limit` portfolios by id, after the one called `after`, whose name contains `name` in any case."""
        return await self._database.fetch(
            PAGE, {**principal.reader, "after": after, "name": name, "limit": limit}, PortfolioRow
        )

    async def find(self, principal: Principal, portfolio_id: UUID) -> PortfolioRow | None:
        """The portfolio, or None."""
        return await self._database.find(ONE, {**principal.reader, "id": portfolio_id}, PortfolioRow)

    async def ids(self, principal: Principal) -> tuple[UUID, ...]:
        """Ids of every readable portfolio."""
        rows = await self._database.fetch(ONLY_IDS, principal.reader, IdRow)
        return tuple(row.id for row in rows)

    async def positions(self, portfolio_id: UUID) -> list[PositionRow]:
        """What it holds, by symbol."""
        return await self._database.fetch(POSITIONS, {"id": portfolio_id}, PositionRow)
