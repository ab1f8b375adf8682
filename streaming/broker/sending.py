"""Orders to the broker, each at most once: noted before it is sent, and asked for after any doubt."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from lakehouse.stores import broker as store
from lakehouse.stores.books import orders
from lakehouse.stores.broker import Submission
from lakehouse.trading.order import Order
from streaming.broker.floor import Floor
from streaming.broker.port import OrderRejected
from streaming.kit.remote import ProviderError, RateLimited, Refused, Unreached

MOST: Final = 50
SETTLED: Final = timedelta(seconds=30)
"""What the broker does not know so long after it was sent does not arrive any more: no request waits for longer."""
NOT_THERE: Final = (Unreached, RateLimited, Refused)

log = structlog.get_logger(__name__)


async def send_ready(floor: Floor) -> None:
    """Send what waits for it. Raises ProviderError at the first order of which the broker says nothing good."""
    for each in await store.ready(floor.connection, floor.venue, now=floor.clock.now(), limit=MOST):
        await _send(floor, each.id, sends=each.sends)


async def resolve(floor: Floor, submissions: Sequence[Submission]) -> None:
    """Ask the broker for every order that is in doubt. Raises ProviderError.

    One that it does not know is unsent, where the broker itself refuses copies, so that it cannot be there twice;
    elsewhere it stays in doubt until a person settles it.
    """
    for each in submissions:
        found = await floor.broker.order(each.client_id)
        if found is not None:
            await _tell(floor, each.order_id, "open", found.said, broker_id=found.broker_id)
        elif _is_surely_lost(floor, each):
            await _tell(floor, each.order_id, "unsent", "it was lost on its way")
        else:
            await _tell(floor, each.order_id, "in_doubt", "the broker does not know it")


async def end(floor: Floor, order_id: UUID, reason: str) -> None:
    """The broker has done with the order: what is not filled of it ends here too."""
    said = store.text_of(reason)
    async with floor.connection.transaction():
        await orders.opened(floor.connection, order_id)  # everybody locks the account first
        await store.tell(floor.connection, order_id, "ended", said, clock=floor.clock)
        await orders.end(floor.connection, order_id, reason=said, clock=floor.clock)


def _is_surely_lost(floor: Floor, each: Submission) -> bool:
    is_old = floor.clock.now() - each.sent_at >= SETTLED
    return is_old and floor.broker.refuses_copies and floor.broker.remembers(each.sent_at)


async def _send(floor: Floor, order_id: UUID, *, sends: int) -> None:
    order = await _claimed(floor, order_id, sends)
    if order is None:
        return
    floor.metrics.sent.inc()
    try:
        placed = await floor.broker.place(order, floor.broker.client_id(order_id))
    except OrderRejected as error:
        floor.metrics.rejected.inc()
        log.warning("order_rejected", order_id=str(order_id), error=str(error))
        await end(floor, order_id, f"rejected_by_broker: {error}")
    except NOT_THERE as error:
        await _tell(floor, order_id, "unsent", str(error))
        raise
    except ProviderError as error:
        log.warning("order_in_doubt", order_id=str(order_id), error=str(error))
        await _tell(floor, order_id, "in_doubt", str(error))
        raise
    else:
        await _tell(floor, order_id, "open", placed.said, broker_id=placed.broker_id)


async def _claimed(floor: Floor, order_id: UUID, sends: int) -> Order | None:
    """The order, noted as in doubt, committed; None where it is not to be sent any more, or by somebody else."""
    async with floor.connection.transaction():
        _, family = await orders.opened(floor.connection, order_id)
        order = family[order_id]
        if not order.is_working:
            return None
        if rule := floor.broker.refusal(order):
            await orders.end(floor.connection, order_id, reason=f"broker_cannot_{rule}", clock=floor.clock)
            return None
        client_id = floor.broker.client_id(order_id)
        claims = store.claim(floor.connection, order_id, floor.venue, client_id, sends=sends, clock=floor.clock)
        return order if await claims else None


async def _tell(floor: Floor, order_id: UUID, status: str, reason: str, *, broker_id: str = "") -> None:
    await store.tell(floor.connection, order_id, status, reason, broker_id=broker_id, clock=floor.clock)
