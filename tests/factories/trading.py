"""A trading desk for tests: a portfolio with cash and units in a migrated database, worked on as the API's role."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books import fills, orders
from lakehouse.stores.books.booking import book, open_books, reverse
from lakehouse.stores.books.fills import FillResult, Report
from lakehouse.stores.books.order_replacing import Request, Wish, replace_order
from lakehouse.stores.books.order_rows import Screening, family_of
from lakehouse.stores.books.orders import Placed, Scene
from lakehouse.stores.postgres import Pool, Transaction
from lakehouse.trading.order import Order
from lakehouse.trading.ticket import Ticket
from tests.factories.orders import TICKET

Result = TypeVar("Result")
PRICE = Decimal(100)


@dataclass
class Desk:
    """A portfolio and what it is worked with. Every method is one transaction."""

    reader: Connection[TupleRow]
    pool: Pool
    runner: asyncio.Runner
    clock: ManualClock
    owner_id: UUID
    portfolio_id: UUID
    account_id: UUID

    def run(self, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """The result of `work` in a committed transaction; each has an instant of its own."""
        self.clock.sleep(0.001)
        return self.runner.run(self.within(work))

    async def within(self, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        async with postgres.transaction(self.pool) as connection:
            return await work(connection)

    def place(self, ticket: Ticket) -> Placed:
        return self.run(lambda connection: self.placing(connection, ticket))

    async def placing(self, connection: Transaction, ticket: Ticket) -> Placed:
        def screen(_: Order, __: Scene) -> Screening:
            return Screening(request_hash=ticket.digest)

        return await orders.place(connection, ticket, owner_id=self.owner_id, clock=self.clock, screen=screen)

    def cancel(self, order_id: UUID) -> None:
        self.run(lambda connection: orders.cancel(connection, order_id, owner_id=self.owner_id, clock=self.clock))

    def expire(self, order_id: UUID) -> bool:
        return self.run(lambda connection: orders.expire(connection, order_id, clock=self.clock))

    def replace(self, order_id: UUID, wish: Wish) -> UUID:
        request = Request(order_id=order_id, owner_id=self.owner_id, wish=wish, digest=repr(wish).encode())

        def screen(_: Order, __: Scene) -> Screening:
            return Screening(request_hash=b"")

        return self.run(lambda connection: replace_order(connection, request, clock=self.clock, screen=screen))[0]

    def fill(
        self, order_id: UUID, trade: str, quantity: Decimal | int, price: Decimal = PRICE, *, fee_minor: int = 0
    ) -> FillResult:
        report = Report(
            order_id=order_id,
            venue_trade_id=trade,
            quantity=Decimal(quantity),
            price=price,
            fee_minor=fee_minor,
            filled_at=self.clock.now(),
        )
        return self.run(lambda connection: fills.fill(connection, report, clock=self.clock))

    def book(self, *drafts: Draft) -> None:
        async def work(connection: Transaction) -> None:
            books = await open_books(connection, self.portfolio_id, owner_id=self.owner_id)
            assert books is not None
            await book(connection, books, drafts, clock=self.clock)

        self.run(work)

    def reverse(self, transaction_id: object) -> None:
        async def work(connection: Transaction) -> None:
            books = await open_books(connection, self.portfolio_id, owner_id=self.owner_id)
            assert books is not None
            await reverse(connection, books, UUID(str(transaction_id)), clock=self.clock)

        self.run(work)

    def deposit(self, minor: int) -> None:
        self.book(Draft(kind=Kind.DEPOSIT, occurred_at=self.clock.now(), currency="USD", amount_minor=minor))

    def family(self, order_id: UUID) -> list[Order]:
        """The order and its relatives by id."""
        return list(self.run(lambda connection: family_of(connection, order_id)).values())

    def order(self, order_id: UUID) -> Order:
        return next(each for each in self.family(order_id) if each.id == order_id)

    def rows(self, statement: str, **names: object) -> list[tuple[object, ...]]:
        """What the database's owner reads, outside every transaction."""
        return self.reader.execute(
            statement.encode(), {"p": self.portfolio_id, "a": self.account_id, **names}
        ).fetchall()

    def tick(self, seconds: float = 1.0) -> None:
        self.clock.sleep(seconds)


@contextmanager
def desks(settings: Settings) -> Iterator[Callable[..., Desk]]:
    """Makes desks in the database of `settings`, which has the instrument AAPL at PRICE."""
    clock = ManualClock(SystemClock().now() - timedelta(days=1))
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO app.instrument (symbol, name, currency, exchange, created_at) "
            "VALUES ('AAPL', 'Apple Inc.', 'USD', 'XNAS', now()) ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, updated_at) "
            "VALUES ('AAPL', 100, 'USD', 'test', now(), now()) ON CONFLICT DO NOTHING"
        )
    pool = postgres.write_pool(settings.postgres, timeout_s=60.0)
    with asyncio.Runner() as runner:
        runner.run(pool.open(wait=False))
        try:
            with postgres.connect(settings.postgres) as reader:
                reader.autocommit = True
                yield lambda **changes: _desk(reader, pool, runner, clock, **changes)
        finally:
            runner.run(pool.close())


def _desk(
    reader: Connection[TupleRow],
    pool: Pool,
    runner: asyncio.Runner,
    clock: ManualClock,
    *,
    allows_short: bool = False,
    owner_id: UUID | None = None,
) -> Desk:
    desk = Desk(reader, pool, runner, clock, owner_id or uuid7(clock), uuid7(clock), uuid7(clock))
    with reader.transaction():
        if owner_id is None:
            reader.execute(
                "INSERT INTO auth.app_user (id, email, display_name) VALUES (%s, %s, 'a trader')",
                (desk.owner_id, f"{desk.owner_id.hex}@example.com"),
            )
        reader.execute(
            "INSERT INTO app.account (id, owner_id, name, base_currency, allows_short) VALUES (%s, %s, %s, 'USD', %s)",
            (desk.account_id, desk.owner_id, str(desk.account_id), allows_short),
        )
        reader.execute(
            "INSERT INTO app.portfolio (id, owner_id, account_id, name, description, base_currency, created_at) "
            "VALUES (%s, %s, %s, %s, '', 'USD', now())",
            (desk.portfolio_id, desk.owner_id, desk.account_id, str(desk.portfolio_id)),
        )
    return desk


def wish(desk: Desk, **changes: Any) -> Ticket:
    """A purchase of 10 at 100 without a client's id, changed."""
    return replace(replace(TICKET, portfolio_id=desk.portfolio_id, client_order_id=None), **changes)


def cash(desk: Desk) -> tuple[object, ...]:
    """Balance and what is reserved of it."""
    return desk.rows(
        "SELECT balance_minor, reserved_minor FROM ledger.account WHERE account_id = %(a)s AND purpose = 'cash'"
    )[0]


def units(desk: Desk) -> tuple[object, ...]:
    """Units held and what is reserved of them."""
    found = desk.rows("SELECT quantity, reserved_quantity FROM app.position WHERE portfolio_id = %(p)s")
    return found[0] if found else (Decimal(0), Decimal(0))


def buy(desk: Desk, quantity: int) -> None:
    """Hold units, bought at 100 without a fee."""
    placed = desk.place(wish(desk, quantity=Decimal(quantity)))
    desk.fill(placed.order_id, "first", quantity)
