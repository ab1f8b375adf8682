"""The simulated venue of live orders: they meet the ticks that can matter to them, one after the other. Pure.

- What an order does is `lakehouse.trading.venue`'s to say; PostgreSQL has the orders, this has what ticks made of them.
- A tick counts once and in order: a late one, or a copy, fills nothing, nor does one made outside of the exchange's
  hours, or one older than the order.
- Orders of portfolios for which trading is stopped stand still until it goes on, also in ticks of then that come late.
- Orders without a limit wait for a quote, or a trade where nobody has quoted their symbol for `Terms.quote_age_us`.
- A message with a trade and a quote is the trade, then the quote. A size that a provider does not tell is no limit.
- The same calls in the same order do the same: memory and journal are all that a restart needs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

import msgspec
import numpy as np

from lakehouse.alerting.marks import NEVER, Market, follow
from lakehouse.risk.checks import BoolArray, IntArray
from lakehouse.trading.machine import PRICE_STEP
from lakehouse.trading.matching import Print, TopOfBook
from lakehouse.trading.order import Status
from lakehouse.trading.venue import (
    AT_ONCE_ENDED,
    MarketEvent,
    Met,
    OpenOrder,
    Standing,
    Terms,
    may_move,
    meet,
)
from streaming.hot import desk_terms
from streaming.hot.batch import Batch
from streaming.hot.desk_halts import Halts
from streaming.hot.desk_hours import Hours, in_sessions
from streaming.hot.desk_orders import Kept, is_final, joined, read
from streaming.hot.desk_reach import Prices, Reach, are_quotes, reach_of
from streaming.hot.effects import Cause, Dealt, Ended, Fill, JsonObject

ENDED_KEPT: Final = 10_000
GONE: Final = 2**31
MOST: Final = 1e10
"""No price and no size is as much; the columns of orders and fills hold less."""
UNTOLD_SIZE: Final = Decimal(10) ** 15


@dataclass(slots=True)
class _Pit:
    """The orders of a symbol, with the exchange and the contract that they share."""

    exchange: str
    multiplier: Decimal
    standing: dict[UUID, Standing] = field(default_factory=dict)
    reach: Reach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    """What `SimulatedDesk.memory` has written: orders, versions of ended ones, the last tick of each symbol, and
    the time of its last quote; states of before it was kept have none."""

    orders: tuple[Kept, ...]
    ended: dict[str, int]
    market: tuple[bytes, ...]
    quoted: bytes = b""


class SimulatedDesk:
    """Open orders by symbol. One writer. It is a `streaming.hot.effects.Desk`."""

    def __init__(self, terms: Terms, hours: Hours = in_sessions) -> None:
        """`terms` are what every symbol is charged; the multiplier is each order's own."""
        self._terms, self._hours = terms, hours
        self._halts = Halts({})
        self._pits: dict[str, _Pit] = {}
        self._symbol_of: dict[UUID, str] = {}
        self._ended: dict[UUID, int] = {}
        self._market = Market.empty(0)
        self._quoted = np.full(0, NEVER)  # by place, the event time of the last quote that an order could take
        self._places: dict[str, int] = {}
        # As the last memory has them: most orders are the same in the next one.
        self._written: dict[UUID, tuple[Standing, msgspec.Raw]] = {}

    @property
    def orders(self) -> dict[UUID, Standing]:
        """All standing orders by id."""
        return {id_: each for pit in self._pits.values() for id_, each in pit.standing.items()}

    def deal_by(self, terms: JsonObject) -> None:
        """Charge this, and deal at these hours, from the next tick on. Raises msgspec.ValidationError."""
        self._terms, self._hours = desk_terms.read(terms)

    def halt(self, halts: Mapping[str, object]) -> None:
        """From the next tick on the orders of these portfolios, or of EVERYBODY, stand still, and all others move; as
        `changes.HALTS` has them: where it was lifted, they stand still in ticks of before that."""
        self._halts = Halts(halts)
        for pit in self._pits.values():
            pit.reach = None

    def restate(self, orders: Sequence[JsonObject]) -> None:
        """These orders stand so in PostgreSQL: new ones join, known ones change, ended ones leave.

        One whose version is not above what the desk has made of it, or has seen ended, was read too early: ignored,
        unless it is final. Raises msgspec.ValidationError for what is no order.
        """
        for plain in orders:
            opened = read(plain)
            order = opened.order
            if not is_final(plain) and order.version <= self._version(order.id):
                continue
            if order.is_open:
                self._join(opened)
            else:
                self._drop(order.id, order.version)

    def leave(self, orders: Sequence[str]) -> None:
        """These ids are open no more; unknown ones are ignored."""
        for order_id in map(UUID, orders):
            self._drop(order_id, GONE)

    def play(self, batch: Batch, symbols: Sequence[str]) -> Dealt:
        """Let the open orders meet the batch, tick by tick; `symbols` names its places, which grow at the end only."""
        self._learn(symbols)
        counted = follow(self._market, batch.ticks).counted
        watched = [self._places[name] for name in self._pits if name in self._places]
        quoted = self._quoted.copy() if watched else self._quoted
        quotes = np.flatnonzero(counted & are_quotes(Prices(batch.bid, batch.ask, batch.price)))
        self._quoted[batch.symbol[quotes]] = batch.at_us[quotes]  # of repeated places the last write stays
        if not watched:
            return Dealt()
        is_watched = np.zeros(len(symbols), np.bool_)
        is_watched[watched] = True
        rows = np.flatnonzero(counted & is_watched[batch.symbol])
        rows = rows[np.argsort(batch.symbol[rows], kind="stable")]
        cuts = np.flatnonzero(np.diff(batch.symbol[rows])) + 1
        done = [
            deal
            for own in np.split(rows, cuts)
            if len(own)
            for deal in self._meet(symbols[batch.symbol[own[0]]], batch, own, quoted)
        ]
        for place in np.unique(batch.symbol[rows]).tolist():
            self._tidy(symbols[place])
        return _dealt(sorted(done, key=lambda deal: deal.row))

    def memory(self) -> bytes:
        """All that the desk knows, between two batches."""
        self._written = {
            order_id: self._again(pit, each)
            for _, pit in sorted(self._pits.items())
            for order_id, each in sorted(pit.standing.items(), key=lambda item: item[0])
        }
        kept = {
            "orders": [written for _, written in self._written.values()],
            "ended": {str(order_id): version for order_id, version in self._ended.items()},
            "market": [column.tobytes() for column in self._market],
            "quoted": self._quoted.tobytes(),
        }
        return msgspec.msgpack.encode(kept)

    def recall(self, memory: bytes) -> None:
        """Go on where another desk was. Raises msgspec.ValidationError."""
        past = msgspec.msgpack.decode(memory, type=_Memory)
        types = [column.dtype for column in Market.empty(0)]
        columns = (np.frombuffer(raw, kind).copy() for raw, kind in zip(past.market, types, strict=True))
        self._market = Market._make(columns)
        was_quoted = np.where(np.isnan(self._market.bid), NEVER, self._market.at_us)
        self._quoted = np.frombuffer(past.quoted, np.int64).copy() if past.quoted else was_quoted
        self._ended = {UUID(order_id): version for order_id, version in past.ended.items()}
        self._pits, self._symbol_of, self._places = {}, {}, {}
        for each in past.orders:
            self._put(each.opened, each.standing)

    # --- inside ----------------------------------------------------------------------------------------------

    def _again(self, pit: _Pit, standing: Standing) -> tuple[Standing, msgspec.Raw]:
        """An order as memory has it, written once as long as it stays the same."""
        last = self._written.get(standing.order.id)
        if last is not None and last[0] is standing:
            return last
        return standing, msgspec.Raw(msgspec.msgpack.encode(_kept(pit, standing)))

    def _version(self, order_id: UUID) -> int:
        symbol = self._symbol_of.get(order_id)
        return self._ended.get(order_id, 0) if symbol is None else self._pits[symbol].standing[order_id].order.version

    def _join(self, opened: OpenOrder) -> None:
        symbol = self._symbol_of.get(opened.order.id)
        known = None if symbol is None else self._pits[symbol].standing[opened.order.id]
        self._ended.pop(opened.order.id, None)
        self._put(opened, joined(opened, known))

    def _put(self, opened: OpenOrder, standing: Standing) -> None:
        symbol = opened.order.symbol
        pit = self._pits.setdefault(symbol, _Pit(opened.exchange, opened.multiplier))
        if (pit.exchange, pit.multiplier) != (opened.exchange, opened.multiplier):
            pit.exchange, pit.multiplier = opened.exchange, opened.multiplier
            self._written = {}
        pit.reach = None
        pit.standing[opened.order.id] = standing
        self._symbol_of[opened.order.id] = symbol

    def _drop(self, order_id: UUID, version: int) -> None:
        symbol = self._symbol_of.get(order_id)
        if symbol is None:
            return
        self._forget(self._pits[symbol], order_id, version)
        self._pits[symbol].reach = None
        self._tidy(symbol)

    def _tidy(self, symbol: str) -> None:
        if not self._pits[symbol].standing:
            del self._pits[symbol]

    def _learn(self, symbols: Sequence[str]) -> None:
        for place in range(len(self._places), len(symbols)):
            self._places[symbols[place]] = place
        missing = len(symbols) - len(self._market.at_us)
        if missing > 0:
            pairs = zip(self._market, Market.empty(missing), strict=True)
            self._market = Market._make(np.concatenate(pair) for pair in pairs)
            self._quoted = np.concatenate([self._quoted, np.full(missing, NEVER)])

    def _unquoted(self, batch: Batch, rows: IntArray, quoted: IntArray) -> BoolArray:
        """(T,) before which of the ticks at `rows`, all of a symbol, nobody quotes; `quoted` (N,) is before all."""
        age = self._terms.quote_age_us
        if age is None:
            return np.zeros(len(rows), np.bool_)
        at, quotes = batch.at_us[rows], are_quotes(Prices(batch.bid[rows], batch.ask[rows], batch.price[rows]))
        unquoted: BoolArray = np.maximum.accumulate(np.where(quotes, at, quoted[batch.symbol[rows]])) < at - age
        return unquoted

    def _meet(self, symbol: str, batch: Batch, rows: IntArray, quoted: IntArray) -> Iterator["_Deal"]:
        """What the ticks at `rows`, all of `symbol`, do to its orders; `quoted` (N,) is before the batch."""
        pit = self._pits[symbol]
        unquoted, is_open = self._unquoted(batch, rows, quoted), self._hours(pit.exchange, batch.at_us[rows])
        rows, unquoted = rows[is_open], unquoted[is_open]
        prices = Prices(batch.bid[rows], batch.ask[rows], batch.price[rows])
        terms = replace(self._terms, multiplier=pit.multiplier)
        first = 0
        while first < len(rows) and pit.standing:
            if pit.reach is None:
                pit.reach = reach_of(
                    each.resting for each in pit.standing.values() if may_move(each, self._halts.standing)
                )
            for found in np.flatnonzero(pit.reach.matters(prices)).tolist():
                is_unquoted = bool(unquoted[first + found])
                yield from self._tick(pit, batch, int(rows[first + found]), terms, is_unquoted=is_unquoted)
                if pit.reach is None:  # orders have changed: other ticks matter from here on
                    first += found + 1
                    prices = prices.after(found)
                    break
            else:
                return

    def _tick(self, pit: _Pit, batch: Batch, row: int, terms: Terms, *, is_unquoted: bool) -> Iterator["_Deal"]:
        count, halted = 0, self._halts.at(int(batch.at_us[row]))
        for event in _events(batch, row, is_unquoted=is_unquoted):
            before = tuple(pit.standing.values())
            owners = {each.order.id: each.order.portfolio_id for each in before}
            met = meet(before, event, terms, halted)
            if met.standing != before:
                self._settle(pit, met)
            yield from _deals(owners, met, batch, row, count)
            count += len(met.reports)

    def _settle(self, pit: _Pit, met: Met) -> None:
        for change in met.changes:
            if not change.after.is_open:
                self._forget(pit, change.after.id, change.after.version)
        pit.standing.update((each.order.id, each) for each in met.standing)
        pit.reach = None

    def _forget(self, pit: _Pit, order_id: UUID, version: int) -> None:
        del pit.standing[order_id], self._symbol_of[order_id]
        self._ended[order_id] = version
        while len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]


