"""All SQL about the aggregate. It reads from the primary, in one snapshot: a replica may not know a write yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.portfolio.fx import Rates
from lakehouse.portfolio.valuation import Prices
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.books.newest import as_prices, newest_prices, newest_rates
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
class Holdings:
    """Everything of one moment."""

    revision: Revision
    portfolios: Sequence[PortfolioRow]
    held: Sequence[HeldRow]
    cash: Sequence[CashRow]
    prices: Prices
    rates: Rates


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
            fetch: Fetch = partial(rows_of, connection)
            prices = await newest_prices(fetch, {row.symbol for row in held}, today)
            currencies = {row.base_currency for row in portfolios}
            currencies.update(row.currency for row in held)
            currencies.update(row.currency for row in cash)
            rates = await newest_rates(fetch, currencies, today)
        return Holdings(revision, portfolios, held, cash, as_prices(prices.values()), rates)


async def _revision(connection: Transaction, owner: UUID) -> Revision:
    rows = await rows_of(connection, REVISION, {"owner": owner}, Revision)
    return rows[0]
