"""A fill: execution, lots, cash, ledger, settlement, order, family and events, in one transaction of the caller's."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from psycopg import DataError, IntegrityError

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError
from lakehouse.domain.ids import made_at, uuid7
from lakehouse.errors import TidemarkError
from lakehouse.portfolio.transactions import Draft, DraftRefused, Kind, LotPick, gross_minor
from lakehouse.stores.books import order_rows, orders, outbox
from lakehouse.stores.books.booking import BookingRefused, Books, book
from lakehouse.stores.books.order_rows import Execution
from lakehouse.stores.postgres import Transaction, rows_of, together
from lakehouse.trading.checks import funds
from lakehouse.trading.family import Change, cascade
from lakehouse.trading.lots import slice_of
from lakehouse.trading.machine import Filled, Reject, apply
from lakehouse.trading.order import WITH_LIMIT, Order, Side, TradingError

# A venue's clock may be ahead of ours by so much.
CLOCK_SKEW: Final = timedelta(seconds=5)
KNOWN: Final[LiteralString] = """
    SELECT f.id, f.quantity, f.price, f.fee_minor, f.transaction_id
    FROM trading.fill AS f
    WHERE f.order_id = %(order_id)s AND f.venue_trade_id = %(venue_trade_id)s
"""
INSERT: Final[LiteralString] = """
    INSERT INTO trading.fill (
        id, order_id, portfolio_id, venue_trade_id, symbol, side, quantity, price, currency, gross_minor, fee_minor,
        transaction_id, filled_at, created_at
    ) VALUES (
        %(id)s, %(order_id)s, %(portfolio_id)s, %(venue_trade_id)s, %(symbol)s, %(side)s, %(quantity)s, %(price)s,
        %(currency)s, %(gross_minor)s, %(fee_minor)s, %(transaction_id)s, %(filled_at)s, %(created_at)s
    )
"""


# What a trade pays or brings, and when, is what its transaction says.
SETTLE: Final[LiteralString] = """
    INSERT INTO app.settlement (
        id, owner_id, trade_id, direction, amount_minor, currency, settles_on, created_at, updated_at
    )
    SELECT %(id)s, p.owner_id, %(trade_id)s, CASE WHEN t.cash_minor > 0 THEN 'in' ELSE 'out' END, abs(t.cash_minor),
           t.currency, t.settles_on, %(now)s, %(now)s
    FROM app.transaction AS t JOIN app.portfolio AS p ON p.id = t.portfolio_id
    WHERE t.id = %(transaction_id)s
"""


# What a constraint of the books says of an order, in the words of the rules that judge orders before they are placed.
RULES: Final = {
    "ledger_account_no_overdraft": "buying_power",
    "ledger_account_reserved_covered": "buying_power",
    "position_reserved_covered": "holdings",
}


class FillRefused(TidemarkError):
    """The order, its account or the books do not take this fill; `rule` names why. Nothing may be committed."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


def rule_of(error: FillRefused | IntegrityError | DataError) -> str:
    """The rule by which the books refuse a fill."""
    if isinstance(error, FillRefused):
        return error.rule
    name = error.diag.constraint_name or "not_bookable"
    return RULES.get(name, name)


