"""The newest price of every symbol: last write wins by event time, over batches of ticks in columns.

- A tick counts when it is newer than the last of its symbol, by (event time, sequence); a late one, or a copy, changes
  nothing, so that whatever is replayed changes nothing either.
- The mark is the price of a trade, or the middle of bid and ask. A price is finite and positive, a trade's size not
  zero; a quote of one side leaves the other as it was; a side that is zero is gone. Without both sides, or with the bid
  above the ask, there is no middle: the mark stays, and no price rule is judged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numba
import numpy as np

from lakehouse.alerting.rules import AlertingError
from lakehouse.risk.checks import BoolArray, FloatArray, IntArray

NEVER = np.iinfo(np.int64).min
_compile = numba.njit(cache=True, nogil=True)


class BadTicks(AlertingError):
    """Columns of different lengths, or a symbol that the market does not have."""


class Ticks(NamedTuple):
    """A batch in the order in which it is to be judged. All (T,): `symbol` is a place in the market's symbols, `at_us`
    the event time in microseconds, `seq` orders ticks of one symbol and instant; `price` and `size` of a trade, `bid`
    and `ask` of a quote, NaN where a tick has none."""

    symbol: IntArray
    at_us: IntArray
    seq: IntArray
    bid: FloatArray
    ask: FloatArray
    price: FloatArray
    size: FloatArray

    def part(self, first: int, end: int) -> "Ticks":
        """The ticks from `first` to before `end`."""
        return Ticks._make(column[first:end] for column in self)


class Market(NamedTuple):
    """The newest of N symbols: (event time, sequence) of the last tick that counted, bid, ask and mark, NaN unknown."""

    at_us: IntArray
    seq: IntArray
    bid: FloatArray
    ask: FloatArray
    mark: FloatArray

    @classmethod
    def empty(cls, count: int) -> Self:
        """Of symbols that had no tick yet."""
        never, unknown = np.full(count, NEVER), np.full(count, np.nan)
        return cls(never, never.copy(), unknown, unknown.copy(), unknown.copy())


@dataclass(frozen=True, slots=True)
class Followed:
    """What a batch did. (T,): which ticks `counted`; the `mark` that a tick made, NaN where none; whether the quote of
    its symbol was `crossed` after it. `newest`: of each symbol that had one, the last row that counted."""

    counted: BoolArray
    mark: FloatArray
    crossed: BoolArray
    newest: IntArray

    @property
    def late(self) -> int:
        """How many ticks were late, or copies."""
        return int(len(self.counted) - self.counted.sum())


def follow(market: Market, ticks: Ticks) -> Followed:
    """Move the market, in place, through the batch. Raises BadTicks before anything is moved."""
    count = len(ticks.symbol)
    if any(len(column) != count for column in ticks):
        raise BadTicks("the columns of a batch are of one length")
    if count and not (ticks.symbol.min() >= 0 and ticks.symbol.max() < len(market.at_us)):
        raise BadTicks(f"symbols lie outside 0 to {len(market.at_us) - 1}")
    counted, crossed = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    mark = np.full(count, np.nan)
    _move(market, ticks, counted, mark, crossed)
    rows = np.flatnonzero(counted)
    last = np.full(len(market.at_us), -1, np.int64)
    last[ticks.symbol[rows]] = rows  # of repeated places the last write stays
    return Followed(counted, mark, crossed, last[last >= 0])


def _is_price(value: float) -> bool:
    return 0.0 < value < np.inf


_usable: Callable[[float], bool] = _compile(_is_price)


def _sided(old: float, new: float) -> float:
    """One side of a quote after a tick: absent leaves it, impossible takes it away."""
    if np.isnan(new):
        return old
    return new if _usable(new) else np.nan


_side: Callable[[float, float], float] = _compile(_sided)


def _marked(price: float, size: float, bid: float, ask: float) -> float:
    """The price that a tick tells; NaN where none. `bid` and `ask` are NaN unless the tick is a quote."""
    if not np.isnan(price):
        return price if _usable(price) and not size <= 0.0 else np.nan
    return (bid + ask) / 2.0 if bid <= ask else np.nan


_mark: Callable[[float, float, float, float], float] = _compile(_marked)


def _moved(market: Market, ticks: Ticks, counted: BoolArray, mark: FloatArray, crossed: BoolArray) -> None:
    for row in range(len(ticks.symbol)):
        at, name, seq = ticks.at_us[row], ticks.symbol[row], ticks.seq[row]
        last = market.at_us[name]
        if at < last or (at == last and seq <= market.seq[name]):
            continue
        counted[row] = True
        market.at_us[name], market.seq[name] = at, seq
        bid = market.bid[name] = _side(market.bid[name], ticks.bid[row])
        ask = market.ask[name] = _side(market.ask[name], ticks.ask[row])
        crossed[row] = bid > ask
        is_quote = not (np.isnan(ticks.bid[row]) and np.isnan(ticks.ask[row]))
        told = _mark(ticks.price[row], ticks.size[row], bid if is_quote else np.nan, ask)
        if not np.isnan(told):
            mark[row] = market.mark[name] = told


_move: Callable[[Market, Ticks, BoolArray, FloatArray, BoolArray], None] = _compile(_moved)
