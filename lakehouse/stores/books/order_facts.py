"""What is known when an order is placed, read under the account's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString, TypeVar
from uuid import UUID

from psycopg.rows import class_row

from lakehouse.stores.books.booking import OPEN, Books
from lakehouse.stores.postgres import Transaction, rows_of, together
from lakehouse.trading.checks import Facts, Working
from lakehouse.trading.order import Order, Side, Status

MARKET: Final[LiteralString] = """
    SELECT i.symbol, i.currency, i.exchange, i.status, i.multiplier, coalesce(r.price, b.close) AS price,
           coalesce(r.as_of, b.made_at) AS price_at,
           coalesce(l.balance_minor - l.reserved_minor, 0) AS cash_minor,
           coalesce(x.quantity, 0) AS held, coalesce(x.quantity - x.reserved_quantity, 0) AS units,
           coalesce(w.units, 0) AS opening, coalesce(c.freed, 0) AS freed_a_unit
    FROM app.instrument AS i
    LEFT JOIN market.realtime_symbols AS r ON r.symbol = i.symbol
    LEFT JOIN LATERAL (
        SELECT d.close, least(d.starts_at + INTERVAL '1 day', d.received_at) AS made_at FROM market.bar AS d
        WHERE r.symbol IS NULL AND d.symbol = i.symbol AND d.interval = '1d' ORDER BY d.starts_at DESC LIMIT 1
    ) AS b ON true
    LEFT JOIN ledger.account AS l
        ON l.account_id = %(account_id)s AND l.purpose = 'cash' AND l.currency = i.currency
    LEFT JOIN app.position AS x ON x.portfolio_id = %(portfolio_id)s AND x.symbol = i.symbol
    LEFT JOIN LATERAL (
        SELECT sum(q.quantity - q.filled_quantity) AS units
        FROM trading.order AS q
        WHERE %(allows_short)s AND q.portfolio_id = %(portfolio_id)s AND q.symbol = i.symbol AND q.side = %(side)s
          AND q.status IN ('accepted', 'partially_filled') AND q.reserved_minor > 0 AND q.reserved_quantity = 0
    ) AS w ON true
    LEFT JOIN LATERAL (
        SELECT min(coalesce(s.collateral_minor, 0) / -o.quantity) AS freed
        FROM app.lot AS o
        LEFT JOIN app.short_sale AS s
            ON s.portfolio_id = o.portfolio_id AND s.symbol = o.symbol AND s.lot_id = o.id AND s.currency = i.currency
        WHERE %(allows_short)s AND o.portfolio_id = %(portfolio_id)s AND o.symbol = i.symbol AND o.quantity < 0
    ) AS c ON true
    WHERE i.symbol = %(symbol)s
"""
# The order of the other side that is nearest: stops sleep until their price is seen, so they are in nobody's way.
NEAREST: Final[LiteralString] = """
    SELECT o.id, o.side, o.limit_price AS price
    FROM trading.order AS o
    WHERE o.portfolio_id = %(portfolio_id)s AND o.symbol = %(symbol)s AND o.side <> %(side)s
      AND o.status IN ('accepted', 'partially_filled') AND o.type IN ('market', 'limit', 'take_profit')
    ORDER BY o.limit_price IS NOT NULL, CASE o.side WHEN 'sell' THEN o.limit_price ELSE -o.limit_price END, o.id
    LIMIT 1
"""
KNOWN: Final[LiteralString] = """
    SELECT o.id, o.request_hash, o.status, o.status_reason
    FROM trading.order AS o
    WHERE o.portfolio_id = %(portfolio_id)s AND o.client_order_id = %(client_order_id)s
"""
HABITS: Final[LiteralString] = """
    SELECT o.created_at AS at, o.quantity::float8 AS quantity,
           (o.quantity * o.price * i.multiplier)::float8 AS notional,
           coalesce(o.price / o.reference_price - 1, 0)::float8 AS price_deviation
    FROM (
        SELECT x.*, coalesce(x.limit_price, x.stop_price, x.reference_price) AS price
        FROM trading.order AS x
        WHERE x.account_id = %(account_id)s
    ) AS o
    JOIN app.instrument AS i ON i.symbol = o.symbol
    WHERE o.currency = %(currency)s AND o.status <> 'rejected' AND o.parent_id IS NULL AND o.price IS NOT NULL
    ORDER BY o.id DESC
    LIMIT %(limit)s