@dataclass(frozen=True, slots=True)
class FillResult:
    """The fill and the order after it. `is_new` is False where the fill was booked before: nothing has changed."""

    fill_id: UUID
    transaction_id: UUID
    order: Order
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Known:
    id: UUID
    quantity: Decimal
    price: Decimal
    fee_minor: int
    transaction_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the venue says: `quantity` units, positive, were traded at `price`, for a fee in minor units."""

    order_id: UUID
    venue_trade_id: str
    quantity: Decimal
    price: Decimal
    fee_minor: int
    filled_at: datetime


async def fill(connection: Transaction, report: Report, *, clock: Clock) -> FillResult:
    """Book what the venue reports.

    Once: a second report of the same (order_id, venue_trade_id) changes nothing. Raises orders.OrderUnknown,
    FillRefused, and IntegrityError where the account cannot pay; after any of them nothing may be committed.
    """
    books, family = await orders.opened(connection, report.order_id)
    named = {"order_id": report.order_id, "venue_trade_id": report.venue_trade_id}
    known = await rows_of(connection, KNOWN, named, _Known)
    if known:
        return _again(known[0], report, family[report.order_id])
    try:
        return await _fill(connection, books, family, report, clock)
    except (TradingError, BookingRefused, DraftRefused) as refused:
        raise FillRefused(refused.rule, str(refused)) from refused
    except CurrencyError as refused:
        raise FillRefused("amount_not_representable", f"{refused}.") from refused


def _again(known: _Known, report: Report, order: Order) -> FillResult:
    if (known.quantity, known.price, known.fee_minor) != (report.quantity, report.price, report.fee_minor):
        raise FillRefused(
            "venue_trade_id_reused", f"Fill {known.id} has this venue_trade_id and other numbers: it stays."
        )
    return FillResult(known.id, known.transaction_id, order, is_new=False)


async def _fill(
    connection: Transaction, books: Books, family: dict[UUID, Order], report: Report, clock: Clock
) -> FillResult:
    order = family[report.order_id]
    _check_time(order, report, clock)
    _check_price(order, report)
    happened = cascade(order, Filled(quantity=report.quantity, price=report.price), family.values())
    # What is kept back is freed before the booking takes it; legs keep back only after it, of what it brought.
    await order_rows.reserve(connection, happened.changes)
    execution = await _booked(connection, books, order, report, clock)
    await _write(connection, order, execution, clock)
    await order_rows.record(connection, happened.changes, owner_id=books.owner_id, clock=clock, execution=execution)
    traded = order_rows.fill_event(execution, order, owner_id=books.owner_id, clock=clock)
    await outbox.emit(connection, traded)
    if happened.to_activate:
        await _activate(connection, books, happened.to_activate, clock)
    return FillResult(execution.id, execution.transaction_id, happened.changes[0].after, is_new=True)


def _check_time(order: Order, report: Report, clock: Clock) -> None:
    if report.filled_at > clock.now() + CLOCK_SKEW:
        raise FillRefused("in_the_future", "filled_at lies ahead.")
    if report.filled_at < made_at(order.id):
        raise FillRefused("before_the_order", f"The order was made later, at {made_at(order.id).isoformat()}.")
    if order.expires_at is not None and report.filled_at >= order.expires_at:
        raise FillRefused("expired", f"The order lapsed at {order.expires_at.isoformat()}.")


def _check_price(order: Order, report: Report) -> None:
    """A limit is a promise: a purchase pays no more, a sale brings no less."""
    limit = order.limit_price
    if limit is None or order.type not in WITH_LIMIT:
        return
    if report.price > limit if order.side is Side.BUY else report.price < limit:
        raise FillRefused("worse_than_limit", f"The {order.side} order has the limit {limit.normalize():f}.")


async def _booked(connection: Transaction, books: Books, order: Order, report: Report, clock: Clock) -> Execution:
    fill_id = uuid7(clock)
    named = slice_of(order.lots, start=order.filled_quantity, quantity=report.quantity)
    draft = Draft(
        kind=Kind.BUY if order.side is Side.BUY else Kind.SELL,
        occurred_at=report.filled_at,
        currency=order.currency,
        symbol=order.symbol,
        quantity=report.quantity,
        price=report.price,
        fee_minor=report.fee_minor,
        lots=tuple(LotPick(lot, quantity) for lot, quantity in named),
        source="fill",
        fill_id=fill_id,
    )
    transaction_id = (await book(connection, books, [draft], clock=clock))[0]
    multiplier = await _multiplier(connection, order.symbol)
    return Execution(
        id=fill_id,
        order_id=order.id,
        venue_trade_id=report.venue_trade_id,
        quantity=report.quantity,
        price=report.price,
        gross_minor=gross_minor(draft, multiplier),
        fee_minor=report.fee_minor,
        transaction_id=transaction_id,
        filled_at=report.filled_at,
    )


@dataclass(frozen=True, slots=True)
class _Multiplier:
    multiplier: Decimal


MULTIPLIER: Final[LiteralString] = "SELECT i.multiplier FROM app.instrument AS i WHERE i.symbol = %(symbol)s"


async def _multiplier(connection: Transaction, symbol: str) -> Decimal:
    return (await rows_of(connection, MULTIPLIER, {"symbol": symbol}, _Multiplier))[0].multiplier


async def _write(connection: Transaction, order: Order, execution: Execution, clock: Clock) -> None:
    values = {name: getattr(execution, name) for name in Execution.__dataclass_fields__}
    shared = {"portfolio_id": order.portfolio_id, "symbol": order.symbol, "side": order.side}
    now = clock.now()
    settled = {"id": uuid7(clock), "trade_id": execution.id, "transaction_id": execution.transaction_id, "now": now}
    async with together(connection):
        await connection.execute(INSERT, {**values, **shared, "currency": order.currency, "created_at": now})
        await connection.execute(SETTLE, settled)


async def _activate(connection: Transaction, books: Books, legs: tuple[Order, ...], clock: Clock) -> None:
    """Legs go to work, or are rejected where what they would close is not there any more."""
    scene = await orders.scene_of(connection, books, legs[0].symbol, legs[0].side, now=clock.now())
    priced = [replace(leg, reference_price=scene.market.price) for leg in legs]
    broken = funds(priced, scene.facts)
    if broken is None:
        changes = orders.accepted(legs, scene.facts)
    else:
        changes = [Change(leg, apply(leg, Reject(broken.rule))) for leg in legs]
    await order_rows.reserve(connection, changes)
    await order_rows.record(connection, changes, owner_id=books.owner_id, clock=clock)
