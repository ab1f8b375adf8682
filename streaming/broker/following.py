"""What became of orders that the broker has: trades are booked, ends are ends, wishes to cancel are passed on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from lakehouse.stores import broker as store
from lakehouse.stores.books import orders
from lakehouse.stores.broker import Submission
from lakehouse.trading.broker import AtBroker, State
from streaming.broker.booking import book
from streaming.broker.floor import Floor
from streaming.broker.sending import end, resolve

LATE: Final = timedelta(minutes=10)
"""A broker may tell a trade so long after one that happened later."""
ENDS: Final = {
    State.FILLED: "filled",
    State.CANCELED: "canceled_by_broker",
    State.EXPIRED: "expired_at_broker",
    State.REJECTED: "rejected_by_broker",
}


@dataclass(frozen=True, slots=True)
class Followed:
    """The account's open orders; `are_booked` is False where the books have refused a trade that is new."""

    open_orders: Sequence[AtBroker]
    are_booked: bool


async def follow(floor: Floor) -> Followed:
    """Bring the books to where the broker is. Raises ProviderError."""
    living = await store.living(floor.connection, floor.venue)
    await resolve(floor, [each for each in living if each.status == "in_doubt"])
    living = await _living(floor)
    for each in living:
        if each.status == "unsent" and (each.is_cancel_asked or not each.is_working):
            await end(floor, each.order_id, orders.BY_OWNER)
    open_orders = await floor.broker.open_orders()
    states = await states_of(floor, living, open_orders)
    # Trades after states: those that a state counts are then among them.
    are_booked = await _book_trades(floor, living, states)
    for each in await _living(floor):
        if each.client_id in states:
            await _move(floor, each, states[each.client_id])
    await _living(floor)
    return Followed(open_orders, are_booked)


async def states_of(floor: Floor, living: Sequence[Submission], open_orders: Sequence[AtBroker]) -> dict[str, AtBroker]:
    """How the broker's orders stand, by our name of them; those that it does not know are not there."""
    found = {each.client_id: each for each in open_orders}
    states: dict[str, AtBroker] = {}
    for each in living:
        if each.status != "open":
            continue
        at = found.get(each.client_id) or await floor.broker.order(each.client_id)
        if at is not None:
            states[each.client_id] = at
    return states


async def book_refused(floor: Floor) -> None:
    """Try once more what the books have refused: an account may have been filled up meanwhile."""
    for each in await store.refused(floor.connection, floor.venue):
        await book(floor, each.order_id, each.trade)


async def _book_trades(floor: Floor, living: Sequence[Submission], states: Mapping[str, AtBroker]) -> bool:
    """Book what is new; False where the books refuse some of it.

    Trades that the broker counts and has not told are looked for from the order on; while an order is in doubt its
    trades are nobody's yet, and are read again.
    """
    seen = await store.begin(floor.connection, floor.venue, clock=floor.clock)
    untold = [
        each.sent_at for each in living if each.client_id in states and states[each.client_id].filled > each.traded
    ]
    trades = await floor.broker.trades_since(min([seen, *untold]) - LATE)
    ours = await store.ours(floor.connection, floor.venue, {each.broker_id for each in trades})
    own = [each for each in trades if each.broker_id in ours]
    known = await store.known_trades(floor.connection, floor.venue, [each.trade_id for each in own])
    new = [each for each in own if each.trade_id not in known]
    are_booked = all([await book(floor, ours[each.broker_id], each) for each in new])
    if trades and all(each.status != "in_doubt" for each in living):
        await store.seen(floor.connection, floor.venue, min(max(each.at for each in trades), floor.clock.now()))
    return are_booked


async def _move(floor: Floor, each: Submission, at: AtBroker) -> None:
    if at.state is State.OPEN:
        if each.is_cancel_asked or not each.is_working:
            await floor.broker.cancel(at.broker_id)
    elif at.filled == each.traded == each.booked:
        await end(floor, each.order_id, _reason(each, at))


def _reason(each: Submission, at: AtBroker) -> str:
    if at.state is State.REJECTED:
        return f"{ENDS[at.state]}: {at.said}"
    is_wish = each.is_cancel_asked and at.state is State.CANCELED
    return orders.BY_OWNER if is_wish else ENDS[at.state]


async def _living(floor: Floor) -> list[Submission]:
    living = await store.living(floor.connection, floor.venue)
    floor.metrics.in_doubt.set(sum(each.status == "in_doubt" for each in living))
    floor.metrics.open.set(sum(each.status == "open" for each in living))
    return living
