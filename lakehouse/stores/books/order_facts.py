"""What is known when an order is placed, read under the account's lock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import class_row

from lakehouse.stores.books.booking import OPEN, Books
from lakehouse.stores.postgres import Transaction, rows_of, together
from lakehouse.trading.checks import Facts, Working
from lakehouse.trading.observation import MAX_HISTORY, Observation
from lakehouse.trading.order import Order, Side, Status

MARKET: Final[LiteralString] = """
    SELECT i.symbol, i.currency, i.exchange, i.status, i.multiplier, coalesce(r.price, b.close) AS price,
           coalesce(r.as_of, b.made_at) AS price_at,
           coalesce(l.balance_minor - l.reserved_minor, 0) AS cash_minor,
           coalesce(x.quantity, 0) AS held, coalesce(x.quantity - x.reserved_quantity, 0) AS units,
           coalesce(w.units, 0) AS opening, coalesce(c.freed, 0) AS freed_a_unit, h.reason AS halted
    FROM app.instrument AS i
    JOIN app.portfolio AS p ON p.id = %(portfolio_id)s
    JOIN app.account AS a ON a.id = p.account_id
    LEFT JOIN market.realtime_symbols AS r ON r.symbol = i.symbol
    LEFT JOIN LATERAL (
        SELECT d.close, least(d.starts_at + INTERVAL '1 day', d.received_at) AS made_at FROM market.bar AS d
        WHERE r.symbol IS NULL AND d.symbol = i.symbol AND d.interval = '1d' ORDER BY d.starts_at DESC LIMIT 1
    ) AS b ON true
    LEFT JOIN ledger.account AS l
        ON l.account_id = a.id AND l.purpose = 'cash' AND l.currency = i.currency
    LEFT JOIN app.position AS x ON x.portfolio_id = %(portfolio_id)s AND x.symbol = i.symbol
    LEFT JOIN LATERAL (
        SELECT sum(q.quantity - q.filled_quantity) AS units
        FROM trading.order AS q
        WHERE a.allows_short AND q.portfolio_id = %(portfolio_id)s AND q.symbol = i.symbol AND q.side = %(side)s
          AND q.status IN ('accepted', 'partially_filled') AND q.reserved_minor > 0 AND q.reserved_quantity = 0
    ) AS w ON true
    LEFT JOIN LATERAL (
        SELECT min(coalesce(s.collateral_minor, 0) / -o.quantity) AS freed
        FROM app.lot AS o
        LEFT JOIN app.short_sale AS s
            ON s.portfolio_id = o.portfolio_id AND s.symbol = o.symbol AND s.lot_id = o.id AND s.currency = i.currency
        WHERE a.allows_short AND o.portfolio_id = %(portfolio_id)s AND o.symbol = i.symbol AND o.quantity < 0
    ) AS c ON true
    LEFT JOIN LATERAL (
        SELECT t.reason FROM trading.halt AS t
        WHERE t.lifted_at IS NULL
          AND (t.scope = 'everybody' OR t.user_id = p.owner_id OR t.portfolio_id = p.id)
        ORDER BY t.id LIMIT 1
    ) AS h ON true
    WHERE i.symbol = %(symbol)s
"""
# The order of the other side that is nearest: stops sleep until their price is seen, so they are in nobody's way. Each
# side has an index in this order (order_selling_idx, order_buying_idx), that is found by the side named.
NEAREST: Final[dict[Side, LiteralString]] = {
    Side.BUY: """
        SELECT o.id, o.side, o.limit_price AS price
        FROM trading.order AS o
        WHERE o.portfolio_id = %(portfolio_id)s AND o.symbol = %(symbol)s AND o.side = 'sell'
          AND o.status IN ('accepted', 'partially_filled') AND o.type IN ('market', 'limit', 'take_profit')
        ORDER BY o.limit_price NULLS FIRST, o.id
        LIMIT 1
    """,
    Side.SELL: """
        SELECT o.id, o.side, o.limit_price AS price
        FROM trading.order AS o
        WHERE o.portfolio_id = %(portfolio_id)s AND o.symbol = %(symbol)s AND o.side = 'buy'
          AND o.status IN ('accepted', 'partially_filled') AND o.type IN ('market', 'limit', 'take_profit')
        ORDER BY o.limit_price DESC NULLS FIRST, o.id
        LIMIT 1
    """,
}
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
        SELECT x.id, x.symbol, x.created_at, x.quantity, x.reference_price,
               coalesce(x.limit_price, x.stop_price, x.reference_price) AS price
        FROM trading.order AS x
        WHERE x.account_id = (SELECT p.account_id FROM app.portfolio AS p WHERE p.id = %(portfolio_id)s)
          AND x.currency = (SELECT n.currency FROM app.instrument AS n WHERE n.symbol = %(symbol)s)
          AND x.status <> 'rejected' AND x.parent_id IS NULL
          AND coalesce(x.limit_price, x.stop_price, x.reference_price) IS NOT NULL
        ORDER BY x.id DESC
        LIMIT %(limit)s
    ) AS o
    JOIN app.instrument AS i ON i.symbol = o.symbol
    ORDER BY o.id DESC
"""


