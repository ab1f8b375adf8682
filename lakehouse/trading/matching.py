"""When and at which price a working order is filled: the platform's one set of matching rules.

Prices and quantities are either all Decimal (live orders) or all float (backtests): the rules compare, and for trailing
stops subtract and multiply. Moments are integers of one clock of the caller's choice, for example UTC microseconds.

- Nothing older than the order fills it: the bar must have opened, the quote or trade been made, when it was there.
  Nothing from the moment of its end on does either.
- What cannot be a price (zero, negative, NaN, infinite) fills and sets off nothing, nor does a bid above the ask.
- A market order takes the open of a bar or the far side of a quote. A trade between others fills it, at its price and
  with its size, only where nobody has quoted the symbol of late (`Print.is_unquoted`): otherwise it waits for a quote.
- A limit needs trade-through: a price that only touches it fills nothing, since others may stand before it.
- A gap fills at the open: better than the limit, worse than the stop.
- A stop is set off by trades (bars are made of trades), at its price or beyond, never by a quote.
- Within a bar only what surely came later counts: the way between open, high, low and close is not guessed.
- `available` units are all that an event can trade. Orders that share an event share them: the caller subtracts.
"""

from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from lakehouse.trading.order import AT_ONCE, Order, Side, TimeInForce, TradingError

Number = TypeVar("Number", float, Decimal)

_INFINITE = float("inf")


class TrailNotPossible(TradingError):
    """A trailing stop without exactly one positive trail, or a trail without a stop to move."""

    rule = "trail"


class Bar(NamedTuple, Generic[Number]):
    """Trades of one symbol from `start` on: first, highest, lowest and last price a unit; `volume` in units."""

    start: int
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number


class TopOfBook(NamedTuple, Generic[Number]):
    """The best bid and ask at a moment, a unit, and the units that are offered there."""

    at: int
    bid: Number
    ask: Number
    bid_size: Number
    ask_size: Number


class Print(NamedTuple, Generic[Number]):
    """A trade between others; `is_unquoted` where there was no quote of its symbol of late that an order could take."""

    at: int
    price: Number
    size: Number
    is_unquoted: bool = False


class Resting(NamedTuple, Generic[Number]):
    """What matching knows of a working order: without `limit` it takes any price, without `stop` it is awake.

    `leaves` are its unfilled units, `since` the moment from which events may fill it. A trailing stop follows the best
    price since then at `trail_distance` (price) or `trail_fraction` (of that price); its `stop` is where it starts.
    `awake` tells whether the stop was set off: it stays so. `until` is the moment of its end, None for none.
    """

    side: Side
    leaves: Number
    since: int
    limit: Number | None = None
    stop: Number | None = None
    trail_distance: Number | None = None
    trail_fraction: Number | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    awake: bool = False
    until: int | None = None

    @property
    def waits(self) -> bool:
        """Whether its stop has still to be set off."""
        return self.stop is not None and not self.awake

    @property
    def trails(self) -> bool:
        """Whether its stop moves with the price."""
        return self.trail_distance is not None or self.trail_fraction is not None


class Match(NamedTuple, Generic[Number]):
    """What an event did to an order: the order after it, `quantity` units at `price` (None: nothing was filled), and
    whether what is left of the order ends, being good at once or never."""

    order: Resting[Number]
    price: Number | None
    quantity: Number
    ends: bool = False


def resting(order: Order, *, since: int, until: int | None = None, awake: bool = False) -> Resting[Decimal]:
    """The order for matching, from `since` to before `until`; `awake` where its stop has been set off before."""
    return Resting(
        side=order.side,
        leaves=order.leaves,
        since=since,
        limit=order.limit_price,
        stop=order.stop_price,
        trail_distance=order.trail_amount,
        trail_fraction=None if order.trail_percent is None else order.trail_percent / 100,
        time_in_force=order.time_in_force,
        awake=awake,
        until=until,
    )


def checked(order: Resting[Number]) -> Resting[Number]:
    """The same order. Raises TrailNotPossible unless a trail is the only one, positive, and has a stop to move."""
    trails = [trail for trail in (order.trail_distance, order.trail_fraction) if trail is not None]
    if trails and (order.stop is None or len(trails) > 1 or trails[0] <= 0):
        raise TrailNotPossible("A trailing stop has a stop to start from and one positive trail.")
    return order


def match_bar(order: Resting[Number], bar: Bar[Number], available: Number | None = None) -> Match[Number] | None:
    """What the bar does to the order; None where nothing. `available` units at most are filled, None: any number."""
    if not _lives(order.since, order.until, bar.start):
        return None
    if order.time_in_force in AT_ONCE:
        # It lives for the first moment of the bar only.
        bar = Bar(start=bar.start, open=bar.open, high=bar.open, low=bar.open, close=bar.open, volume=bar.volume)
    if order.waits:
        return _set_off_in(order, bar, available)
    return _filled(order, _within(order, bar.open, _best(order.side, bar)), available)


