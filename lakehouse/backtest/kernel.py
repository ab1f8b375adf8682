"""The vectorised gear, compiled: one pass over the days with every order filled by the same few lines.

The event-driven gear (lakehouse.backtest.account) does the same arithmetic in the same order, and a gate compares the
two to the last bit: change both or none. Importing this module loads numba.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from lakehouse.backtest.market import IntArray
from lakehouse.backtest.tape import Tape, Terms
from lakehouse.risk.checks import FloatArray

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compiled at its first call, kept on disk where that is possible; sums keep their order (no fast maths)."""
    try:
        return cast("Callable[P, R]", numba.njit(cache=True)(function))
    except RuntimeError:  # a file system that holds no cache: compile in each process
        return cast("Callable[P, R]", numba.njit(function))


class Book(NamedTuple):
    """The account while it runs. `cash` (1,); `units`, `mark` (last price), `pending` (ordered units, NaN: none) (N,);
    `price`, `fee` of today's fills (N,)."""

    cash: FloatArray
    units: FloatArray
    mark: FloatArray
    pending: FloatArray
    price: FloatArray
    fee: FloatArray


class Fills(NamedTuple):
    """Fills in the order in which they were made; `made` (1,) of them are used. `units` are signed."""

    made: IntArray
    day: IntArray
    column: IntArray
    units: FloatArray
    price: FloatArray
    fee: FloatArray
    delisting: npt.NDArray[np.bool_]


@compiled
def _carry(book: Book, rate: float, terms: Terms) -> None:
    """Interest, margin and borrow of a day, on what was held at the last close."""
    short = 0.0
    for column in range(len(book.units)):
        if book.units[column] < 0.0:
            short -= book.units[column] * book.mark[column]
    free = book.cash[0] - short
    if free > 0.0:
        book.cash[0] += free * rate
    elif book.cash[0] < 0.0:
        book.cash[0] += book.cash[0] * (rate + terms.margin_spread)
    book.cash[0] -= short * terms.borrow


@compiled
def _delist(book: Book, tape: Tape, day: int, fills: Fills) -> None:
    for column in range(len(book.units)):
        if tape.last_bar[column] + 1 != day:
            continue
        book.pending[column] = math.nan
        if book.units[column] != 0.0:
            price = book.mark[column] * (1.0 + tape.delisting_return[column])
            book.cash[0] += book.units[column] * price
            place = fills.made[0]
            fills.day[place] = day
            fills.column[place] = column
            fills.units[place] = -book.units[column]
            fills.price[place] = price
            fills.fee[place] = 0.0
            fills.delisting[place] = True
            fills.made[0] = place + 1
            book.units[column] = 0.0


@compiled
def _act(book: Book, tape: Tape, day: int, place: int) -> int:
    """Splits first, so that a dividend is paid on the new units; returns the place of the next action."""
    while place < len(tape.action_day) and tape.action_day[place] == day:
        column = tape.action_column[place]
        book.units[column] *= tape.split[place]
        book.pending[column] *= tape.split[place]
        book.mark[column] /= tape.split[place]
        book.cash[0] += book.units[column] * tape.dividend[place]
        place += 1
    return place


@compiled
def _whole(units: float, lot: float) -> float:
    return units if lot <= 0.0 else np.trunc(units / lot) * lot


@compiled
def _size(units: float, volume: float, terms: Terms) -> float:
    """Units without sign that the bound on volume leaves."""
    size = abs(units)
    if terms.max_volume_share > 0.0:
        size = min(size, _whole(terms.max_volume_share * volume, terms.lot))
    return size


@compiled
def _slip(size: float, price: float, turnover: float, volatility: float, terms: Terms) -> float:
    """The share of the price that spread and impact cost."""
    if terms.impact > 0.0 and turnover > 0.0:
        return terms.half_spread + terms.impact * volatility * math.sqrt(size * price / turnover)
    return terms.half_spread


@compiled
def _fee(size: float, price: float, terms: Terms) -> float:
    return max(terms.minimum, terms.commission * size * price + terms.per_share * size)


@compiled
def _opening(units: float, held: float) -> float:
    """The part of an order, in units without sign, that does not close what is held."""
    if units * held >= 0.0:
        return abs(units)
    return max(0.0, abs(units) - abs(held))


@compiled
def _quote(book: Book, tape: Tape, terms: Terms, day: int) -> None:
    """Bound the ordered units by volume and set their price and fee; what cannot be filled lapses."""
    pending, prices, fees, first, volume = book.pending, book.price, book.fee, tape.fill[day], tape.volume[day]
    for column in range(len(pending)):
        units = pending[column]
        if math.isnan(units):
            continue
        size = _size(units, volume[column], terms)
        if size <= 0.0 or math.isnan(first[column]):
            pending[column] = math.nan
            continue
        slip = terms.half_spread
        if terms.impact > 0.0:
            turnover, volatility = tape.turnover[day - 1, column], tape.volatility[day - 1, column]
            slip = _slip(size, first[column], turnover, volatility, terms)
        price = first[column] * (1.0 + slip if units > 0.0 else 1.0 - slip)
        pending[column] = size if units > 0.0 else -size
        prices[column] = price
        fees[column] = _fee(size, price, terms)


