"""Replacing an order: a new one takes the place of its unfilled part, in one transaction, or the old one goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.stores.books import at_broker, order_facts, order_rows, orders
from lakehouse.stores.books.order_policy import DEFAULT, Policy, judged_by, lapse_of
from lakehouse.stores.books.order_rows import Screening
from lakehouse.stores.books.orders import ClientIdTaken, OrderRefused, Scene, Screen
from lakehouse.stores.postgres import Transaction
from lakehouse.trading.checks import Violation, group_need, violation
from lakehouse.trading.family import Change
from lakehouse.trading.lots import slice_of
from lakehouse.trading.machine import Accept, Adopt, Keep, Replace, apply
from lakehouse.trading.observation import MAX_HISTORY
from lakehouse.trading.order import (
    AT_ONCE,
    WITH_LIMIT,
    WITH_STOP,
    InvalidTransition,
    Order,
    OrderClass,
    OrderType,
    Side,
    Status,
    TimeInForce,
)
from lakehouse.trading.ticket import BadForm, start_of_trail


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall be different; None keeps what the order has. `quantity` is what shall still be filled.

    A trail takes the place of the other kind of trail, and starts as that of a new order does. Any other wish lets the
    trail that there is begin anew behind the last price, and never further away than it began.
    """

    client_order_id: str | None = None
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    expires_at: datetime | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None

    @property
    def trails(self) -> bool:
        """Whether the trail shall be another one."""
        return self.trail_amount is not None or self.trail_percent is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which order its owner wants replaced by what. `digest` recognises a retry."""

    order_id: UUID
    owner_id: UUID
    wish: Wish
    digest: bytes


async def replace_order(
    connection: Transaction,
    request: Request,
    *,
    clock: Clock,
    screen: Screen,
    policy: Policy = DEFAULT,
) -> tuple[UUID, bool]:
    """The new order's id, and whether it is new: a retry with the same client_order_id finds it there.

    Raises OrderUnknown, InvalidTransition where the order does not work, BadForm, OrderRefused and ClientIdTaken;
    nothing is written then, and the old order goes on.
    """
    books, family = await orders.opened(connection, request.order_id, owner_id=request.owner_id)
    old = family[request.order_id]
    known = await order_facts.known_by_client(connection, old.portfolio_id, request.wish.client_order_id)
    if known is not None:
        if bytes(known.request_hash) != request.digest:
            raise ClientIdTaken(known.id)
        return known.id, False
    if not old.is_working:
        raise InvalidTransition(old, Status.REPLACED)
    if await at_broker.is_there(connection, old.id):
        raise OrderRefused(Violation(rule="at_a_broker", detail="A broker has the order: cancel it and place it anew."))
    _check_form(old, request.wish)
    siblings = [each for each in family.values() if _is_sibling(each, old)]
    scene = await orders.scene_of(
        connection,
        books,
        old.symbol,
        old.side,
        now=clock.now(),
        besides=[old, *siblings],
        history=MAX_HISTORY,
    )
    new = await _new(old, request.wish, scene, clock)
    scene = replace(scene, facts=await judged_by(policy, scene.facts, scene.market.exchange, [new]))
    legs = [each for each in family.values() if each.parent_id == old.id and each.status is Status.HELD]
    if broken := violation((new, *siblings, *legs), (new, *siblings), scene.facts):
        raise OrderRefused(broken)
    screening = replace(screen(new, scene), request_hash=request.digest)
    await _write(connection, scene, _Swap(old, new, siblings, legs), screening, clock)
    return new.id, True


@dataclass(frozen=True, slots=True)
class _Swap:
    old: Order
    new: Order
    siblings: Sequence[Order]
    legs: Sequence[Order]


async def _write(connection: Transaction, scene: Scene, swap: _Swap, screening: Screening, clock: Clock) -> None:
    changes = [
        Change(None, swap.new),
        Change(swap.old, apply(swap.old, Replace(swap.new.id))),
        *_kept(scene, swap),
        *(Change(leg, apply(leg, Adopt(swap.new.id))) for leg in swap.legs),
    ]
    await order_rows.reserve(connection, changes)
    await order_rows.insert(connection, changes, screening, at=clock.now())
    await order_rows.record(connection, changes, owner_id=scene.books.owner_id, clock=clock)


def _kept(scene: Scene, swap: _Swap) -> list[Change]:
    """The new order goes to work; the member of its group that keeps back for all does so by the new prices."""
    group = [swap.new, *swap.siblings]
    need = group_need(group, scene.facts)
    if orders.holder_of(group) == swap.new.id:
        return [Change(swap.new, apply(swap.new, Accept(reserved_minor=need.minor, reserved_quantity=need.units)))]
    holder = next(each for each in swap.siblings if each.id == orders.holder_of(group))
    joined = Change(swap.new, apply(swap.new, Accept()))
    if (holder.reserved_minor, holder.reserved_quantity) == (need.minor, need.units):
        return [joined]
    return [joined, Change(holder, apply(holder, Keep(need.minor, need.units)))]


def _is_sibling(each: Order, old: Order) -> bool:
    return each.id != old.id and each.is_working and each.oco_group is not None and each.oco_group == old.oco_group


def _check_form(old: Order, wish: Wish) -> None:
    if wish.limit_price is not None and old.type not in WITH_LIMIT:
        raise BadForm("limit_price_without_use", f"An order of type {old.type} has no limit_price.")
    if wish.stop_price is not None and old.type not in WITH_STOP:
        raise BadForm("stop_price_without_use", f"An order of type {old.type} has no stop_price.")
    _check_trail(old, wish)
    in_family = old.order_class is not OrderClass.SIMPLE
    if in_family and wish.quantity not in (None, old.leaves):
        raise BadForm("quantity_of_a_family", "A bracket or oco has one quantity: cancel it and place it anew.")
    if old.lots and wish.quantity not in (None, old.leaves):
        raise BadForm("lots_do_not_add_up", "The order names its lots: cancel it and place it anew.")
    time = wish.time_in_force or old.time_in_force
    if in_family and wish.time_in_force not in (None, old.time_in_force):
        raise BadForm("time_of_a_family", "A bracket or oco ends as one: cancel it and place it anew.")
    if wish.expires_at is not None and time is not TimeInForce.GTD:
        raise BadForm("expiry", "expires_at goes with time_in_force gtd, and only with it.")
    if time is TimeInForce.GTD and wish.expires_at is None and old.time_in_force is not TimeInForce.GTD:
        raise BadForm("expiry", "time_in_force gtd needs an expires_at.")


def _check_trail(old: Order, wish: Wish) -> None:
    if wish.trails and old.type is not OrderType.TRAILING_STOP:
        raise BadForm("trail", f"An order of type {old.type} has neither a trail_amount nor a trail_percent.")
    if wish.trail_amount is not None and wish.trail_percent is not None:
        raise BadForm("trail", "A trailing_stop has a trail_amount or a trail_percent, not both.")


async def _new(old: Order, wish: Wish, scene: Scene, clock: Clock) -> Order:
    new_id = uuid7(clock)
    time = wish.time_in_force or old.time_in_force
    expires_at = old.expires_at
    if wish.time_in_force is not None or wish.expires_at is not None or time in AT_ONCE:
        given = wish.expires_at or old.expires_at
        expires_at = await lapse_of(time, given, scene.market.exchange, scene.facts.now)
    trailing = replace(old, trail_amount=wish.trail_amount, trail_percent=wish.trail_percent) if wish.trails else old
    return replace(
        trailing,
        id=new_id,
        client_order_id=wish.client_order_id or str(new_id),
        time_in_force=time,
        expires_at=expires_at,
        quantity=wish.quantity or old.leaves,
        filled_quantity=Decimal(0),
        average_fill_price=None,
        limit_price=wish.limit_price or old.limit_price,
        stop_price=wish.stop_price or _stop_of(trailing, wish, scene.market.price),
        reference_price=scene.market.price,
        replaces=old.id,
        replaced_by=None,
        status=Status.NEW,
        status_reason="",
        reserved_minor=0,
        reserved_quantity=Decimal(0),
        lots=slice_of(old.lots, start=old.filled_quantity, quantity=old.leaves),
        version=1,
    )


def _stop_of(order: Order, wish: Wish, price: Decimal | None) -> Decimal | None:
    """Where the stop begins, where the wish does not say it: behind the last price, if it trails.

    Raises BadForm where another trail cannot start there; one that is as it was stays where it began then.
    """
    if not wish.trails and (order.type is not OrderType.TRAILING_STOP or price is None):
        return order.stop_price
    try:
        fresh = start_of_trail(order.side, price, amount=order.trail_amount, percent=order.trail_percent)
    except BadForm:
        if wish.trails:
            raise
        return order.stop_price
    if wish.trails or order.stop_price is None:
        return fresh
    return max(order.stop_price, fresh) if order.side is Side.SELL else min(order.stop_price, fresh)
