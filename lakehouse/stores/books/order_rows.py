"""Rows of orders: read into values, and written with their history, their events and what they keep back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import from_minor
from lakehouse.domain.ids import uuid7
from lakehouse.stores.books import ledger, outbox
from lakehouse.stores.books.outbox import Event
from lakehouse.stores.postgres import Transaction, json_of, rows_of, together
from lakehouse.trading.family import Change
from lakehouse.trading.order import Leg, Order, OrderClass, OrderType, Side, Status, TimeInForce

TOPIC: Final = "order.events"
FILLS: Final = "trade.fills"

FAMILY: Final[LiteralString] = """
    SELECT o.id, o.portfolio_id, o.account_id, o.client_order_id, o.symbol, o.side, o.type, o.time_in_force,
           o.expires_at, o.quantity, o.filled_quantity, o.average_fill_price, o.limit_price, o.stop_price,
           o.reference_price, o.order_class, o.leg, o.parent_id, o.oco_group, o.replaces, o.replaced_by, o.status,
           o.status_reason, o.source, o.currency, o.reserved_minor, o.reserved_quantity, o.lots, o.version,
           o.trail_amount, o.trail_percent
    FROM trading.order AS o
    WHERE o.id = %(id)s
       OR o.parent_id = %(id)s
       OR o.oco_group = (SELECT x.oco_group FROM trading.order AS x WHERE x.id = %(id)s)
    ORDER BY o.id
    FOR NO KEY UPDATE OF o
"""
INSERT: Final[LiteralString] = """
    INSERT INTO trading.order (
        id, portfolio_id, account_id, client_order_id, symbol, side, type, time_in_force, expires_at, quantity,
        limit_price, stop_price, reference_price, order_class, leg, parent_id, oco_group, replaces, source, currency,
        lots, status, status_reason, reserved_minor, reserved_quantity, version, request_hash, surveillance_score,
        surveillance_alert, surveillance_reason, created_at, updated_at, trail_amount, trail_percent
    )
    SELECT o.id, o.portfolio_id, o.account_id, o.client_order_id, o.symbol, o.side, o.type, o.time_in_force,
           o.expires_at, o.quantity, o.limit_price, o.stop_price, o.reference_price, o.order_class, o.leg, o.parent_id,
           o.oco_group, o.replaces, o.source, o.currency, o.lots, o.status, o.status_reason, o.reserved_minor,
           o.reserved_quantity, o.version, %(request_hash)s, %(score)s, %(alert)s, %(reason)s, %(at)s, %(at)s,
           o.trail_amount, o.trail_percent
    FROM jsonb_to_recordset(%(orders)s) AS o (
        id uuid, portfolio_id uuid, account_id uuid, client_order_id text, symbol text, side text, type text,
        time_in_force text, expires_at timestamptz, quantity numeric, limit_price numeric, stop_price numeric,
        reference_price numeric, order_class text, leg text, parent_id uuid, oco_group uuid, replaces uuid, source text,
        currency text, lots jsonb, status text, status_reason text, reserved_minor bigint, reserved_quantity numeric,
        version integer, trail_amount numeric, trail_percent numeric
    )
"""
UPDATE: Final[LiteralString] = """
    UPDATE trading.order SET
        status = %(status)s, status_reason = %(status_reason)s, quantity = %(quantity)s,
        filled_quantity = %(filled_quantity)s, average_fill_price = %(average_fill_price)s,
        parent_id = %(parent_id)s, replaced_by = %(replaced_by)s, reserved_minor = %(reserved_minor)s,
        reserved_quantity = %(reserved_quantity)s, version = %(version)s, updated_at = greatest(updated_at, %(at)s)
    WHERE id = %(id)s
"""
HISTORY: Final[LiteralString] = """
    INSERT INTO trading.order_event (order_id, version, from_status, to_status, reason, fill_id, occurred_at)
    SELECT l.id, l.version, l.from_status, l.status, l.status_reason, l.fill_id, %(at)s
    FROM jsonb_to_recordset(%(lines)s) AS l (
        id uuid, version integer, from_status text, status text, status_reason text, fill_id uuid
    )
