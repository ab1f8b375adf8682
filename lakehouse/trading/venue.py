"""A simulated venue: the orders of one symbol meet one event of its market. Pure; matching.py has the rules.

- Orders that share an event share what it offers, a side each: stops that a bar may set off first, because the worse of
  two possible stories is told; then orders at any price, then the better limit, then the older order.
- A fill cancels or reduces its siblings at once, so that one event never fills both legs; it sets the legs of a bracket
  to work, which meet the next event.
- An order without a limit suffers slippage. One that is good at once ends with its first quote, the open of a bar, or,
  where nobody quotes, its first trade.
- Where nobody has quoted a symbol for `Terms.quote_age_us`, orders without a limit are filled by trades: at the first
  one since they are there, with slippage on its price. Whoever hands in trades says which are such ones.
- The venue knows no hours: events outside a session (`sessions.in_session`) are not handed in.
- Orders of a halted portfolio stand still: no event fills them, sets off their stops or moves a trail. Only one that is
  good at once ends, as it does where nothing is offered: it was not meant for when trading goes on.
"""

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final
from uuid import UUID

from lakehouse.trading.costs import Fees, Slippage
from lakehouse.trading.family import Change, cascade
from lakehouse.trading.machine import Accept, Cancel, Event, Filled, apply
from lakehouse.trading.matching import Bar, Match, Print, Resting, TopOfBook, match_bar, match_print, match_top, resting
from lakehouse.trading.order import AT_ONCE, Order, Side

AT_ONCE_ENDED = "immediate_or_cancel"

EVERYBODY: Final = "everybody"
"""Named as halted, instead of a portfolio: all are."""

MarketEvent = TopOfBook[Decimal] | Print[Decimal] | Bar[Decimal]


class _All(Container[UUID]):
    """Every portfolio."""

    def __contains__(self, _: object) -> bool:
        return True


def halted_of(names: Collection[str]) -> Container[UUID]:
    """The portfolios that the names, ids or EVERYBODY, stop."""
    return _All() if EVERYBODY in names else frozenset(map(UUID, names))


