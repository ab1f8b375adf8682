"""All SQL about seeds: what is not booked by the books themselves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Transaction, rows_of

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


async def currencies_of(connection: Transaction, symbols: Collection[str]) -> dict[str, str]:
    """The currency of each instrument that exists."""
    known = await rows_of(connection, CURRENCIES, {"symbols": list(symbols)}, Instrument)
    return {row.symbol: row.currency for row in known}


async def cash_of(connection: Transaction, account_id: UUID) -> Sequence[CashRow]:
    """The balances of an account."""
    return await rows_of(connection, CASH, {"account_id": account_id}, CashRow)


async def held_in(connection: Transaction, portfolio_id: UUID) -> int:
    """How many instruments a portfolio holds."""
    rows = await rows_of(connection, HELD, {"id": portfolio_id}, _Count)
    return rows[0].found
