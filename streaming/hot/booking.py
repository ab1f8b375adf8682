"""What the desk dealt, booked: fills and ends of a batch in the caller's transaction; and the orders that it deals."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from psycopg import DataError, IntegrityError

from lakehouse.clock import Clock
from lakehouse.stores.books import fills, open_orders as store, orders
from lakehouse.stores.postgres import Transaction
from streaming.hot.desk_orders import plain_of
from streaming.hot.effects import Dealt, Ended, Fill, JsonObject

REFUSED: Final = (fills.FillRefused, orders.OrderUnknown, IntegrityError, DataError)
# Refusals that tell of another state of the order than the desk knew: it learns that state, and deals on.
OF_ITS_STATE: Final = frozenset(
    {
        "not_possible_in_this_status",
        "overfill",
        "fill_or_kill",
        "expired",
        "in_the_future",
        "before_the_order",
        "venue_trade_id_reused",
    }
)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """A fill or an end, by the order that it is of."""

    order_id: UUID
    do: Callable[[Transaction], Awaitable[object]]


async def book(connection: Transaction, dealt: Dealt, *, clock: Clock) -> tuple[JsonObject, ...]:
    """Book the fills and ends within the caller's transaction; what was booked before changes nothing.

    The lock of an order's account decides between a fill and a change by its owner. An order whose fill the books
    refuse, as where its account cannot pay, ends by that rule, unless it has ended or stands otherwise than the desk
    knew. It and its relatives are in what is returned, as PostgreSQL has them, for the desk.

    Raises psycopg.OperationalError, also where another transaction was faster.
    """
    if not dealt:
        return ()
    works = [_Work(each.order_id, partial(_fill, each, clock)) for each in dealt.fills]
    works += [_Work(each.order_id, partial(_end, each, clock)) for each in dealt.ended]
    await store.lock_accounts(connection, dealt.portfolios)
    try:
        async with connection.transaction():
            for work in works:
                await work.do(connection)
    except REFUSED:
        return await _one_by_one(connection, works, clock)
    return ()


async def open_orders(connection: Transaction, portfolios: Sequence[UUID] | None) -> list[JsonObject]:
    """The open orders of these portfolios, or of all, as the desk reads them."""
    return [plain_of(each) for each in await store.open_orders(connection, portfolios)]


async def _one_by_one(connection: Transaction, works: Sequence[_Work], clock: Clock) -> tuple[JsonObject, ...]:
    refused: dict[UUID, str] = {}
    for work in works:
        if work.order_id in refused:
            continue
        try:
            async with connection.transaction():
                await work.do(connection)
        except REFUSED as error:
            refused[work.order_id] = rule = _rule(error)
            log.warning("fill refused", order_id=str(work.order_id), rule=rule, error=str(error))
            if rule not in OF_ITS_STATE and not isinstance(error, orders.OrderUnknown):
                await orders.end(connection, work.order_id, reason=rule, clock=clock)
    return tuple(plain_of(each, is_final=True) for each in await store.families_of(connection, list(refused)))


async def _fill(fill: Fill, clock: Clock, connection: Transaction) -> None:
    report = fills.Report(
        order_id=fill.order_id,
        venue_trade_id=fill.venue_trade_id,
        quantity=fill.quantity,
        price=fill.price,
        fee_minor=fill.fee_minor,
        filled_at=EPOCH + timedelta(microseconds=fill.at_us),
    )
    await fills.fill(connection, report, clock=clock)


async def _end(ended: Ended, clock: Clock, connection: Transaction) -> None:
    await orders.end(connection, ended.order_id, reason=ended.reason, clock=clock)


def _rule(error: fills.FillRefused | orders.OrderUnknown | IntegrityError | DataError) -> str:
    return "order_unknown" if isinstance(error, orders.OrderUnknown) else fills.rule_of(error)