"""
RESERVE_UNITS: Final[LiteralString] = """
    UPDATE app.position SET reserved_quantity = reserved_quantity + %(delta)s, version = version + 1
    WHERE portfolio_id = %(portfolio_id)s AND symbol = %(symbol)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What surveillance said of an order, and the hash by which a retry of it is recognised."""

    request_hash: bytes
    score: float | None = None
    is_alert: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """The fill that moved an order, as events tell it. `quantity` in units, `price` in the instrument's currency."""

    id: UUID
    order_id: UUID
    venue_trade_id: str
    quantity: Decimal
    price: Decimal
    gross_minor: int
    fee_minor: int
    transaction_id: UUID
    filled_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """An order as its columns have it."""

    id: UUID
    portfolio_id: UUID
    account_id: UUID
    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    expires_at: datetime | None
    quantity: Decimal
    filled_quantity: Decimal
    average_fill_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    reference_price: Decimal | None
    order_class: str
    leg: str
    parent_id: UUID | None
    oco_group: UUID | None
    replaces: UUID | None
    replaced_by: UUID | None
    status: str
    status_reason: str
    source: str
    currency: str
    reserved_minor: int
    reserved_quantity: Decimal
    lots: list[dict[str, str]] | None
    version: int
    trail_amount: Decimal | None
    trail_percent: Decimal | None


async def family_of(connection: Transaction, order_id: UUID) -> dict[UUID, Order]:
    """The order, its legs and the legs of its group, by id; empty where there is none.

    The caller has locked the account, so that nothing changes between this reading and its writing.
    """
    return {row.id: order_of(row) for row in await rows_of(connection, FAMILY, {"id": order_id}, Row)}


async def insert(connection: Transaction, changes: Sequence[Change], screening: Screening, *, at: datetime) -> None:
    """Write the new orders among the changes, as their last one leaves them: their first version, or their second."""
    new = _new(changes)
    last = {each.after.id: each.after for each in changes if each.after.id in new}
    told = {
        "request_hash": screening.request_hash,
        "score": screening.score,
        "alert": screening.is_alert,
        "reason": screening.reason,
        "at": at,
        "orders": json_of([{**_members(order), "lots": _lots(order)} for order in last.values()]),
    }
    await connection.execute(INSERT, told)


async def record(
    connection: Transaction,
    changes: Sequence[Change],
    *,
    owner_id: UUID,
    clock: Clock,
    execution: Execution | None = None,
    at: datetime | None = None,
) -> None:
    """Write what changed (`at`, or now), with one line of history and one event a change; `reserve` and `insert`, for
    orders that are new among the changes, are apart."""
    at = at or clock.now()
    new = _new(changes)
    moved = [{**_members(each.after), "at": at} for each in changes if each.after.id not in new]
    lines = [_line(each, execution) for each in changes]
    async with together(connection), connection.cursor() as cursor:
        if moved:
            await cursor.executemany(UPDATE, moved)
        await connection.execute(HISTORY, {"lines": json_of(lines), "at": at})
        # Made in one millisecond, ids do not sort by the time they were made; sorted, they keep the changes' order.
        ids = sorted(uuid7(clock) for _ in changes)
        events = [_event(each, event_id, owner_id, at, execution) for each, event_id in zip(changes, ids, strict=True)]
        await outbox.emit(connection, *events)


async def reserve(connection: Transaction, changes: Sequence[Change]) -> None:
    """Move what the orders keep back, by the sum of the changes; all are of one account, symbol and currency.

    Raises IntegrityError (ledger_account_reserved_covered, position_reserved_covered) where it is not there.
    """
    order = changes[0].after
    cash = sum(each.after.reserved_minor - (each.before.reserved_minor if each.before else 0) for each in changes)
    units = sum(
        (_promised(each.after) - (_promised(each.before) if each.before else 0) for each in changes),
        Decimal(0),
    )
    async with together(connection):
        await ledger.reserve_cash(connection, account_id=order.account_id, currency=order.currency, delta_minor=cash)
        if units:
            named = {"portfolio_id": order.portfolio_id, "symbol": order.symbol, "delta": units}
            await connection.execute(RESERVE_UNITS, named)


def _new(changes: Sequence[Change]) -> frozenset[UUID]:
    """Which of the orders are not in the database yet."""
    return frozenset(each.after.id for each in changes if each.before is None)


def _promised(order: Order) -> Decimal:
    """The reserved units with the sign of the position that they belong to: a purchase buys back a short one."""
    return order.reserved_quantity if order.side is Side.SELL else -order.reserved_quantity


def number(value: Decimal | None) -> str | None:
    """A decimal as events write it: digits without exponent."""
    return None if value is None else f"{value.normalize():f}"


