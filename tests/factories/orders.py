"""Orders and tickets for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from lakehouse.trading.checks import Facts
from lakehouse.trading.order import Order, OrderType, Side, Status, TimeInForce
from lakehouse.trading.ticket import Making, Ticket

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
PORTFOLIO = UUID("019d0000-0000-7000-8000-00000000000a")
ACCOUNT = UUID("019d0000-0000-7000-8000-00000000000b")


def order_id(number: int) -> UUID:
    """The id of the order with this number."""
    return UUID(int=0x019D00000000700080000000_00000000 + number)


ORDER = Order(
    id=order_id(1),
    portfolio_id=PORTFOLIO,
    account_id=ACCOUNT,
    client_order_id="mine-1",
    symbol="AAPL",
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    quantity=Decimal(10),
    currency="USD",
    source="api",
    limit_price=Decimal(100),
)
TICKET = Ticket(
    portfolio_id=PORTFOLIO,
    symbol="AAPL",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal(10),
    source="api",
    client_order_id="mine-1",
    time_in_force=TimeInForce.GTC,
    limit_price=Decimal(100),
)
FACTS = Facts(
    now=NOW,
    account_status="open",
    allows_short=False,
    instrument_status="active",
    multiplier=Decimal(1),
    price=Decimal(100),
    cash_minor=1_000_000,
    units=Decimal(100),
    price_at=NOW,
    price_age=timedelta(),
    max_price_age=timedelta(minutes=15),
)


def order(**changes: Any) -> Order:
    """ORDER with changes."""
    return replace(ORDER, **changes)


def order_in(status: Status) -> Order:
    """An order in this status, with the units that it must have been filled with."""
    filled = {Status.PARTIALLY_FILLED: Decimal(4), Status.FILLED: Decimal(10)}.get(status, Decimal(0))
    return order(status=status, filled_quantity=filled, average_fill_price=Decimal(100) if filled else None)


def ticket(**changes: Any) -> Ticket:
    """TICKET with changes."""
    return replace(TICKET, **changes)


def facts(**changes: Any) -> Facts:
    """FACTS with changes."""
    return replace(FACTS, **changes)


def making(count: int = 1) -> Making:
    """Ids 1 to `count`, and the rest of what orders are made with."""
    return Making(
        ids=tuple(order_id(number) for number in range(1, count + 1)),
        account_id=ACCOUNT,
        currency="USD",
        expires_at=None,
        reference_price=Decimal(100),
    )