def match_top(order: Resting[Number], top: TopOfBook[Number]) -> Match[Number] | None:
    """What the best bid and ask do to the order: it takes what is offered there at its limit or better. A stop sleeps
    on."""
    if not _lives(order.since, order.until, top.at) or order.waits or _is_impossible(top.bid, top.ask):
        return None
    price, size = (top.ask, top.ask_size) if order.side is Side.BUY else (top.bid, top.bid_size)
    accepted = order.limit is None or not _worse(order.side, price, order.limit)
    return _filled(order, price if accepted else None, size)


def match_print(order: Resting[Number], trade: Print[Number]) -> Match[Number] | None:
    """What a trade between others does: it sets off stops, moves trailing ones, and fills a limit that it went through,
    at the limit, and an order without one where nobody quotes, where one that is good at once ends with it whatever its
    limit. An order that it sets off is filled by what comes after it."""
    if not _lives(order.since, order.until, trade.at) or _is_impossible(trade.price, trade.price):
        return None
    if order.waits:
        if _reached(order.side, trade.price, order.stop):
            return Match(order._replace(awake=True, since=trade.at), None, _none(order))
        moved = _trailed(order, trade.price)
        return None if moved is order else Match(moved, None, _none(order))
    if order.limit is None:
        return _filled(order, trade.price, trade.size) if trade.is_unquoted else None
    if not _better(order.side, trade.price, order.limit):
        is_over = trade.is_unquoted and order.time_in_force in AT_ONCE
        return Match(order, None, _none(order), ends=True) if is_over else None
    return _filled(order, order.limit, trade.size)


def _lives(since: int, until: int | None, at: int) -> bool:
    """Whether an event of the moment `at` may fill an order."""
    return since <= at and (until is None or at < until)


def _is_impossible(bid: Number, ask: Number) -> bool:
    """Whether one of two prices is none, or they are crossed. What is unequal to itself is NaN, which Decimal does not
    compare."""
    return bid != bid or ask != ask or not 0 < bid <= ask < _INFINITE


def _set_off_in(order: Resting[Number], bar: Bar[Number], available: Number | None) -> Match[Number] | None:
    """A bar against a sleeping stop."""
    worst = bar.high if order.side is Side.BUY else bar.low
    if _reached(order.side, worst, order.stop):
        return _after_stop(order, bar, _worst_of(order.side, bar.open, order.stop), available)
    moved = _trailed(order, _best(order.side, bar))
    if moved is order:
        return _filled(order, None, available)
    # The close came after the price that moved the stop, or was that price: if it is beyond, the stop was met.
    if _reached(order.side, bar.close, moved.stop):
        return _after_stop(moved, bar, moved.stop, available)
    return Match(moved, None, _none(order))


def _after_stop(
    order: Resting[Number], bar: Bar[Number], reached: Number | None, available: Number | None
) -> Match[Number]:
    """The stop was set off at `reached`: without a limit that is the price, with one the rest of the bar must allow."""
    awake = order._replace(awake=True)
    price = reached
    if order.limit is not None and reached is not None and not _better(order.side, reached, order.limit):
        # Only the close is known to have come after the stop.
        price = order.limit if _better(order.side, bar.close, order.limit) else None
    found = _filled(awake, price, available)
    return found if found is not None else Match(awake, None, _none(order))


def _within(order: Resting[Number], first: Number, best: Number) -> Number | None:
    """The price at which an awake order is filled between the first and the best price of a bar."""
    if order.limit is None:
        return first
    if not _better(order.side, best, order.limit):
        return None
    return first if _better(order.side, first, order.limit) else order.limit


def _filled(order: Resting[Number], price: Number | None, available: Number | None) -> Match[Number] | None:
    """The order with as many units filled at `price` as are available; immediate orders end with what they got."""
    at_once = order.time_in_force in AT_ONCE
    quantity = order.leaves if available is None or available > order.leaves else available
    short = order.time_in_force is TimeInForce.FOK and quantity < order.leaves
    if price is None or quantity <= 0 or short:
        return Match(order, None, _none(order), ends=True) if at_once else None
    left = order._replace(leaves=order.leaves - quantity)
    return Match(left, price, quantity, ends=at_once and left.leaves > 0)


def _trailed(order: Resting[Number], price: Number) -> Resting[Number]:
    """The order with its stop moved up (a sale) or down (a purchase) behind `price`; the same one where it stays."""
    if order.trail_distance is not None:
        distance = order.trail_distance
    elif order.trail_fraction is not None:
        distance = price * order.trail_fraction
    else:
        return order
    stop = price + distance if order.side is Side.BUY else price - distance
    return order._replace(stop=stop) if order.stop is None or _better(order.side, stop, order.stop) else order


def _best(side: Side, bar: Bar[Number]) -> Number:
    return bar.low if side is Side.BUY else bar.high


def _better(side: Side, price: Number, than: Number) -> bool:
    return price < than if side is Side.BUY else price > than


def _worse(side: Side, price: Number, than: Number) -> bool:
    return price > than if side is Side.BUY else price < than


def _reached(side: Side, price: Number, stop: Number | None) -> bool:
    return stop is not None and (price >= stop if side is Side.BUY else price <= stop)


def _worst_of(side: Side, first: Number, stop: Number | None) -> Number:
    return first if stop is None or _worse(side, first, stop) else stop


def _none(order: Resting[Number]) -> Number:
    return order.leaves - order.leaves