@dataclass(frozen=True, slots=True)
class Market:
    """An instrument, its last price, and what the account has of it and of its currency.

    `held` is the position, `units` what orders have not reserved of it; both negative where it is short. `opening` are
    the units of open orders of the side asked for that keep back cash for opening a position, and would close what has
    come to be held meanwhile. `freed_a_unit` is the least collateral (minor units) a unit sold short. `halted` is why
    trading is stopped, None where it is not.
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
    halted: str | None


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


@dataclass(frozen=True, slots=True)
class View:
    """An instrument as a portfolio sees it: `market` with its price and what is free, None where there is no such
    instrument; `nearest`, the working order of the other side; `habits`, the account's newest orders in the
    instrument's currency that were not rejected, newest first."""

    market: Market | None
    nearest: Working | None
    habits: Sequence[Observation]


async def survey(
    connection: Transaction,
    portfolio_id: UUID,
    symbol: str,
    side: Side,
    *,
    owner_id: UUID,
    client_order_id: str | None,
) -> tuple[Books | None, Known | None, View]:
    """The books, locked until the transaction ends, None where they are not `owner_id`'s; the order of the portfolio
    that has the client's id already; and `look`. What comes after the books is read under their lock, though all of it
    is sent at once."""
    async with (
        connection.cursor(row_factory=class_row(Books)) as opening,
        connection.cursor(row_factory=class_row(Known)) as knowing,
        _looking(connection) as looking,
    ):
        async with together(connection):
            await opening.execute(OPEN, {"portfolio_ids": [portfolio_id], "owner_id": owner_id})
            await knowing.execute(KNOWN, {"portfolio_id": portfolio_id, "client_order_id": client_order_id})
            await looking.ask(portfolio_id, symbol, side, history=MAX_HISTORY)
        return await opening.fetchone(), await knowing.fetchone(), await looking.view()


async def look(connection: Transaction, portfolio_id: UUID, symbol: str, side: Side, *, history: int) -> View:
    """What an order of one side in one instrument is judged by, with at most `history` habits, in one round trip."""
    async with _looking(connection) as looking:
        async with together(connection):
            await looking.ask(portfolio_id, symbol, side, history=history)
        return await looking.view()


@dataclass(frozen=True, slots=True)
class _Looking:
    """Three reads that are sent at once."""

    market: AsyncCursor[Market]
    working: AsyncCursor[_Working]
    habits: AsyncCursor[Observation]

    async def ask(self, portfolio_id: UUID, symbol: str, side: Side, *, history: int) -> None:
        names = {"portfolio_id": portfolio_id, "symbol": symbol, "side": side, "limit": history}
        await self.market.execute(MARKET, names)
        await self.working.execute(NEAREST[side], names)
        await self.habits.execute(HABITS, names)

    async def view(self) -> View:
        row = await self.working.fetchone()
        nearest = None if row is None else Working(id=row.id, side=Side(row.side), price=row.price)
        return View(await self.market.fetchone(), nearest, await self.habits.fetchall())


@asynccontextmanager
async def _looking(connection: Transaction) -> AsyncIterator[_Looking]:
    async with (
        connection.cursor(row_factory=class_row(Market)) as market,
        connection.cursor(row_factory=class_row(_Working)) as working,
        connection.cursor(row_factory=class_row(Observation)) as habits,
    ):
        yield _Looking(market, working, habits)


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
        halted=known.halted,
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
