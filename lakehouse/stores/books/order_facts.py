"""What is known when an order is placed, read under the account's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.books.booking import Books
from lakehouse.stores.postgres import Transaction, rows_of
from lakehouse.trading.checks import Facts, Working
from lakehouse.trading.order import Order, Side, Status

MARKET: Final[LiteralString] = """
    SELECT i.symbol, i.currency, i.exchange, i.status, i.multiplier, coalesce(r.price, b.close) AS price,
           coalesce(l.balance_minor - l.reserved_minor, 0) AS cash_minor,
           coalesce(x.quantity - x.reserved_quantity, 0) AS units
    FROM app.instrument AS i
    LEFT JOIN market.realtime_symbols AS r ON r.symbol = i.symbol
    LEFT JOIN LATERAL (
        SELECT d.close FROM market.bar AS d
        WHERE r.symbol IS NULL AND d.symbol = i.symbol AND d.interval = '1d' ORDER BY d.starts_at DESC LIMIT 1
    ) AS b ON true
    LEFT JOIN ledger.account AS l
        ON l.account_id = %(account_id)s AND l.purpose = 'cash' AND l.currency = i.currency
    LEFT JOIN app.position AS x ON x.portfolio_id = %(portfolio_id)s AND x.symbol = i.symbol
    WHERE i.symbol = %(symbol)s
"""
# Stops sleep until their price is seen, so they are in nobody's way.
WORKING: Final[LiteralString] = """
    SELECT o.id, o.side, o.limit_price AS price
    FROM trading.order AS o
    WHERE o.portfolio_id = %(portfolio_id)s AND o.symbol = %(symbol)s
      AND o.status IN ('accepted', 'partially_filled') AND o.type IN ('market', 'limit', 'take_profit')
    ORDER BY o.id
"""
KNOWN: Final[LiteralString] = """
    SELECT o.id, o.request_hash, o.status, o.status_reason
    FROM trading.order AS o
    WHERE o.portfolio_id = %(portfolio_id)s AND o.client_order_id = %(client_order_id)s
"""
HABITS: Final[LiteralString] = """
    SELECT o.created_at, o.quantity, coalesce(o.limit_price, o.stop_price, o.reference_price) AS price,
           o.reference_price, i.multiplier
    FROM trading.order AS o JOIN app.instrument AS i ON i.symbol = o.symbol
    WHERE o.account_id = %(account_id)s AND o.currency = %(currency)s AND o.status <> 'rejected'
      AND o.parent_id IS NULL AND coalesce(o.limit_price, o.stop_price, o.reference_price) IS NOT NULL
    ORDER BY o.id DESC
    LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Market:
    """An instrument, its last price, and what the account has free of it and of its currency."""

    symbol: str
    currency: str
    exchange: str
    status: str
    multiplier: Decimal
    price: Decimal | None
    cash_minor: int
    units: Decimal


@dataclass(frozen=True, slots=True)
class Known:
    """An order that has the client's id already."""

    id: UUID
    request_hash: bytes
    status: str
    status_reason: str

    @property
    def is_rejected(self) -> bool:
        return self.status == Status.REJECTED


@dataclass(frozen=True, slots=True)
class Habit:
    """An earlier order of the account; `price` is its limit, stop or the price seen."""

    created_at: datetime
    quantity: Decimal
    price: Decimal
    reference_price: Decimal | None
    multiplier: Decimal


@dataclass(frozen=True, slots=True)
class _Working:
    id: UUID
    side: str
    price: Decimal | None


async def market(connection: Transaction, books: Books, symbol: str) -> Market | None:
    """The instrument with its price and what is free; None where there is no such instrument."""
    names = {"account_id": books.account_id, "portfolio_id": books.portfolio_id, "symbol": symbol}
    rows = await rows_of(connection, MARKET, names, Market)
    return rows[0] if rows else None


async def facts(
    connection: Transaction, books: Books, known: Market, *, now: datetime, besides: Sequence[Order] = ()
) -> Facts:
    """The facts that rules judge by. What the orders `besides` keep back counts as free: they are to be replaced."""
    names = {"portfolio_id": books.portfolio_id, "symbol": known.symbol}
    mine = {order.id for order in besides}
    working = [row for row in await rows_of(connection, WORKING, names, _Working) if row.id not in mine]
    return Facts(
        now=now,
        account_status="open" if books.is_open else "closed",
        allows_short=books.allows_short,
        instrument_status=known.status,
        multiplier=known.multiplier,
        price=known.price,
        cash_minor=known.cash_minor + sum(order.reserved_minor for order in besides),
        units=known.units + sum((order.reserved_quantity for order in besides), Decimal(0)),
        working=tuple(Working(id=row.id, side=Side(row.side), price=row.price) for row in working),
    )


async def known_by_client(connection: Transaction, portfolio_id: UUID, client_order_id: str | None) -> Known | None:
    """The order of the portfolio that has the client's id already, or None."""
    if client_order_id is None:
        return None
    names = {"portfolio_id": portfolio_id, "client_order_id": client_order_id}
    rows = await rows_of(connection, KNOWN, names, Known)
    return rows[0] if rows else None


async def habits(connection: Transaction, *, account_id: UUID, currency: str, limit: int) -> list[Habit]:
    """The account's newest orders in this currency that were not rejected, newest first."""
    names = {"account_id": account_id, "currency": currency, "limit": limit}
    return await rows_of(connection, HABITS, names, Habit)