@dataclass(frozen=True, slots=True)
class _Deal:
    """What the tick at `row` did to one order."""

    row: int
    fill: Fill | None = None
    ended: Ended | None = None


def _events(batch: Batch, row: int, *, is_unquoted: bool) -> Iterator[MarketEvent]:
    at = int(batch.at_us[row])
    if not np.isnan(batch.price[row]) and not batch.size[row] <= 0:
        yield Print(at=at, price=_price(batch.price[row]), size=_size(batch.size[row]), is_unquoted=is_unquoted)
    if batch.bid[row] > 0 and batch.ask[row] > 0:
        yield TopOfBook(
            at=at,
            bid=_price(batch.bid[row]),
            ask=_price(batch.ask[row]),
            bid_size=_size(batch.bid_size[row]),
            ask_size=_size(batch.ask_size[row]),
        )


def _price(value: float) -> Decimal:
    """As it was written, to the step that prices have; what is none stays none."""
    price = Decimal(repr(float(value)))
    return price.quantize(PRICE_STEP, ROUND_HALF_EVEN) if 0 < value < MOST else Decimal(0)


def _size(value: float) -> Decimal:
    if np.isnan(value) or value >= MOST:
        return UNTOLD_SIZE
    return Decimal(repr(float(max(value, 0.0)))).quantize(PRICE_STEP, ROUND_FLOOR)


