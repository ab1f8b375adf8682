"""Accounts with money in them, written through the same functions that the API uses."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from psycopg import AsyncConnection

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books import payments
from lakehouse.stores.books.payments import Move
from lakehouse.stores.postgres import Transaction

CLOCK = SystemClock()
Result = TypeVar("Result")


def run(settings: Settings, act: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """What `act` returns, run in a transaction of its own."""

    async def main() -> Result:
        conninfo = postgres.conninfo_of(settings.postgres)
        async with await AsyncConnection.connect(conninfo) as connection, connection.transaction():
            return await act(connection)

    return asyncio.run(main())


def account(settings: Settings, owner: UUID, *, minor: int = 0, currency: str = "USD", portfolio: bool = False) -> UUID:
    """An account of `owner`, with a portfolio if asked for, that holds `minor` units of cash."""
    account_id = uuid7(CLOCK)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO app.account (id, owner_id, name, base_currency) VALUES (%s, %s, %s, %s)",
            (account_id, owner, f"account {account_id}", currency),
        )
        if portfolio:
            connection.execute(
                "INSERT INTO app.portfolio (id, owner_id, account_id, name, description, base_currency) "
                "VALUES (%s, %s, %s, %s, '', %s)",
                (uuid7(CLOCK), owner, account_id, f"portfolio {account_id}", currency),
            )
    if minor:
        deposit(settings, account_id, minor, currency=currency)
    return account_id


def deposit(settings: Settings, account_id: UUID, minor: int, *, currency: str = "USD") -> None:
    """Cash from nowhere."""

    async def act(connection: Transaction) -> None:
        purses = await payments.open_purses(connection, [account_id])
        one = Move(payment_id=uuid7(CLOCK), label="in", currency=currency, amount_minor=minor, note="a test's deposit")
        await payments.move(connection, purses[account_id], one, clock=CLOCK)

    run(settings, act)


def cash(settings: Settings, account_id: UUID, currency: str = "USD") -> tuple[int, int]:
    """Balance and reserved part in minor units, as the ledger has them."""
    with postgres.connect(settings.postgres) as connection:
        row = connection.execute(
            "SELECT balance_minor, reserved_minor FROM ledger.account "
            "WHERE account_id = %s AND currency = %s AND purpose = 'cash'",
            (account_id, currency),
        ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def new_id() -> UUID:
    """An id of the clock's now."""
    return uuid7(CLOCK)


def close(settings: Settings, account_id: UUID) -> None:
    """Close an account as it is, empty or not."""
    with postgres.connect(settings.postgres) as connection:
        connection.execute("UPDATE app.account SET status = 'closed' WHERE id = %s", (account_id,))
