"""What a client asks for, and the orders that it becomes."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

from lakehouse.trading.machine import PRICE_STEP
from lakehouse.trading.order import (
    AT_ONCE,
    WITH_LIMIT,
    WITH_STOP,
    Leg,
    Order,
    OrderClass,
    OrderType,
    Side,
    TimeInForce,
    TradingError,
)

TRAILS: Final = ("trail_amount", "trail_percent")
SUFFIX: Final = {Leg.TAKE_PROFIT: ":take_profit", Leg.STOP_LOSS: ":stop_loss"}


class BadForm(TradingError):
    """The fields of the order do not go together; `rule` names which."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Prices of a leg that closes what the entry opened; with a trail its stop follows the price from `stop_price`."""

    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None

    @property
    def trails(self) -> bool:
        """Whether its stop moves."""
        return self.trail_amount is not None or self.trail_percent is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The wish of a client, however it was written. `client_order_id` is None where the server shall make one."""

    portfolio_id: UUID
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    source: str
    client_order_id: str | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expires_at: datetime | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: Exit | None = None
    stop_loss: Exit | None = None
    lots: tuple[tuple[UUID, Decimal], ...] = ()
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None

    @property
    def digest(self) -> bytes:
        """Equal for equal wishes: a retry is recognised by it, also one of a wish from before there were trails."""
        return digest_of(asdict(self, dict_factory=without_trails))


def without_trails(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """The fields without trails that are None: wishes from before there were trails have the digests of then."""
    return {name: value for name, value in pairs if value is not None or name not in TRAILS}


def digest_of(fields: Mapping[str, object]) -> bytes:
    """Equal for equal fields, however their numbers were written: 10 and 10.0 are one."""
    text = json.dumps(fields, sort_keys=True, default=_canonical)
    return hashlib.sha256(text.encode()).digest()


def _canonical(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def opposite(side: Side) -> Side:
    """The side that undoes `side`."""
    return Side.SELL if side is Side.BUY else Side.BUY


def check_form(ticket: Ticket) -> None:
    """Raise BadForm where the fields contradict each other, whatever the market and the account say."""
    if ticket.order_class is OrderClass.OCO:
        _check_oco(ticket)
    else:
        _check_prices(ticket)
    if ticket.order_class is OrderClass.SIMPLE and (ticket.take_profit or ticket.stop_loss):
        raise BadForm("legs_without_class", "take_profit and stop_loss belong to an order_class of bracket or oco.")
    if ticket.order_class is not OrderClass.SIMPLE and not (ticket.take_profit and ticket.stop_loss):
        raise BadForm("legs_missing", f"An order of class {ticket.order_class} needs take_profit and stop_loss.")
    if (ticket.time_in_force is TimeInForce.GTD) != (ticket.expires_at is not None):
        raise BadForm("expiry", "expires_at goes with time_in_force gtd, and only with it.")
    if ticket.order_class is not OrderClass.SIMPLE and ticket.time_in_force in AT_ONCE:
        raise BadForm("legs_need_time", "The legs of a bracket or oco wait: take day, gtc or gtd.")
    _check_trails(ticket)
    _check_lots(ticket)


def _check_oco(ticket: Ticket) -> None:
    if ticket.type not in (OrderType.MARKET, OrderType.LIMIT) or ticket.limit_price or ticket.stop_price:
        raise BadForm("oco_has_no_entry", "An oco has no entry: its prices stand in take_profit and stop_loss.")


def _check_trails(ticket: Ticket) -> None:
    trails = (ticket.trail_amount is not None) + (ticket.trail_percent is not None)
    if trails != (ticket.type is OrderType.TRAILING_STOP):
        raise BadForm("trail", "A trailing_stop has a trail_amount or a trail_percent, other orders have neither.")
    leg = ticket.stop_loss
    if leg is not None and leg.trails and (leg.limit_price or (leg.trail_amount and leg.trail_percent)):
        raise BadForm("trail", "A stop_loss that trails has a trail_amount or a trail_percent, and no limit_price.")


def _check_prices(ticket: Ticket) -> None:
    for name, price, types in (
        ("limit_price", ticket.limit_price, WITH_LIMIT),
        ("stop_price", ticket.stop_price, WITH_STOP),
    ):
        is_needed = ticket.type in types and ticket.type is not OrderType.TRAILING_STOP
        if is_needed and price is None:
            raise BadForm(f"{name}_missing", f"An order of type {ticket.type} needs a {name}.")
        if ticket.type not in types and price is not None:
            raise BadForm(f"{name}_without_use", f"An order of type {ticket.type} has no {name}.")


def _check_lots(ticket: Ticket) -> None:
    if not ticket.lots:
        return
    if ticket.side is not Side.SELL or ticket.order_class is not OrderClass.SIMPLE:
        raise BadForm("lots_without_sale", "Only a simple sale names the lots that it closes.")
    if sum(quantity for _, quantity in ticket.lots) != ticket.quantity:
        raise BadForm("lots_do_not_add_up", "The quantities of the lots must add up to the order's quantity.")
    if len({lot for lot, _ in ticket.lots}) != len(ticket.lots):
        raise BadForm("duplicate_lots", "A lot may be named once.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What the orders of a ticket get besides the client's wish: one id an order, expiry and the price seen."""

    ids: tuple[UUID, ...]
    account_id: UUID
    currency: str
    expires_at: datetime | None
    reference_price: Decimal | None


