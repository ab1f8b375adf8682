"""Pre-trade checks: named rules over what is known when an order is placed. A rule that cannot be judged refuses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from lakehouse.trading.order import AT_ONCE, Leg, Order, OrderType, Side
from lakehouse.trading.reservation import (
    MARKET_BUFFER,
    SHORT_COLLATERAL,
    cash_needed,
    cover_needed,
    digits,
    margin_needed,
    notional,
    written,
)

MAX_QUANTITY: Final = Decimal(1_000_000_000)
MAX_NOTIONAL: Final = Decimal(1_000_000_000)
# A limit or stop this many times above or below the last price is taken for a slip of the finger.
SANE_FACTOR: Final = Decimal(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """A working order of the same portfolio and symbol; `price` is its limit, None at market."""

    id: UUID
    side: Side
    price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far orders may go. A limit price may be `price_collar` of the last price worse than that one; None: no
    matter. Notionals are in the instrument's currency; a position's counts what is held and the order."""

    price_collar: Decimal | None = None
    order_notional: Decimal = MAX_NOTIONAL
    position_notional: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known, under the account's lock, when an order is placed.

    `cash_minor` is what is free: held less reserved. `held` is the position, negative where it is short; `units` are
    those of it that an order of this side may still close: sell of a long one, buy back of a short one. Buying back
    frees at least `freed_a_unit` minor units of collateral a unit. `price` is the last one seen, in the instrument's
    currency a unit, made at `price_at`; `price_age` is how long its exchange has been open since then, None where that
    was not asked, and a market order may be judged by one of `max_price_age`. `halted` says why trading is stopped,
    None where it is not; `is_open` whether the exchange trades now, None where that was not asked.
    """

    now: datetime
    account_status: str
    allows_short: bool
    instrument_status: str
    multiplier: Decimal
    price: Decimal | None
    cash_minor: int
    units: Decimal
    held: Decimal = Decimal(0)
    freed_a_unit: Decimal = Decimal(0)
    working: tuple[Working, ...] = ()
    price_at: datetime | None = None
    price_age: timedelta | None = None
    max_price_age: timedelta = timedelta()
    halted: str | None = None
    is_open: bool | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A refusal: the rule's name, what to do, the limit that was met, and the order in the way where there is one."""

    rule: str
    detail: str
    limit: str | None = None
    conflicting_order_id: UUID | None = None


Rule = Callable[[Order, Facts], Violation | None]


def violation(orders: Sequence[Order], at_once: Sequence[Order], facts: Facts) -> Violation | None:
    """The first rule that the orders of one wish break, or None. The first order is the client's.

    `at_once` are those of them that would work now and of which only one can be filled: the account must be able to
    pay, or deliver, the dearest.
    """
    for rule in RULES:
        for order in orders:
            if found := rule(order, facts):
                return found
    return _legs(orders, facts) or funds(at_once, facts)


def _account(order: Order, facts: Facts) -> Violation | None:
    if facts.account_status == "open":
        return None
    return Violation(rule="account_closed", detail="The portfolio's account is closed: open it, or use another one.")


def _halted(order: Order, facts: Facts) -> Violation | None:
    if facts.halted is None:
        return None
    return Violation(
        rule="trading_halted",
        detail=f"Trading is stopped: {facts.halted}. Open orders may be canceled; new ones wait until it goes on.",
    )


def _market_open(order: Order, facts: Facts) -> Violation | None:
    """What is good at once has to meet a quote within seconds."""
    if order.time_in_force not in AT_ONCE or facts.is_open is not False:
        return None
    return Violation(
        rule="market_closed",
        detail=f"The exchange of {order.symbol} is closed, and the order is good at once: take day, gtc or gtd.",
    )


def _instrument(order: Order, facts: Facts) -> Violation | None:
    if facts.instrument_status == "active":
        return None
    return Violation(
        rule=f"instrument_{facts.instrument_status}",
        detail=f"{order.symbol} is {facts.instrument_status}: only active instruments are traded.",
    )


def _price_known(order: Order, facts: Facts) -> Violation | None:
    if order.type is not OrderType.MARKET or facts.price is not None:
        return None
    return Violation(rule="no_price", detail=f"No price of {order.symbol} is known: place a limit order.")


def _price_fresh(order: Order, facts: Facts) -> Violation | None:
    """A market order takes whatever price there is, so what was seen of it must be new. Age counts while the exchange
    is open: over a weekend the last close is as new as it gets."""
    if order.type is not OrderType.MARKET:
        return None
    if facts.price_age is not None and facts.price_age <= facts.max_price_age:
        return None
    age = "of unknown age" if facts.price_age is None else f"{_duration(facts.price_age)} old"
    made = "" if facts.price_at is None else f", made at {facts.price_at:%Y-%m-%dT%H:%M:%SZ}"
    return Violation(
        rule="price_stale",
        detail=f"The last price of {order.symbol}{made}, is {age}, counted while its exchange was open; a market order "
        f"needs one of at most {_duration(facts.max_price_age)}: place a limit order, or wait for a new price.",
        limit=_duration(facts.max_price_age),
    )