@dataclass(frozen=True, slots=True)
class Standing:
    """An open order at the venue, a held one too; `amount` is what its fills came to, price times units."""

    order: Order
    resting: Resting[Decimal]
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order as the books have it, and what a venue has to know besides: `amount` as in Standing, and `since_us`,
    the moment from which it may be filled."""

    order: Order
    exchange: str
    multiplier: Decimal
    amount: Decimal
    since_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the venue charges, the share of a bar's volume that orders can have, and after how long without a quote, in
    microseconds, a trade fills orders without a limit; None: never."""

    slippage: Slippage = field(default_factory=Slippage)
    fees: Fees = field(default_factory=Fees)
    volume_share: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    quote_age_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A fill: `quantity` units, positive, at `price` at the event's moment; `fee_minor` in the order's currency."""

    order_id: UUID
    quantity: Decimal
    price: Decimal
    at: int
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Met:
    """What an event did: fills in their order, every change of an order, and the orders that stand after it."""

    reports: tuple[Report, ...]
    changes: tuple[Change, ...]
    standing: tuple[Standing, ...]


def stand(order: Order, *, since: int, until: int | None = None) -> Standing:
    """A new order at the venue, from `since` to before `until`."""
    return Standing(order, resting(order, since=since, until=until))


def may_move(standing: Standing, halted: Container[UUID]) -> bool:
    """Whether an event may do anything to the order while trading is stopped for the `halted` portfolios."""
    order = standing.order
    if not order.is_working:
        return False
    return order.portfolio_id not in halted or (order.time_in_force in AT_ONCE and not standing.resting.waits)


def meet(standing: Sequence[Standing], event: MarketEvent, terms: Terms, halted: Container[UUID] = frozenset()) -> Met:
    """What `event` does to the orders of its symbol; to those of the `halted` portfolios it offers nothing."""
    meeting = _Meeting(standing, event, terms, halted)
    # Legs that a fill sets to work are not among them: they meet what comes after.
    for each in sorted((each for each in standing if may_move(each, halted)), key=_priority):
        meeting.take(each.order.id)
    return Met(tuple(meeting.reports), tuple(meeting.changes), tuple(meeting.open.values()))


def _priority(each: Standing) -> tuple[bool, bool, Decimal, int, UUID]:
    limit = each.resting.limit
    sign = -1 if each.order.side is Side.BUY else 1
    keenness = Decimal(0) if limit is None else sign * limit
    return not each.resting.waits, limit is not None, keenness, each.resting.since, each.order.id


class _Meeting:
    """One event, and what is left of what it offers to either side."""

    def __init__(self, standing: Sequence[Standing], event: MarketEvent, terms: Terms, halted: Container[UUID]) -> None:
        self.open = {each.order.id: each for each in standing}
        self.reports: list[Report] = []
        self.changes: list[Change] = []
        self._event, self._terms, self._halted = event, terms, halted
        self._offered = {side: _offered(event, side, terms) for side in Side}
        self._left = dict(self._offered)

    def take(self, order_id: UUID) -> None:
        """Match one order, if it still works."""
        standing = self.open.get(order_id)
        if standing is None or not standing.order.is_working:
            return
        match = self._matched(standing)
        if match is None:
            return
        self.open[order_id] = replace(standing, resting=match.order)
        if match.price is not None:
            self._fill(standing, match.price, match.quantity)
        if match.ends:
            self._change(self.open[order_id].order, Cancel(AT_ONCE_ENDED))

    def _matched(self, standing: Standing) -> Match[Decimal] | None:
        event = self._event
        left = Decimal(0) if standing.order.portfolio_id in self._halted else self._left[standing.order.side]
        if isinstance(event, Bar):
            return match_bar(standing.resting, event, left)
        if isinstance(event, Print):
            return match_print(standing.resting, event._replace(size=left))
        buys = standing.order.side is Side.BUY
        return match_top(standing.resting, event._replace(ask_size=left) if buys else event._replace(bid_size=left))

    def _fill(self, standing: Standing, price: Decimal, quantity: Decimal) -> None:
        order, terms = standing.order, self._terms
        self._left[order.side] -= quantity
        if standing.resting.limit is None:
            price = terms.slippage.price(order.side, price, quantity, self._offered[order.side])
        amount = standing.amount + quantity * price * terms.multiplier
        filled = order.filled_quantity
        charged = terms.fees.of(filled, standing.amount, order.currency)
        fee = terms.fees.of(filled + quantity, amount, order.currency) - charged
        report = Report(order_id=order.id, quantity=quantity, price=price, at=_moment(self._event), fee_minor=fee)
        self.reports.append(report)
        self.open[order.id] = replace(self.open[order.id], amount=amount)
        self._change(order, Filled(quantity=quantity, price=price))

    def _change(self, order: Order, event: Event) -> None:
        """Apply an event to an order and its family; legs that go to work meet only what comes after."""
        result = cascade(order, event, [each.order for each in self.open.values() if each.order.id != order.id])
        woken = [Change(leg, apply(leg, Accept())) for leg in result.to_activate]
        for change in (*result.changes, *woken):
            self._keep(change.after)
        for change in woken:
            awake = self.open[change.after.id]
            since = max(awake.resting.since, _moment(self._event))
            self.open[change.after.id] = replace(awake, resting=awake.resting._replace(since=since))
        self.changes += (*result.changes, *woken)

    def _keep(self, order: Order) -> None:
        standing = self.open[order.id]
        if order.is_open:
            self.open[order.id] = replace(standing, order=order, resting=standing.resting._replace(leaves=order.leaves))
        else:
            del self.open[order.id]


def _offered(event: MarketEvent, side: Side, terms: Terms) -> Decimal:
    if isinstance(event, Bar):
        volume: Decimal = event.volume
        return volume * terms.volume_share
    if isinstance(event, Print):
        size: Decimal = event.size
        return size
    return event.ask_size if side is Side.BUY else event.bid_size


def _moment(event: MarketEvent) -> int:
    return event.start if isinstance(event, Bar) else event.at
