"""All SQL about snapshots; the history comes from `lakehouse.stores.books.history`."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from serving.kit.access import Principal
from serving.kit.database import Database

PORTFOLIO: Final[LiteralString] = """
    SELECT p.id, p.owner_id, p.name, p.base_currency, p.account_id, a.lot_method
    FROM app.portfolio AS p JOIN app.account AS a ON a.id = p.account_id
    WHERE (%(reads_all)s OR p.owner_id = %(reader)s) AND p.id = %(id)s
"""
HELD: Final[LiteralString] = """
    WITH lots AS (
        SELECT l.symbol, l.currency, sum(l.cost_minor)::bigint AS cost_minor, count(*) AS lots
        FROM app.lot AS l WHERE l.portfolio_id = %(id)s GROUP BY l.symbol, l.currency
    )
    SELECT x.symbol, i.name, i.currency, i.multiplier, x.quantity,
           coalesce(sum(lots.lots), 0)::bigint AS open_lots,
           coalesce(jsonb_object_agg(lots.currency, lots.cost_minor) FILTER (WHERE lots.currency IS NOT NULL), '{}')
               AS costs
    FROM app.position AS x
    JOIN app.instrument AS i ON i.symbol = x.symbol
    LEFT JOIN lots ON lots.symbol = x.symbol
    WHERE x.portfolio_id = %(id)s
    GROUP BY x.symbol, i.name, i.currency, i.multiplier, x.quantity
    ORDER BY x.symbol
"""
CASH: Final[LiteralString] = """
    SELECT a.currency, a.balance_minor, a.reserved_minor
    FROM ledger.account AS a
    WHERE a.account_id = %(account_id)s AND a.purpose = 'cash' AND a.currency ~ '^[A-Z]{3}$'
    ORDER BY a.currency
"""
BOUNDS: Final[LiteralString] = """
    SELECT greatest(min(x.occurred_at)::date, DATE '0001-01-01') AS first, count(*) AS transactions
    FROM app.transaction AS x WHERE x.portfolio_id = %(id)s AND x.reversed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """What performance needs of a portfolio."""

    id: UUID
    owner_id: UUID
    name: str
    base_currency: str
    account_id: UUID
    lot_method: str


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A position with its instrument and the cost of its open lots by currency, in minor units."""

    symbol: str
    name: str
    currency: str
    multiplier: Decimal
    quantity: Decimal
    open_lots: int
    costs: dict[str, int]


@dataclass(frozen=True, slots=True)
class CashRow:
    """Cash of one currency, in its minor units."""

    currency: str
    balance_minor: int
    reserved_minor: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """When the portfolio began, and how much has happened in it."""

    first: date | None
    transactions: int


class PerformanceRepository:
    """Reads of what a portfolio holds. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def find(self, principal: Principal, portfolio_id: UUID) -> PortfolioRow | None:
        """The readable portfolio, or None."""
        return await self.database.find(PORTFOLIO, {**principal.reader, "id": portfolio_id}, PortfolioRow)

    async def held(self, portfolio_id: UUID) -> list[HeldRow]:
        """Positions by symbol."""
        return await self.database.fetch(HELD, {"id": portfolio_id}, HeldRow)

    async def cash(self, account_id: UUID) -> list[CashRow]:
        """Cash by currency."""
        return await self.database.fetch(CASH, {"account_id": account_id}, CashRow)

    async def bounds(self, portfolio_id: UUID) -> Bounds:
        """The first day, and how many transactions count."""
        return (await self.database.fetch(BOUNDS, {"id": portfolio_id}, Bounds))[0]
