"""The event-driven gear: orders of every kind, bar by bar, filled by the platform's own matching rules.

A day: interest and borrow, corporate actions, delistings; then market orders as one batch, then the others against the
day's bar, stops before limits, because the worse of two possible stories is told; then the close, the strategy's turn.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.account import Account, FillLog, Lot, fee_of, whole
from lakehouse.backtest.bridge import UnitOrders, WeightOrders
from lakehouse.backtest.market import Market
from lakehouse.backtest.orderbook import OrderBook
from lakehouse.backtest.orders import OrderStrategy, Seen, Withdraw, Working
from lakehouse.backtest.result import Result, Trades
from lakehouse.backtest.rules import Fill, Rules
from lakehouse.backtest.tape import Tape, tape_of, terms_of
from lakehouse.backtest.vectorised import checked, result_of
from lakehouse.risk.checks import FloatArray
from lakehouse.trading.matching import Bar, Match, match_bar

# The engine's clock: four moments a day.
_DAY, _OPEN, _AUCTION, _CLOSE = 4, 0, 1, 2


@dataclass(frozen=True, slots=True)
class Played:
    """The result, and how many events made it: orders placed, meetings of an order and a bar, fills."""

    result: Result
    events: int


def play(market: Market, strategy: OrderStrategy, rules: Rules) -> Played:
    """Run `strategy` over the whole market."""
    return _Engine(market, rules).run(strategy)


def play_weights(market: Market, weights: FloatArray, rules: Rules) -> Played:
    """The event-driven twin of vectorised.run_weights."""
    return play(market, WeightOrders(checked(market, weights), rules), rules)


def play_orders(market: Market, units: FloatArray, rules: Rules) -> Played:
    """The event-driven twin of vectorised.run_orders."""
    return play(market, UnitOrders(checked(market, units), rules), rules)


class _Engine:
    """One run. Rows of the day are kept as lists: plain floats are several times faster one by one."""

    def __init__(self, market: Market, rules: Rules) -> None:
        self._market, self._rules = market, rules
        self._tape: Tape = tape_of(market, rules)
        self._terms = terms_of(rules)
        self._account = Account(len(market.symbols), self._terms)
        self._book = OrderBook()
        self._used: dict[int, float] = {}
        self._events = self._orders = self._action = 0
        self._ends: dict[int, list[int]] = defaultdict(list)
        for column, last in enumerate(self._tape.last_bar.tolist()):
            self._ends[last + 1].append(column)

    def run(self, strategy: OrderStrategy) -> Played:
        market, account = self._market, self._account
        equity, cash = np.empty(market.days), np.empty(market.days)
        for day in range(market.days):
            self._begin(day)
            if len(self._book):
                self._trade(_Rows(market, self._tape, day, at_close=self._rules.fill is Fill.NEXT_CLOSE))
                self._book.lapse(day * _DAY + _CLOSE)
            equity[day] = account.value(market.close[day].tolist())
            cash[day] = account.cash
            self._listen(strategy, day, float(equity[day]))
        result = result_of(market, self._rules, (equity, cash), _trades(account.log), self._orders)
        return Played(result, self._events)

    def _begin(self, day: int) -> None:
        """What happens before the first trade of the day."""
        tape, account = self._tape, self._account
        self._used.clear()
        if day > 0:
            account.carry(float(tape.cash_rate[day]))
        while self._action < len(tape.action_day) and tape.action_day[self._action] == day:
            column, split = int(tape.action_column[self._action]), float(tape.split[self._action])
            account.act(column, split, float(tape.dividend[self._action]))
            for order in self._book.of(column) if split != 1.0 else ():
                self._book.put(order.split(split))
            self._action += 1
        for column in self._ends.get(day, ()):
            for order in self._book.of(column):
                self._book.drop(order.key)
            account.delist(day, column, float(tape.delisting_return[column]))

    def _trade(self, rows: "_Rows") -> None:
        """Market orders at once: none of them is first, and closing ones pay for opening ones. Then all others."""
        lots = []
        for column in self._book.columns():
            orders = [order for order in self._book.of(column) if order.is_market]
            bar = rows.market_bar(column) if orders else None
            if bar is not None:
                lots += [lot for order in orders for lot in self._met(rows, order, bar)]
        if lots:
            share = self._account.share(lots, rows.first)
            for lot in lots:
                self._settle(rows.day, lot, share)
        for column in self._book.columns():
            if (bar := rows.bar(column)) is not None:
                self._against(rows, column, bar)

    def _against(self, rows: "_Rows", column: int, bar: Bar[float]) -> None:
        waiting = [order for order in self._book.of(column) if not order.is_market]
        for key in [order.key for order in sorted(waiting, key=_stops_first)]:
            order = self._book.get(key)  # None where a sibling was filled by the same bar
            for lot in self._met(rows, order, bar) if order is not None else ():
                self._settle(rows.day, lot, self._single(lot, rows.first))

    def _met(self, rows: "_Rows", order: Working, bar: Bar[float]) -> list[Lot]:
        """Match an order and a bar: the fill that this leads to, if any, not yet booked."""
        self._events += 1
        column, terms = order.column, self._terms
        available = None
        if terms.max_volume_share > 0.0:
            available = whole(terms.max_volume_share * bar.volume, terms.lot) - self._used.get(column, 0.0)
        match = match_bar(order.resting, bar, available)
        if match is None:
            return []
        after = Working(order.key, order.intent, match.order)
        if match.price is None:
            self._slept(after, match)
            return []
        if available is not None:
            self._used[column] = self._used.get(column, 0.0) + match.quantity
        self._book.filled(after, rows.day * _DAY + _CLOSE, ends=match.ends)
        return [self._priced(rows.day, after, match.price, match.quantity)]

    def _slept(self, after: Working, match: Match[float]) -> None:
        if match.ends:
            self._book.drop(after.key)
        else:
            self._book.put(after)

    def _priced(self, day: int, order: Working, price: float, size: float) -> Lot:
        """The fill with slippage, which an order with a limit does not suffer, and its fee."""
        terms, tape, column = self._terms, self._tape, order.column
        buys = order.intent.units > 0.0
        if order.resting.limit is None:
            slip = terms.half_spread
            if terms.impact > 0.0 and tape.turnover[day - 1, column] > 0.0:
                turnover, volatility = float(tape.turnover[day - 1, column]), float(tape.volatility[day - 1, column])
                slip = terms.half_spread + terms.impact * volatility * math.sqrt(size * price / turnover)
            price *= 1.0 + slip if buys else 1.0 - slip
        return Lot(column, size if buys else -size, price, fee_of(size, price, terms))

    def _single(self, lot: Lot, first: Sequence[float]) -> float:
        """The share of a fill in the course of the day that credit allows; one that only closes needs none."""
        held = self._account.units[lot.column]
        if lot.units * held < 0.0 and abs(lot.units) <= abs(held):
            return 1.0
        return self._account.share([lot], first)

    def _settle(self, day: int, lot: Lot, share: float) -> None:
        if self._account.settle(day, lot, share):
            self._events += 1

    def _listen(self, strategy: OrderStrategy, day: int, equity: float) -> None:
        account = self._account
        seen = Seen(
            day=day,
            market=self._market,
            equity=equity,
            cash=account.cash,
            units=account.units,
            working=tuple(self._book),
        )
        for wish in strategy.decide(seen):
            if isinstance(wish, Withdraw):
                self._book.drop(wish.key)
            else:
                self._book.place(wish, day * _DAY + _CLOSE)
                self._orders += 1
            self._events += 1


class _Rows:
    """The bars of one day."""

    def __init__(self, market: Market, tape: Tape, day: int, *, at_close: bool) -> None:
        self.day, self._at_close = day, at_close
        self.first: list[float] = tape.fill[day].tolist()
        self._open: list[float] = market.open[day].tolist()
        self._high: list[float] = market.high[day].tolist()
        self._low: list[float] = market.low[day].tolist()
        self._close: list[float] = market.close[day].tolist()
        self._volume: list[float] = market.volume[day].tolist()

    def market_bar(self, column: int) -> Bar[float] | None:
        """The bar in which market orders are filled at its open: the day's, or its closing auction."""
        price = self.first[column]
        if math.isnan(price):
            return None
        start = self.day * _DAY + (_AUCTION if self._at_close else _OPEN)
        return Bar(start=start, open=price, high=price, low=price, close=price, volume=self._volume[column])

    def bar(self, column: int) -> Bar[float] | None:
        """The day's bar, None where there was no trade."""
        prices = self._open[column], self._high[column], self._low[column], self._close[column]
        if any(map(math.isnan, prices)):
            return None
        first, high, low, close = prices
        start = self.day * _DAY + _OPEN
        return Bar(start=start, open=first, high=high, low=low, close=close, volume=self._volume[column])


def _stops_first(order: Working) -> tuple[bool, int]:
    return not order.resting.waits, order.key


def _trades(log: FillLog) -> Trades:
    return Trades(
        np.array(log.day, dtype=np.int64),
        np.array(log.column, dtype=np.int64),
        np.array(log.units, dtype=np.float64),
        np.array(log.price, dtype=np.float64),
        np.array(log.fee, dtype=np.float64),
        np.array(log.delisting, dtype=np.bool_),
    )