@compiled
def _share(book: Book, first: FloatArray, terms: Terms) -> float:
    """The share of every opening order that the bound on gross exposure leaves, after all closing ones."""
    equity, gross, wanted, fees = book.cash[0], 0.0, 0.0, 0.0
    units, pending, prices = book.units, book.pending, book.price
    for column in range(len(units)):
        held, order = units[column], pending[column]
        mark = book.mark[column] if math.isnan(first[column]) else first[column]
        if held != 0.0:
            equity += held * mark
            gross += abs(held) * mark
        if not math.isnan(order):
            opening = _opening(order, held)
            closing = abs(order) - opening
            wanted += opening * max(prices[column], mark)
            gross -= closing * mark
            fees += book.fee[column]
            equity -= closing * abs(prices[column] - mark)
    if wanted <= 0.0:
        return 1.0
    return min(1.0, max(0.0, float((terms.max_gross * (equity - fees) - gross) / wanted)))


@compiled
def _settle(book: Book, share: float, terms: Terms, day: int, fills: Fills) -> None:
    """Book the day's orders, of opening ones only `share`."""
    units, pending, prices, fees = book.units, book.pending, book.price, book.fee
    cash, place = book.cash[0], fills.made[0]
    for column in range(len(pending)):
        order, price, fee = pending[column], prices[column], fees[column]
        if math.isnan(order):
            continue
        pending[column] = math.nan
        if share < 1.0:
            opening = _opening(order, units[column])
            # What closes is closed whole: it pays for the others, and may be an odd lot after a split.
            size = abs(order) - opening + _whole(opening * share, terms.lot)
            if size <= 0.0:
                continue
            order = size if order > 0.0 else -size
            fee = _fee(size, price, terms)
        cash -= order * price + fee
        units[column] += order
        fills.day[place] = day
        fills.column[place] = column
        fills.units[place] = order
        fills.price[place] = price
        fills.fee[place] = fee
        fills.delisting[place] = False
        place += 1
    book.cash[0], fills.made[0] = cash, place


@compiled
def _value(book: Book, close: FloatArray) -> float:
    """Mark every instrument at its close of the day, or at its last one, and add up."""
    equity, units, mark = book.cash[0], book.units, book.mark
    for column in range(len(units)):
        if not math.isnan(close[column]):
            mark[column] = close[column]
        if units[column] != 0.0:
            equity += units[column] * mark[column]
    return float(equity)


@compiled
def _decide(book: Book, close: FloatArray, terms: Terms, wishes: FloatArray, equity: float) -> int:
    """Turn the weights wished at today's close into orders for the next day; returns how many. Negative equity, which
    only leverage can bring, buys nothing more."""
    orders, pending, units = 0, book.pending, book.units
    for column in range(len(wishes)):
        if math.isnan(wishes[column]) or math.isnan(close[column]):
            continue
        order = _whole(wishes[column] * max(equity, 0.0) / close[column], terms.lot) - units[column]
        if order != 0.0 and abs(order) * close[column] >= terms.min_trade:
            pending[column] = order
            orders += 1
    return orders


@compiled
def _order(book: Book, close: FloatArray, terms: Terms, wishes: FloatArray) -> int:
    """Take the day's units as orders for the next day; returns how many."""
    orders, pending = 0, book.pending
    for column in range(len(wishes)):
        if math.isnan(wishes[column]) or math.isnan(close[column]):
            continue
        order = _whole(wishes[column], terms.lot)
        if order != 0.0 and abs(order) * close[column] >= terms.min_trade:
            pending[column] = order
            orders += 1
    return orders


@compiled
def run(
    wishes: FloatArray, tape: Tape, terms: Terms, fills: Fills, equity: FloatArray, cash: FloatArray, weights: bool
) -> int:
    """Fill `fills`, `equity` (T,) and `cash` (T,); returns how many orders were made.

    `wishes` (T, N) are, at each close, weights of equity to hold, or with `weights` off units to trade; NaN for no
    wish. They are traded on the next day.
    """
    columns = wishes.shape[1]
    book = Book(
        np.full(1, terms.initial_cash),
        np.zeros(columns),
        np.full(columns, np.nan),
        np.full(columns, np.nan),
        np.zeros(columns),
        np.zeros(columns),
    )
    orders, waiting, action = 0, 0, 0
    for day in range(wishes.shape[0]):
        if day > 0:
            _carry(book, tape.cash_rate[day], terms)
        action = _act(book, tape, day, action)
        _delist(book, tape, day, fills)
        if waiting > 0:
            _quote(book, tape, terms, day)
            _settle(book, _share(book, tape.fill[day], terms), terms, day, fills)
        equity[day] = _value(book, tape.close[day])
        cash[day] = book.cash[0]
        if weights:
            waiting = _decide(book, tape.close[day], terms, wishes[day], equity[day])
        else:
            waiting = _order(book, tape.close[day], terms, wishes[day])
        orders += waiting
    return orders
