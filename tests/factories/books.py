"""Portfolios with books in a real PostgreSQL, written as the API writes them: by its role, in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from psycopg import AsyncConnection, sql

from lakehouse.clock import Clock, SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.booking import Books, book, open_books, reverse
from lakehouse.stores.books.recount import Recount, recount
from lakehouse.stores.postgres import API_ROLE, Transaction

Result = TypeVar("Result")
CLOCK = SystemClock()
START = datetime(2020, 1, 2, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Holder:
    """A user with one portfolio and its account."""

    settings: Settings
    owner_id: UUID
    account_id: UUID
    portfolio_id: UUID


def holder(
    settings: Settings, *, method: str = "fifo", allows_short: bool = False, symbols: Sequence[str] = ("AAPL", "MSFT")
) -> Holder:
    """A new user with an empty portfolio in US dollars; `symbols` exist, in US dollars too."""
    made = Holder(settings, *(uuid7(CLOCK) for _ in range(3)))
    name = made.portfolio_id.hex
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO auth.app_user (id, email, display_name) VALUES (%s, %s, 'a holder')",
            (made.owner_id, f"{name}@example.com"),
        )
        connection.execute(
            "INSERT INTO app.account (id, owner_id, name, base_currency, lot_method, allows_short) "
            "VALUES (%s, %s, %s, 'USD', %s, %s)",
            (made.account_id, made.owner_id, name, method, allows_short),
        )
        connection.execute(
            "INSERT INTO app.portfolio (id, owner_id, account_id, name, base_currency) VALUES (%s, %s, %s, %s, 'USD')",
            (made.portfolio_id, made.owner_id, made.account_id, name),
        )
        for symbol in symbols:
            connection.execute(
                "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES (%s, %s, 'USD', 'XNAS') "
                "ON CONFLICT DO NOTHING",
                (symbol, symbol),
            )
    return made


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[Transaction]:
    """A transaction with the rights of the API, committed at the end of the block."""
    async with await AsyncConnection.connect(postgres.conninfo_of(settings.postgres)) as connection:
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(API_ROLE)))
        await connection.commit()
        async with connection.transaction():
            yield connection


async def opened(connection: Transaction, made: Holder) -> Books:
    """The holder's books."""
    found = await open_books(connection, made.portfolio_id, owner_id=made.owner_id)
    assert found is not None
    return found


async def booked(made: Holder, drafts: Sequence[Draft], *, clock: Clock = CLOCK) -> list[UUID]:
    """Book the drafts in a transaction of their own."""
    async with writing(made.settings) as connection:
        return await book(connection, await opened(connection, made), drafts, clock=clock)


def at(day: int) -> datetime:
    """The instant `day` days after START."""
    return START + timedelta(days=day)


def deposit(day: int, amount_minor: int, *, external_id: str | None = None) -> Draft:
    """Money paid in."""
    return Draft(
        kind=Kind.DEPOSIT, occurred_at=at(day), currency="USD", amount_minor=amount_minor, external_id=external_id
    )


def withdrawal(day: int, amount_minor: int) -> Draft:
    """Money paid out."""
    return Draft(kind=Kind.WITHDRAWAL, occurred_at=at(day), currency="USD", amount_minor=amount_minor)


def trade(kind: Kind, day: int, quantity: str, price: str, *, symbol: str = "AAPL", fee_minor: int = 0) -> Draft:
    """Units bought, sold or transferred, in US dollars."""
    return Draft(
        kind=kind,
        occurred_at=at(day),
        currency="USD",
        symbol=symbol,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee_minor=fee_minor,
    )


def buy(day: int, quantity: str, price: str, *, symbol: str = "AAPL", fee_minor: int = 0) -> Draft:
    """Units bought."""
    return trade(Kind.BUY, day, quantity, price, symbol=symbol, fee_minor=fee_minor)


def sell(day: int, quantity: str, price: str, *, symbol: str = "AAPL", fee_minor: int = 0) -> Draft:
    """Units sold."""
    return trade(Kind.SELL, day, quantity, price, symbol=symbol, fee_minor=fee_minor)


def inside(settings: Settings, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """What `work` returns, done in a transaction of its own."""

    async def main() -> Result:
        async with writing(settings) as connection:
            return await work(connection)

    return asyncio.run(main())


def put(made: Holder, drafts: Sequence[Draft]) -> list[UUID]:
    """Book the drafts in a transaction of their own."""
    return asyncio.run(booked(made, drafts))


def count(made: Holder) -> Recount:
    """The holder's books, counted again."""
    return inside(made.settings, lambda connection: recount(connection, portfolio_id=made.portfolio_id))


def undo(made: Holder, transaction_id: UUID) -> None:
    """Reverse a transaction in a transaction of its own."""

    async def work(connection: Transaction) -> None:
        await reverse(connection, await opened(connection, made), transaction_id, clock=CLOCK)

    inside(made.settings, work)
