"""At its start the desk must stand where PostgreSQL does: what no event explains stops trading until somebody looks."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

from lakehouse.trading.reservation import digits
from streaming.hot.changes import ORDERS, Change, Sight
from streaming.hot.desk_orders import final, read
from streaming.hot.effects import Desk, JsonObject

REMEDY: Final = (
    "no order is filled; marks and alerts go on. Find out why by `python -m streaming.hot verify`, then start it with "
    "--accept-orders: PostgreSQL is right"
)


def contradictions(desk: Desk, sight: Sight) -> list[str]:
    """How the desk differs from the open orders that were read, after both have seen the same events.

    The desk was replayed from the journal, which is written with its fills: versions, units and status must agree.
    """
    standing = desk.orders
    read_orders = {each.id: each for each in (read(plain).order for plain in _orders(sight))}
    found = [
        f"{order_id} is open in PostgreSQL, not at the desk" for order_id in read_orders if order_id not in standing
    ]
    for order_id, each in standing.items():
        own, stored = each.order, read_orders.get(order_id)
        if stored is None:
            found.append(f"{order_id} is open at the desk, not in PostgreSQL")
        elif (own.version, own.status, own.leaves) != (stored.version, stored.status, stored.leaves):
            found.append(
                f"{order_id} is {own.status} with {digits(own.leaves)} units left at version {own.version} at the desk"
                f", {stored.status} with {digits(stored.leaves)} at {stored.version} in PostgreSQL"
            )
    return sorted(found)


def accepted(sight: Sight) -> Change:
    """The change by which the desk takes all open orders as PostgreSQL has them."""
    return {ORDERS: {owner: {key: final(plain) for key, plain in held.items()} for owner, held in _by_owner(sight)}}


def suspended(sight: Sight) -> Change:
    """The change by which all orders leave the desk."""
    return {ORDERS: dict.fromkeys(sight[ORDERS])}


def without_orders(change: Change) -> Change:
    """The change, for a desk that is suspended."""
    return {name: values for name, values in change.items() if name != ORDERS}


def _orders(sight: Sight) -> Iterator[JsonObject]:
    for _, held in _by_owner(sight):
        yield from held.values()


def _by_owner(sight: Sight) -> Iterator[tuple[str, Mapping[str, JsonObject]]]:
    yield from cast("Mapping[str, Mapping[str, JsonObject]]", sight[ORDERS]).items()