def order_of(row: Row) -> Order:
    """The order that a row holds."""
    lots = tuple((UUID(each["lot_id"]), Decimal(each["quantity"])) for each in row.lots or ())
    return Order(
        id=row.id,
        portfolio_id=row.portfolio_id,
        account_id=row.account_id,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=Side(row.side),
        type=OrderType(row.type),
        time_in_force=TimeInForce(row.time_in_force),
        quantity=row.quantity,
        currency=row.currency,
        source=row.source,
        expires_at=row.expires_at,
        filled_quantity=row.filled_quantity,
        average_fill_price=row.average_fill_price,
        limit_price=row.limit_price,
        stop_price=row.stop_price,
        reference_price=row.reference_price,
        order_class=OrderClass(row.order_class),
        leg=Leg(row.leg),
        parent_id=row.parent_id,
        oco_group=row.oco_group,
        replaces=row.replaces,
        replaced_by=row.replaced_by,
        status=Status(row.status),
        status_reason=row.status_reason,
        reserved_minor=row.reserved_minor,
        reserved_quantity=row.reserved_quantity,
        lots=lots,
        version=row.version,
        trail_amount=row.trail_amount,
        trail_percent=row.trail_percent,
    )


def _members(order: Order) -> dict[str, object]:
    return {name: getattr(order, name) for name in Order.__dataclass_fields__}


def _lots(order: Order) -> list[dict[str, str]] | None:
    return [{"lot_id": str(lot), "quantity": f"{quantity:f}"} for lot, quantity in order.lots] or None


def _line(change: Change, execution: Execution | None) -> dict[str, object]:
    after = change.after
    start = after.status if change.before is None else change.before.status
    is_filled = execution is not None and execution.order_id == after.id
    return {
        "id": after.id,
        "version": after.version,
        "from_status": start,
        "status": after.status,
        "status_reason": after.status_reason,
        "fill_id": execution.id if execution is not None and is_filled else None,
    }


def _event(change: Change, event_id: UUID, owner_id: UUID, at: datetime, execution: Execution | None) -> Event:
    after = change.after
    is_move = (
        change.before is None or change.before.status is not after.status or after.status is Status.PARTIALLY_FILLED
    )
    payload = {
        "order_id": str(after.id),
        "client_order_id": after.client_order_id,
        "portfolio_id": str(after.portfolio_id),
        "account_id": str(after.account_id),
        "seq": after.version,
        "status": after.status.value,
        "from_status": None if change.before is None else change.before.status.value,
        "reason": after.status_reason,
        "symbol": after.symbol,
        "side": after.side.value,
        "order_type": after.type.value,
        "quantity": number(after.quantity),
        "filled_quantity": number(after.filled_quantity),
        "leaves_quantity": number(after.leaves),
        "average_fill_price": number(after.average_fill_price),
        "limit_price": number(after.limit_price),
        "stop_price": number(after.stop_price),
        "trail_amount": number(after.trail_amount),
        "trail_percent": number(after.trail_percent),
        "currency": after.currency,
        "leg": after.leg.value,
        "parent_id": None if after.parent_id is None else str(after.parent_id),
        "replaces": None if after.replaces is None else str(after.replaces),
        "replaced_by": None if after.replaced_by is None else str(after.replaced_by),
        "fill": _told(execution, after),
    }
    return Event(
        event_id=event_id,
        topic=TOPIC,
        key=str(after.portfolio_id),
        type=f"order.{after.status.value}" if is_move else "order.amended",
        owner_id=owner_id,
        payload=payload,
        occurred_at=at,
    )


def fill_event(execution: Execution, order: Order, *, owner_id: UUID, clock: Clock) -> Event:
    """The event of the trade itself, beside the order's."""
    return Event(
        event_id=uuid7(clock),
        topic=FILLS,
        key=str(order.portfolio_id),
        type="trade.filled",
        owner_id=owner_id,
        payload={
            **(_told(execution, order) or {}),
            "order_id": str(order.id),
            "portfolio_id": str(order.portfolio_id),
            "account_id": str(order.account_id),
            "symbol": order.symbol,
            "side": order.side.value,
        },
        occurred_at=execution.filled_at,
    )


def _told(execution: Execution | None, order: Order) -> dict[str, object] | None:
    if execution is None or execution.order_id != order.id:
        return None
    return {
        "fill_id": str(execution.id),
        "venue_trade_id": execution.venue_trade_id,
        "transaction_id": str(execution.transaction_id),
        "quantity": number(execution.quantity),
        "price": number(execution.price),
        "gross": f"{from_minor(execution.gross_minor, order.currency):f}",
        "fee": f"{from_minor(execution.fee_minor, order.currency):f}",
        "currency": order.currency,
        "filled_at": execution.filled_at.isoformat(),
    }
