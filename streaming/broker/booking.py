"""A trade of the broker, booked once: its id at the venue is what the books know it by."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from psycopg import DataError, IntegrityError

from lakehouse.domain.ids import made_at
from lakehouse.stores import broker as store
from lakehouse.stores.books import fills, orders
from lakehouse.trading.broker import Trade
from lakehouse.trading.order import Order
from streaming.broker.floor import Floor

REFUSED: Final = (fills.FillRefused, IntegrityError, DataError)
_JUST_BEFORE: Final = timedelta(microseconds=1)

log = structlog.get_logger(__name__)


async def book(floor: Floor, order_id: UUID, trade: Trade) -> bool:
    """Whether the books have the trade. By which rule they refuse it is kept: it is tried again, and shown until then.

    Fees are what the broker charges apart from its trades; they are booked as such when it tells them.
    """
    try:
        async with floor.connection.transaction():
            _, family = await orders.opened(floor.connection, order_id)
            await store.note(floor.connection, floor.venue, order_id, trade, clock=floor.clock)
            report = fills.Report(
                order_id=order_id,
                venue_trade_id=f"{floor.venue}:{trade.trade_id}",
                quantity=trade.quantity,
                price=trade.price,
                fee_minor=0,
                filled_at=_within(family[order_id], trade.at, floor.clock.now()),
            )
            await fills.fill(floor.connection, report, clock=floor.clock)
    except REFUSED as error:
        rule = fills.rule_of(error)
        floor.metrics.refused.inc()
        log.error("trade_not_booked", order_id=str(order_id), trade_id=trade.trade_id, rule=rule, error=str(error))
        async with floor.connection.transaction():
            await store.note(floor.connection, floor.venue, order_id, trade, rule=rule, clock=floor.clock)
        return False
    floor.metrics.booked.inc()
    return True


def _within(order: Order, at: datetime, now: datetime) -> datetime:
    """When it was traded, by the broker's clock, but after the order was made, before it lapsed, and not ahead: clocks
    differ by seconds, and that it was traded is no question."""
    latest = now if order.expires_at is None else min(now, order.expires_at - _JUST_BEFORE)
    return max(made_at(order.id), min(at, latest))