def _duration(time: timedelta) -> str:
    seconds = time.total_seconds()
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _quantity(order: Order, facts: Facts) -> Violation | None:
    if 0 < order.quantity <= MAX_QUANTITY:
        return None
    return Violation(
        rule="quantity_bounds", detail=f"At most {digits(MAX_QUANTITY)} units an order.", limit=digits(MAX_QUANTITY)
    )


def _notional(order: Order, facts: Facts) -> Violation | None:
    amount, most = notional(order, facts.multiplier), facts.limits.order_notional
    if amount is None or amount <= most:
        return None
    return Violation(
        rule="notional_bounds",
        detail=f"The order is worth {digits(amount)} {order.currency}: at most {digits(most)} an order.",
        limit=digits(most),
    )


def _position(order: Order, facts: Facts) -> Violation | None:
    """What is held after the order, at the order's own price; what makes a position smaller is never too much."""
    amount, most = notional(order, facts.multiplier), facts.limits.position_notional
    if amount is None or most is None or order.parent_id is not None:
        return None
    change = order.leaves if order.side is Side.BUY else -order.leaves
    after = abs(facts.held + change)
    worth = amount / order.quantity * after
    if after <= abs(facts.held) or worth <= most:
        return None
    return Violation(
        rule="position_bounds",
        detail=f"The position would be worth {digits(worth)} {order.currency}: at most {digits(most)} a position.",
        limit=digits(most),
    )


def _collar(order: Order, facts: Facts) -> Violation | None:
    """A limit far on the wrong side of the price would be filled there by a thin book. One that waits for its stop is
    measured from the stop."""
    basis, collar = order.stop_price or facts.price, facts.limits.price_collar
    if order.limit_price is None or basis is None or collar is None:
        return None
    buys = order.side is Side.BUY
    bound = basis * (1 + collar if buys else 1 - collar)
    if order.limit_price <= bound if buys else order.limit_price >= bound:
        return None
    return Violation(
        rule="price_collar",
        detail=f"limit_price {digits(order.limit_price)} is more than {collar:.0%} worse than {digits(basis)}: at "
        f"{'most' if buys else 'least'} {digits(bound)}.",
        limit=digits(bound),
    )


def _sane_price(order: Order, facts: Facts) -> Violation | None:
    if facts.price is None:
        return None
    for name, price in (("limit_price", order.limit_price), ("stop_price", order.stop_price)):
        if price is not None and not facts.price / SANE_FACTOR <= price <= facts.price * SANE_FACTOR:
            return Violation(
                rule="price_sanity",
                detail=f"{name} {digits(price)} is more than {SANE_FACTOR} times away from the last price.",
                limit=digits(facts.price),
            )
    return None


def _stop_side(order: Order, facts: Facts) -> Violation | None:
    """An entry's stop must still be ahead of the price, or it would go off at once; legs are judged by their entry."""
    if facts.price is None or order.stop_price is None or order.parent_id is not None:
        return None
    ahead = order.stop_price > facts.price if order.side is Side.BUY else order.stop_price < facts.price
    if ahead:
        return None
    where = "above" if order.side is Side.BUY else "below"
    return Violation(
        rule="stop_side",
        detail=f"The stop of a {order.side} order lies {where} the last price.",
        limit=digits(facts.price),
    )


def _alive(order: Order, facts: Facts) -> Violation | None:
    if order.expires_at is None or order.expires_at > facts.now:
        return None
    return Violation(rule="expired", detail="expires_at has passed.", limit=order.expires_at.isoformat())


def _wash(order: Order, facts: Facts) -> Violation | None:
    """No order may trade against one of the same portfolio. Stops sleep and are not judged."""
    mine = _acceptable(order, facts)
    if mine is None or order.parent_id is not None:
        return None
    for other in facts.working:
        if other.side is order.side:
            continue
        theirs = other.price if other.price is not None else facts.price
        if theirs is not None and (mine >= theirs if order.side is Side.BUY else mine <= theirs):
            return Violation(
                rule="wash_trade",
                detail=f"It would trade against your own open order {other.id}: cancel that one, or change the price.",
                limit=digits(theirs),
                conflicting_order_id=other.id,
            )
    return None


