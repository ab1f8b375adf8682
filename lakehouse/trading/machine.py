"""The state machine of an order: `apply(order, event)` is the order at its next version, or a refusal."""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

from lakehouse.trading.order import MOVES, InvalidTransition, Order, Status, TimeInForce, TradingError

PRICE_STEP: Final = Decimal("0.00000001")


class Overfill(TradingError):
    """More units were filled than are left."""

    rule = "overfill"

    def __init__(self, order: Order, quantity: Decimal) -> None:
        super().__init__(f"Order {order.id} has {order.leaves:f} units left: {quantity:f} cannot be filled.")


class AllOrNothing(TradingError):
    """A fill-or-kill order was filled in part."""

    rule = "fill_or_kill"

    def __init__(self, order: Order, quantity: Decimal) -> None:
        super().__init__(f"Order {order.id} takes {order.quantity:f} units at once or none, not {quantity:f}.")


class NothingToReduce(TradingError):
    """A reduction that is not one."""

    rule = "not_a_reduction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """It works from now on, with these reservations; a held leg accepts when its entry is filled."""

    reserved_minor: int = 0
    reserved_quantity: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits for the entry of its bracket."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A rule, or the venue, refuses it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The venue traded `quantity` units (positive) at `price`."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Cancel:
    """Its unfilled part ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Its time in force is over."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Another order takes the place of its unfilled part."""

    by: UUID


@dataclass(frozen=True, slots=True)
class Reduce:
    """Its sibling was filled in part: no more than `leaves` units shall be filled from now on. No move."""

    leaves: Decimal


@dataclass(frozen=True, slots=True)
class Adopt:
    """Its entry was replaced: `parent_id` is the new one. No move."""

    parent_id: UUID


@dataclass(frozen=True, slots=True)
class Keep:
    """A sibling of other prices joined: it keeps back this much, cash (minor units) and units, for both of them. No
    move."""

    reserved_minor: int
    reserved_quantity: Decimal


Amendment = Reduce | Adopt | Keep
Event = Accept | Hold | Reject | Filled | Cancel | Expire | Replace | Amendment

TARGETS: Final = {
    Accept: Status.ACCEPTED,
    Hold: Status.HELD,
    Reject: Status.REJECTED,
    Cancel: Status.CANCELED,
    Expire: Status.EXPIRED,
    Replace: Status.REPLACED,
}


def target(order: Order, event: Event) -> Status:
    """The status that `event` leads to."""
    if isinstance(event, Filled):
        return Status.FILLED if event.quantity == order.leaves else Status.PARTIALLY_FILLED
    if isinstance(event, Amendment):
        return order.status
    return TARGETS[type(event)]


def apply(order: Order, event: Event) -> Order:
    """The order after `event`, one version on.

    Raises InvalidTransition where the table has no such move, and Overfill, AllOrNothing or NothingToReduce where the
    units do not fit. An order that ends reserves nothing.
    """
    if isinstance(event, Amendment):
        return _amended(order, event)
    status = target(order, event)
    if (order.status, status) not in MOVES:
        raise InvalidTransition(order, status)
    moved = replace(order, status=status, status_reason=_reason(event), version=order.version + 1)
    if isinstance(event, Accept):
        return replace(moved, reserved_minor=event.reserved_minor, reserved_quantity=event.reserved_quantity)
    if isinstance(event, Filled):
        return _filled(moved, event)
    by = event.by if isinstance(event, Replace) else None
    return replace(moved, reserved_minor=0, reserved_quantity=Decimal(0), replaced_by=by)


def reserved_for(order: Order, leaves: Decimal) -> tuple[int, Decimal]:
    """What of the order's reservations stays when `leaves` units are left: cash in proportion, rounded up."""
    if order.leaves == 0:
        return 0, Decimal(0)
    minor = (order.reserved_minor * leaves / order.leaves).to_integral_value(ROUND_CEILING)
    return int(minor), min(order.reserved_quantity, leaves)


def _reason(event: Event) -> str:
    return event.reason if isinstance(event, Reject | Cancel) else ""


def _filled(order: Order, event: Filled) -> Order:
    if event.quantity > order.leaves:
        raise Overfill(order, event.quantity)
    if order.time_in_force is TimeInForce.FOK and event.quantity != order.quantity:
        raise AllOrNothing(order, event.quantity)
    filled = order.filled_quantity + event.quantity
    paid = (order.average_fill_price or Decimal(0)) * order.filled_quantity + event.price * event.quantity
    minor, units = reserved_for(order, order.leaves - event.quantity)
    return replace(
        order,
        filled_quantity=filled,
        average_fill_price=(paid / filled).quantize(PRICE_STEP, ROUND_HALF_EVEN),
        reserved_minor=minor,
        reserved_quantity=units,
    )


def _amended(order: Order, event: Amendment) -> Order:
    if not order.is_open:
        raise InvalidTransition(order, order.status)
    if isinstance(event, Adopt):
        return replace(order, parent_id=event.parent_id, version=order.version + 1)
    if isinstance(event, Keep):
        return replace(
            order,
            reserved_minor=event.reserved_minor,
            reserved_quantity=event.reserved_quantity,
            version=order.version + 1,
        )
    if not 0 < event.leaves < order.leaves:
        raise NothingToReduce(f"Order {order.id} has {order.leaves:f} units left, not more than {event.leaves:f}.")
    minor, units = reserved_for(order, event.leaves)
    return replace(
        order,
        quantity=order.filled_quantity + event.leaves,
        reserved_minor=minor,
        reserved_quantity=units,
        version=order.version + 1,
    )
