"""All SQL about portfolios; what may be read and written starts from the owner predicates of the kit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString, cast
from uuid import UUID

from lakehouse.contracts.tables.books import PORTFOLIO
from lakehouse.stores.allocations import ask
from lakehouse.stores.postgres import Transaction, rows_of
from serving.kit.access import Principal
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.portfolios.schemas import PortfolioDetail, PortfolioOut

NEW_ACCOUNT: Final = "new_account_id"
"""Key of a row whose account is made with it; not a column."""

PORTFOLIOS = Collection(
    PORTFOLIO,
    PortfolioOut,
    noun="portfolio",
    extra={
        "position_count": "(SELECT count(*) FROM app.position AS x WHERE x.portfolio_id = t.id)",
        "allocation_status": "(SELECT w.status FROM app.allocation AS w WHERE w.portfolio_id = t.id)",
    },
    predicates={"name": "strpos(lower(t.name), lower(%(name)s)) > 0"},
)
ONLY_IDS: Final[LiteralString] = """
    SELECT p.id FROM app.portfolio AS p WHERE (%(reads_all)s OR p.owner_id = %(reader)s) ORDER BY p.id
"""
# One statement, so that the row, the count and the positions are of one moment.
HOLDING: Final[LiteralString] = """
    SELECT t.id, t.owner_id, t.account_id, t.name, t.description, t.base_currency, t.version, t.created_at,
           t.updated_at, h.position_count, coalesce(h.positions, '[]') AS positions, w.status AS allocation_status
    FROM app.portfolio AS t
    CROSS JOIN LATERAL (
        SELECT count(*) AS position_count,
               json_agg(json_build_object(
                   'symbol', x.symbol, 'name', i.name, 'exchange', i.exchange, 'currency', i.currency,
                   'quantity', trim_scale(x.quantity)::text, 'updated_at', x.updated_at
               ) ORDER BY x.symbol) AS positions
        FROM app.position AS x JOIN app.instrument AS i ON i.symbol = x.symbol
        WHERE x.portfolio_id = t.id
    ) AS h
    LEFT JOIN app.allocation AS w ON w.portfolio_id = t.id
    WHERE t.id = %(row_id)s AND (%(reads_all)s OR t.owner_id = %(reader)s)
"""
CASH: Final[LiteralString] = """
    SELECT l.currency, l.balance_minor, l.reserved_minor
    FROM app.portfolio AS p JOIN ledger.account AS l ON l.account_id = p.account_id
    WHERE p.id = %(id)s AND l.purpose IN ('cash', 'coin')
    ORDER BY l.currency
"""
MAKE_ACCOUNT: Final[LiteralString] = """
    INSERT INTO app.account (id, owner_id, name, base_currency, created_at, updated_at)
    VALUES (%(account_id)s, %(owner_id)s, %(name)s, %(base_currency)s, %(created_at)s, %(created_at)s)
"""
FREE_ACCOUNTS: Final[LiteralString] = """
    SELECT a.id, a.kind, a.status FROM app.account AS a
    WHERE a.id = ANY(%(ids)s) AND a.owner_id = %(owner)s
    ORDER BY a.id FOR KEY SHARE
"""
# An account that was made together with the portfolio, and never used, goes with it.
DROP_ACCOUNT: Final[LiteralString] = """
    DELETE FROM app.account AS a
    WHERE a.id = %(account_id)s AND a.created_at = %(created_at)s
      AND NOT EXISTS (SELECT FROM ledger.account AS l WHERE l.account_id = a.id)
"""


@dataclass(frozen=True, slots=True)
class IdRow:
    """An id alone."""

    id: UUID


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account that a portfolio may get."""

    id: UUID
    kind: str
    status: str


@dataclass(frozen=True, slots=True)
class CashRow:
    """Money of one currency, in minor units."""

    currency: str
    balance_minor: int
    reserved_minor: int


class PortfolioRepository(CrudRepository[PortfolioOut]):
    """Portfolios and their positions. Every method raises PostgresUnavailable."""

    async def insert(self, connection: Transaction, rows: Sequence[Mapping[str, object]]) -> None:
        """Write portfolios, each after its account where that is made with it. They wait for weights from now on."""
        accounts = [{**row, "account_id": row[NEW_ACCOUNT]} for row in rows if row[NEW_ACCOUNT] is not None]
        async with connection.cursor() as cursor:
            await cursor.executemany(MAKE_ACCOUNT, accounts)
        own = [{name: value for name, value in row.items() if name != NEW_ACCOUNT} for row in rows]
        await super().insert(connection, own)
        ids = [made for row in own if isinstance(made := row["id"], UUID)]
        await ask(connection, ids, now=cast(datetime, own[0]["created_at"]))

    async def own_accounts(self, connection: Transaction, owner: UUID, ids: Sequence[UUID]) -> dict[UUID, AccountRow]:
        """Those of the accounts that the owner has; they stay until the transaction ends."""
        found = await rows_of(connection, FREE_ACCOUNTS, {"ids": list(ids), "owner": owner}, AccountRow)
        return {row.id: row for row in found}

    async def drop_account(self, connection: Transaction, portfolio: PortfolioOut) -> None:
        """Remove the account of a removed portfolio, where it was made with it and nothing was booked in it."""
        names = {"account_id": portfolio.account_id, "created_at": portfolio.created_at}
        await connection.execute(DROP_ACCOUNT, names)

    async def ids(self, principal: Principal) -> tuple[UUID, ...]:
        """Ids of every readable portfolio."""
        rows = await self._database.fetch(ONLY_IDS, principal.reader, IdRow)
        return tuple(row.id for row in rows)

    async def holding(self, principal: Principal, portfolio_id: UUID) -> PortfolioDetail | None:
        """A readable portfolio and what it holds, by symbol, or None."""
        names = {**principal.reader, "row_id": portfolio_id}
        return await self._database.find(HOLDING, names, PortfolioDetail)

    async def cash(self, portfolio_id: UUID) -> list[CashRow]:
        """Its money, by currency."""
        return await self._database.fetch(CASH, {"id": portfolio_id}, CashRow)