def _acceptable(order: Order, facts: Facts) -> Decimal | None:
    if order.stop_price is not None:
        return None
    if order.limit_price is not None or facts.price is None:
        return order.limit_price
    return facts.price * MARKET_BUFFER if order.side is Side.BUY else facts.price / MARKET_BUFFER


RULES: Final[tuple[Rule, ...]] = (
    _halted,
    _account,
    _instrument,
    _market_open,
    _price_known,
    _price_fresh,
    _quantity,
    _notional,
    _position,
    _sane_price,
    _collar,
    _alive,
    _stop_side,
    _wash,
)


def _legs(orders: Sequence[Order], facts: Facts) -> Violation | None:
    """Seen from a sale, stop loss < entry < take profit; from a purchase the other way round."""
    legs = {order.leg: order for order in orders}
    profit, loss = legs.get(Leg.TAKE_PROFIT), legs.get(Leg.STOP_LOSS)
    if profit is None or loss is None:
        return None
    gain, stop = profit.limit_price, loss.stop_price
    if gain is None or stop is None:
        return Violation(rule="bracket_prices", detail="take_profit has a limit_price, stop_loss a stop_price.")
    if gain == stop:
        return Violation(rule="duplicate_legs", detail="Both legs have the same price.", limit=digits(gain))
    sign = 1 if profit.side is Side.SELL else -1
    entry = legs.get(Leg.ENTRY)
    middle = (entry.limit_price or entry.stop_price or facts.price) if entry is not None else facts.price
    ladder = [price * sign for price in (stop, middle, gain) if price is not None]
    if ladder == sorted(set(ladder)):
        return None
    return Violation(
        rule="bracket_prices",
        detail="The entry, or last price, must lie between stop_loss and take_profit, and a gain be a gain.",
        limit=None if middle is None else digits(middle),
    )


@dataclass(frozen=True, slots=True)
class Need:
    """What orders of which only one can be filled keep back: cash in minor units, and units of the position."""

    minor: int
    units: Decimal


def group_need(orders: Sequence[Order], facts: Facts) -> Need:
    """What the dearest of orders of which only one can be filled needs."""
    needs = [_need(order, facts) for order in orders]
    return Need(max((need.minor for need in needs), default=0), max((need.units for need in needs), default=Decimal(0)))


def _need(order: Order, facts: Facts) -> Need:
    """An order closes what is held, or what is sold short, or opens; never both, so that it keeps back one thing."""
    if order.side is Side.SELL:
        if _opens_short(facts):
            return Need(margin_needed(order, facts.multiplier), Decimal(0))
        return Need(0, order.leaves)
    if facts.held < 0:
        return Need(cover_needed(order, facts.multiplier, facts.freed_a_unit), order.leaves)
    return Need(cash_needed(order, facts.multiplier), Decimal(0))


def _opens_short(facts: Facts) -> bool:
    return facts.allows_short and facts.held <= 0


def funds(orders: Sequence[Order], facts: Facts) -> Violation | None:
    """Whether the account can pay, or deliver, the dearest of `orders`, of which only one can be filled."""
    need = group_need(orders, facts)
    if need.minor > facts.cash_minor:
        return _unpaid(orders[0], need, facts)
    if need.units > 0 and need.units > facts.units:
        return _undelivered(orders[0], facts)
    return None


def _unpaid(first: Order, need: Need, facts: Facts) -> Violation:
    free = written(facts.cash_minor, first.currency)
    amount = written(need.minor, first.currency)
    if first.side is Side.SELL:
        return Violation(
            rule="short_collateral",
            detail=f"A short sale keeps back {SHORT_COLLATERAL:.0%} of its worth: what it brings, and {amount} more; "
            f"{free} is free: deposit, or sell less.",
            limit=free,
        )
    return Violation(
        rule="buying_power", detail=f"It may cost {amount}, and {free} is free: deposit, or order less.", limit=free
    )


def _undelivered(first: Order, facts: Facts) -> Violation:
    free = max(facts.units, Decimal(0))
    limit = digits(free)
    if first.side is Side.BUY:
        detail = f"{limit} units of the {digits(-facts.held)} {first.symbol} sold short are free to buy back: "
        order = "buy no more, or cancel another order; to buy beyond it, buy back first."
        return Violation(rule="short_cover", detail=detail + order, limit=limit)
    if free == 0 and not facts.allows_short:
        return Violation(
            rule="short_not_allowed",
            detail=f"No unit of {first.symbol} is free to sell, and the account may not sell short.",
            limit="0",
        )
    more = " To sell short, sell first what is held." if facts.allows_short else ""
    return Violation(
        rule="holdings",
        detail=f"{limit} units of {first.symbol} are free to sell: sell less, or cancel another order.{more}",
        limit=limit,
    )