"""


Habit = TypeVar("Habit")


@dataclass(frozen=True, slots=True)
class Market:
    """An instrument, its last price, and what the account has of it and of its currency.

    `held` is the position, `units` what orders have not reserved of it; both negative where it is short. `opening` are
    the units of open orders of the side asked for that keep back cash for opening a position, and would close what has
    come to be held meanwhile. `freed_a_unit` is the least collateral (minor units) a unit sold short.
    """

    symbol: str
    currency: str
    exchange: str
    status: str
    multiplier: Decimal
    price: Decimal | None
    price_at: datetime | None
    cash_minor: int
    held: Decimal
    units: Decimal
    opening: Decimal
    freed_a_unit: Decimal


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
class _Working:
    id: UUID
    side: str
    price: Decimal | None


async def open_books(
    connection: Transaction, portfolio_id: UUID, client_order_id: str | None, *, owner_id: UUID
) -> tuple[Books | None, Known | None]:
    """The books, locked until the transaction ends, None where they are not `owner_id`'s; and the order of the
    portfolio that has the client's id already. That is looked for under the lock, though both are sent at once."""
    names = {"portfolio_ids": [portfolio_id], "owner_id": owner_id}
    asked = {"portfolio_id": portfolio_id, "client_order_id": client_order_id}
    async with (
        connection.cursor(row_factory=class_row(Books)) as opening,
        connection.cursor(row_factory=class_row(Known)) as knowing,
    ):
        async with together(connection):
            await opening.execute(OPEN, names)
            if client_order_id is not None:
                await knowing.execute(KNOWN, asked)
        books = await opening.fetchone()
        return books, None if client_order_id is None else await knowing.fetchone()


async def look(connection: Transaction, books: Books, symbol: str, side: Side) -> tuple[Market | None, Working | None]:
    """The instrument with its price and what is free, None where there is no such instrument; and the portfolio's
    working order in it, on the other side than `side`, that is nearest. Both in one round trip."""
    names = {
        "account_id": books.account_id,
        "portfolio_id": books.portfolio_id,
        "symbol": symbol,
        "side": side,
        "allows_short": books.allows_short,
    }
    async with (
        connection.cursor(row_factory=class_row(Market)) as known,
        connection.cursor(row_factory=class_row(_Working)) as working,
    ):
        async with together(connection):
            await known.execute(MARKET, names)
            await working.execute(NEAREST, names)
        market = await known.fetchone()
        row = await working.fetchone()
    return market, None if row is None else Working(id=row.id, side=Side(row.side), price=row.price)


def facts(
    books: Books, known: Market, nearest: Working | None, *, side: Side, now: datetime, besides: Sequence[Order] = ()
) -> Facts:
    """The facts that rules judge orders of this side by, but the age of the price. What the orders `besides`, of the
    same side, keep back counts as free: they are to be replaced."""
    opening = known.opening - sum(order.leaves for order in besides if _opens(order))
    closable = (known.units if side is Side.SELL else -known.units) - opening
    return Facts(
        now=now,
        account_status="open" if books.is_open else "closed",
        allows_short=books.allows_short,
        instrument_status=known.status,
        multiplier=known.multiplier,
        price=known.price,
        cash_minor=known.cash_minor + sum(order.reserved_minor for order in besides),
        units=closable + sum((order.reserved_quantity for order in besides), Decimal(0)),
        held=known.held,
        freed_a_unit=known.freed_a_unit,
        working=() if nearest is None else (nearest,),
        price_at=known.price_at,
    )


def _opens(order: Order) -> bool:
    return order.reserved_minor > 0 and order.reserved_quantity == 0


async def known_by_client(connection: Transaction, portfolio_id: UUID, client_order_id: str | None) -> Known | None:
    """The order of the portfolio that has the client's id already, or None."""
    if client_order_id is None:
        return None
    names = {"portfolio_id": portfolio_id, "client_order_id": client_order_id}
    rows = await rows_of(connection, KNOWN, names, Known)
    return rows[0] if rows else None


async def habits(
    connection: Transaction, record: type[Habit], *, account_id: UUID, currency: str, limit: int
) -> list[Habit]:
    """The account's newest orders in this currency that were not rejected, newest first.

    `record` is made of `at`, `quantity`, `notional` and `price_deviation`: floats, because they are only compared.
    """
    names = {"account_id": account_id, "currency": currency, "limit": limit}
    return await rows_of(connection, HABITS, names, record)