def orders_of(ticket: Ticket, making: Making) -> tuple[Order, ...]:
    """The orders, all new: one, an entry and its two legs, or two legs. The first is the one that the client names.
    Raises BadForm where a trailing stop has nothing to start from.

    `making.ids` has as many ids as `count_of(ticket)` says. Call `check_form` before.
    """
    legs = tuple((leg, prices) for leg, prices in _legs(ticket))
    if ticket.order_class is OrderClass.SIMPLE:
        return (_entry(ticket, making),)
    if ticket.order_class is OrderClass.OCO:
        return tuple(
            _leg(ticket, making, place=place, leg=leg, prices=prices) for place, (leg, prices) in enumerate(legs)
        )
    exits = (_leg(ticket, making, place=1 + place, leg=leg, prices=prices) for place, (leg, prices) in enumerate(legs))
    return (_entry(ticket, making), *exits)


def at_once(orders: Sequence[Order]) -> tuple[Order, ...]:
    """Those of a ticket's orders that work as soon as they are accepted: the legs of a bracket wait."""
    return tuple(order for order in orders if order.parent_id is None)


def count_of(ticket: Ticket) -> int:
    """How many orders the ticket becomes."""
    return {OrderClass.SIMPLE: 1, OrderClass.OCO: 2, OrderClass.BRACKET: 3}[ticket.order_class]


def _legs(ticket: Ticket) -> tuple[tuple[Leg, Exit], ...]:
    pairs = ((Leg.TAKE_PROFIT, ticket.take_profit), (Leg.STOP_LOSS, ticket.stop_loss))
    return tuple((leg, prices) for leg, prices in pairs if prices is not None)


def _entry(ticket: Ticket, making: Making) -> Order:
    return Order(
        id=making.ids[0],
        portfolio_id=ticket.portfolio_id,
        account_id=making.account_id,
        client_order_id=ticket.client_order_id or str(making.ids[0]),
        symbol=ticket.symbol,
        side=ticket.side,
        type=ticket.type,
        time_in_force=ticket.time_in_force,
        quantity=ticket.quantity,
        currency=making.currency,
        source=ticket.source,
        expires_at=making.expires_at,
        limit_price=ticket.limit_price,
        stop_price=_start(ticket, making.reference_price),
        reference_price=making.reference_price,
        order_class=ticket.order_class,
        lots=ticket.lots,
        trail_amount=ticket.trail_amount,
        trail_percent=ticket.trail_percent,
    )


def _start(ticket: Ticket, price: Decimal | None) -> Decimal | None:
    """Where the stop begins: of one that trails, as far from the last price as it trails, where it is not said."""
    if ticket.stop_price is not None or ticket.type is not OrderType.TRAILING_STOP:
        return ticket.stop_price
    return start_of_trail(ticket.side, price, amount=ticket.trail_amount, percent=ticket.trail_percent)


def start_of_trail(side: Side, price: Decimal | None, *, amount: Decimal | None, percent: Decimal | None) -> Decimal:
    """The stop that is as far from the last price as it trails. Raises BadForm where there is none."""
    if price is None:
        raise BadForm("no_price", "No price of the instrument is known: give the stop_price where the trail starts.")
    distance = amount or price * (percent or 0) / 100
    stop = price + distance if side is Side.BUY else price - distance
    if stop <= 0:
        raise BadForm("trail", "The trail is longer than the last price.")
    return stop.quantize(PRICE_STEP, ROUND_HALF_EVEN)


def _leg(ticket: Ticket, making: Making, *, place: int, leg: Leg, prices: Exit) -> Order:
    bracket = ticket.order_class is OrderClass.BRACKET
    name = ticket.client_order_id or str(making.ids[0])
    stop = OrderType.STOP if prices.limit_price is None else OrderType.STOP_LIMIT
    stop = OrderType.TRAILING_STOP if prices.trails else stop
    return Order(
        id=making.ids[place],
        portfolio_id=ticket.portfolio_id,
        account_id=making.account_id,
        client_order_id=name if place == 0 else name + SUFFIX[leg],
        symbol=ticket.symbol,
        side=opposite(ticket.side) if bracket else ticket.side,
        type=OrderType.TAKE_PROFIT if leg is Leg.TAKE_PROFIT else stop,
        time_in_force=ticket.time_in_force,
        quantity=ticket.quantity,
        currency=making.currency,
        source=ticket.source,
        expires_at=making.expires_at,
        limit_price=prices.limit_price,
        stop_price=prices.stop_price,
        trail_amount=prices.trail_amount,
        trail_percent=prices.trail_percent,
        reference_price=making.reference_price,
        order_class=ticket.order_class,
        leg=leg,
        parent_id=making.ids[0] if bracket else None,
        oco_group=making.ids[0],
    )