def _deals(owners: dict[UUID, UUID], met: Met, batch: Batch, row: int, count: int) -> Iterator[_Deal]:
    """The fills and ends of one event; `count` are the fills that the same message has made before."""
    cause = Cause(int(batch.partition[row]), int(batch.offset[row]))
    for number, report in enumerate(met.reports, start=count):
        fill = Fill(
            order_id=report.order_id,
            portfolio_id=owners[report.order_id],
            venue_trade_id=f"sim-{cause.partition}-{cause.offset}" + (f"-{number}" if number else ""),
            quantity=report.quantity,
            price=report.price,
            fee_minor=report.fee_minor,
            at_us=report.at,
            cause=cause,
        )
        yield _Deal(row, fill=fill)
    for change in met.changes:
        after = change.after
        if after.status is Status.CANCELED and after.status_reason == AT_ONCE_ENDED:
            ended = Ended(
                order_id=after.id, portfolio_id=after.portfolio_id, reason=AT_ONCE_ENDED, at_us=int(batch.at_us[row])
            )
            yield _Deal(row, ended=ended)


def _dealt(deals: Sequence[_Deal]) -> Dealt:
    return Dealt(
        fills=tuple(deal.fill for deal in deals if deal.fill is not None),
        ended=tuple(deal.ended for deal in deals if deal.ended is not None),
    )


def _kept(pit: _Pit, standing: Standing) -> Kept:
    opened = OpenOrder(
        order=standing.order,
        exchange=pit.exchange,
        multiplier=pit.multiplier,
        amount=standing.amount,
        since_us=standing.resting.since,
    )
    return Kept(opened=opened, awake=standing.resting.awake, stop=standing.resting.stop)
