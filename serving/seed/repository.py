"""All SQL about seeds: unknown instruments become drafts; the rest is booked by the books themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Transaction, rows_of

DRAFTS: Final[LiteralString] = """
    INSERT INTO app.instrument (symbol, name, exchange, currency, status)
    SELECT x.symbol, x.symbol, 'XXXX', x.currency, 'draft'
    FROM unnest(%(symbols)s::text[], %(currencies)s::text[]) AS x (symbol, currency)
    ORDER BY x.symbol
    ON CONFLICT (symbol) DO NOTHING
    RETURNING symbol, currency
"""
CURRENCIES: Final[LiteralString] = """
    SELECT i.symbol, i.currency FROM app.instrument AS i WHERE i.symbol = ANY(%(symbols)s)
"""
CASH: Final[LiteralString] = """
    SELECT a.currency, a.balance_minor FROM ledger.account AS a
    WHERE a.account_id = %(account_id)s AND a.purpose = 'cash' ORDER BY a.currency
"""
HELD: Final[LiteralString] = "SELECT count(*) AS found FROM app.position WHERE portfolio_id = %(id)s"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol and the currency of its prices."""

    symbol: str
    currency: str


@dataclass(frozen=True, slots=True)
class CashRow:
    """A balance."""

    currency: str
    balance_minor: int


@dataclass(frozen=True, slots=True)
class _Count:
    found: int


async def ensure_instruments(connection: Transaction, wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Currencies of the wanted symbols, and those that were unknown: they are drafts now, in the currency wanted."""
    names: dict[str, object] = {"symbols": list(wanted), "currencies": list(wanted.values())}
    made = await rows_of(connection, DRAFTS, names, Instrument)
    known = await rows_of(connection, CURRENCIES, names, Instrument)
    return {row.symbol: row.currency for row in known}, sorted(row.symbol for row in made)


async def cash_of(connection: Transaction, account_id: UUID) -> Sequence[CashRow]:
    """The balances of an account."""
    return await rows_of(connection, CASH, {"account_id": account_id}, CashRow)


async def held_in(connection: Transaction, portfolio_id: UUID) -> int:
    """How many instruments a portfolio holds."""
    rows = await rows_of(connection, HELD, {"id": portfolio_id}, _Count)
    return rows[0].found
