"""Orders and fills that arrive at the same time: what can be paid, once each."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from functools import partial

from lakehouse.stores.books.fills import Report, fill
from lakehouse.stores.books.orders import Placed
from lakehouse.stores.postgres import Transaction
from lakehouse.trading.ticket import Ticket
from tests.factories.orders import TICKET
from tests.factories.trading import Desk


def wish(desk: Desk, client_order_id: str | None = None) -> Ticket:
    """A purchase of 10 at 100."""
    return replace(TICKET, portfolio_id=desk.portfolio_id, client_order_id=client_order_id)


def cash(desk: Desk) -> tuple[object, ...]:
    """Balance and what is reserved of it."""
    return desk.rows(
        "SELECT balance_minor, reserved_minor FROM ledger.account WHERE account_id = %(a)s AND purpose = 'cash'"
    )[0]


def test_of_parallel_orders_exactly_those_that_can_be_paid_are_accepted(desk: Desk) -> None:
    """20 orders of 1,001.00 each against 10,000.00: nine fit."""
    tickets = [wish(desk, client_order_id=f"n-{number}") for number in range(20)]

    async def race() -> list[Placed]:
        return await asyncio.gather(*(desk.within(partial(desk.placing, ticket=each)) for each in tickets))

    placed = desk.runner.run(race())
    assert [each.violation.rule for each in placed if each.violation] == ["buying_power"] * 11
    assert cash(desk) == (1_000_000, 9 * 100_100)


def test_fifty_parallel_orders_of_one_client_id_are_one_order(desk: Desk) -> None:
    async def race() -> list[Placed]:
        one = wish(desk, client_order_id="only")
        return await asyncio.gather(*(desk.within(lambda connection: desk.placing(connection, one)) for _ in range(50)))

    placed = desk.runner.run(race())
    assert (len({each.order_id for each in placed}), sum(each.is_new for each in placed)) == (1, 1)
    assert cash(desk) == (1_000_000, 100_100)


def test_parallel_reports_of_one_fill_book_it_once(desk: Desk) -> None:
    placed = desk.place(wish(desk))
    report = Report(
        order_id=placed.order_id,
        venue_trade_id="t-1",
        quantity=Decimal(10),
        price=Decimal(100),
        fee_minor=0,
        filled_at=desk.clock.now(),
    )

    async def race() -> list[bool]:
        async def one(connection: Transaction) -> bool:
            return (await fill(connection, report, clock=desk.clock)).is_new

        return await asyncio.gather(*(desk.within(one) for _ in range(20)))

    assert sum(desk.runner.run(race())) == 1
    held = desk.rows("SELECT quantity, reserved_quantity FROM app.position WHERE portfolio_id = %(p)s")
    assert (cash(desk), held) == ((900_000, 0), [(10, 0)])
