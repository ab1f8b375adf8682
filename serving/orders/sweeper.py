"""Lets orders lapse whose time is over. Every API process does; the account's lock keeps them apart."""

import structlog

from lakehouse.errors import TidemarkError
from lakehouse.stores.books import orders
from serving.kit.rooms import Platform
from serving.orders.counting import OrderCounts

EVERY_S = 1.0
AT_ONCE = 100

log = structlog.get_logger(__name__)


async def sweep_forever(platform: Platform, counts: OrderCounts) -> None:
    """Sweep until the task is cancelled or the API ends. PostgreSQL gone is logged, and tried again."""
    while not platform.lifecycle.is_draining:
        try:
            swept = await sweep(platform, counts)
        except TidemarkError as error:
            log.warning("orders could not be swept", error=str(error))
            swept = 0
        if swept < AT_ONCE:
            await platform.lifecycle.pause(EVERY_S)


async def sweep(platform: Platform, counts: OrderCounts) -> int:
    """Expire what is due, each order and its family in a transaction of its own; how many have ended.

    An order that cannot end is logged and left for the next sweep: it keeps no other waiting, and counts as none, so
    that a hundred of them do not make the sweeper run without a pause. Raises PostgresUnavailable before the first.
    """
    async with platform.database.transaction() as connection:
        due = await orders.due(connection, now=platform.clock.now(), limit=AT_ONCE)
    ended = 0
    for order_id in due:
        try:
            async with platform.database.transaction() as connection:
                has_lapsed = await orders.expire(connection, order_id, clock=platform.clock)
        except TidemarkError as error:
            log.warning("order could not lapse", order_id=str(order_id), error=str(error))
            continue
        if has_lapsed:  # counted once it is committed
            counts.expired.inc()
            ended += 1
    return ended
