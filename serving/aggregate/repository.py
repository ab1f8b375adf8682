"""All SQL about the aggregate. It reads from the primary, in one snapshot: a replica may not know a write yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.portfolio.fx import Quoted
from lakehouse.stores.postgres import Transaction, rows_of
from serving.kit.database import Database

# Events of one owner become visible in the order of seq, and every write of the books emits one.
REVISION: Final[LiteralString] = """
    SELECT coalesce((SELECT o.seq FROM ops.outbox AS o WHERE o.owner_id = %(owner)s ORDER BY o.seq DESC LIMIT 1), 0)
        AS seq,
        (SELECT count(*) || '.' || coalesce(sum(p.version), 0) FROM app.portfolio AS p WHERE p.owner_id = %(owner)s)
        AS portfolios
"""
SNAPSHOT: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
PORTFOLIOS: Final[LiteralString] = """
    SELECT p.id, p.name, p.base_currency, p.account_id FROM app.portfolio AS p
    WHERE p.owner_id = %(owner)s ORDER BY p.id LIMIT %(limit)s
"""
HELD: Final[LiteralString] = """
    SELECT x.portfolio_id, x.symbol, i.name, i.currency, i.multiplier, x.quantity
    FROM app.position AS x JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE x.portfolio_id = ANY(%(ids)s) ORDER BY x.portfolio_id, x.symbol
"""
CASH: Final[LiteralString] = """
    SELECT a.account_id, a.currency, a.balance_minor FROM ledger.account AS a
    WHERE a.account_id = ANY(%(accounts)s) AND a.purpose = 'cash' AND a.balance_minor <> 0
    ORDER BY a.account_id, a.currency
"""
PRICES: Final[LiteralString] = """
    SELECT s.symbol, p.price, p.day
    FROM unnest(%(symbols)s::text[]) AS s (symbol)
    CROSS JOIN LATERAL (
        SELECT x.price, x.day FROM (
            SELECT q.price, (q.as_of AT TIME ZONE 'UTC')::date AS day, 1 AS rank
            FROM market.realtime_symbols AS q
            JOIN app.instrument AS i ON i.symbol = q.symbol AND i.currency = q.currency
            WHERE q.symbol = s.symbol AND q.as_of < %(today)s::date + 1
            UNION ALL
            (SELECT b.close, (b.starts_at AT TIME ZONE 'UTC')::date, 0 FROM market.bar AS b
             WHERE b.symbol = s.symbol AND b.interval = '1d' AND b.starts_at < %(today)s::date + 1
             ORDER BY b.starts_at DESC LIMIT 1)
        ) AS x
        ORDER BY x.day DESC, x.rank DESC LIMIT 1
    ) AS p
"""
RATES: Final[LiteralString] = """
    SELECT DISTINCT ON (r.base, r.quote) r.base, r.quote, r.as_of, r.rate FROM market.fx_rate AS r
    WHERE r.as_of <= %(today)s ORDER BY r.base, r.quote, r.as_of DESC
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """What changes with every write of the owner."""

    seq: int
    portfolios: str

    @property
    def text(self) -> str:
        return f"{self.seq}-{self.portfolios}"


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """A portfolio."""

    id: UUID
    name: str
    base_currency: str
    account_id: UUID


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A position with its instrument."""

    portfolio_id: UUID
    symbol: str
    name: str
    currency: str
    multiplier: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class CashRow:
    """A balance."""

    account_id: UUID
    currency: str
    balance_minor: int


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The newest price of a symbol."""

    symbol: str
    price: Decimal
    day: date


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything of one moment."""

    revision: Revision
    portfolios: Sequence[PortfolioRow]
    held: Sequence[HeldRow]
    cash: Sequence[CashRow]
    prices: Sequence[PriceRow]
    rates: Sequence[Quoted]


class AggregateRepository:
    """Reads of what one user owns. Methods raise PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revision(self, owner: UUID) -> Revision:
        """The owner's revision now."""
        async with self._database.transaction() as connection:
            return await _revision(connection, owner)

    async def holdings(self, owner: UUID, *, today: date, limit: int) -> Holdings:
        """Up to `limit` portfolios of the owner with all that is in them, and what values them, of one snapshot."""
        async with self._database.transaction() as connection:
            await connection.execute(SNAPSHOT)
            revision = await _revision(connection, owner)
            portfolios = await rows_of(connection, PORTFOLIOS, {"owner": owner, "limit": limit}, PortfolioRow)
            held = await rows_of(connection, HELD, {"ids": [row.id for row in portfolios]}, HeldRow)
            cash = await rows_of(connection, CASH, {"accounts": [row.account_id for row in portfolios]}, CashRow)
            symbols = sorted({row.symbol for row in held})
            prices = await rows_of(connection, PRICES, {"symbols": symbols, "today": today}, PriceRow)
            rates = await rows_of(connection, RATES, {"today": today}, Quoted)
        return Holdings(revision, portfolios, held, cash, prices, rates)


async def _revision(connection: Transaction, owner: UUID) -> Revision:
    rows = await rows_of(connection, REVISION, {"owner": owner}, Revision)
    return rows[0]
