"""Lets orders lapse whose time is over. Every API process does; the account's lock keeps them apart."""

from collections.abc import Sequence

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
            await sweep(platform, counts)
        except TidemarkError as error:
            log.warning("orders could not be swept", error=str(error))
        await platform.lifecycle.pause(EVERY_S)


async def sweep(platform: Platform, counts: OrderCounts) -> int:
    """Expire all that is due, each order and its family in a transaction of its own; how many have ended.

    Due orders are read AT_ONCE at a time, from the last one read on: one that cannot end is logged and left for the
    next sweep, and keeps no other waiting, however many there are. Ends early where the API does. Raises
    PostgresUnavailable.
    """
    now, ended, after = platform.clock.now(), 0, orders.FIRST_DUE
    while not platform.lifecycle.is_draining:
        async with platform.database.transaction() as connection:
            due = await orders.due(connection, now=now, after=after, limit=AT_ONCE)
        ended += await _end(platform, counts, due)
        if len(due) < AT_ONCE:
            break
        after = due[-1]
    return ended


async def _end(platform: Platform, counts: OrderCounts, due: Sequence[orders.Due]) -> int:
    ended = 0
    for order_id in (each.id for each in due):
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
