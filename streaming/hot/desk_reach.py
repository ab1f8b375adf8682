"""Which ticks can matter to the open orders of a symbol: in columns, so that the others cost next to nothing.

What it lets pass may still do nothing, and what it holds back would have done nothing: prices are widened by one step
of a float, and whoever lets orders meet a tick compares exactly.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np

from lakehouse.risk.checks import BoolArray, FloatArray
from lakehouse.trading.matching import Resting
from lakehouse.trading.order import AT_ONCE, Side

_ANY: Final = float("inf")


class Prices(NamedTuple):
    """Of a symbol's ticks (T,): best bid and ask, and the price of a trade, NaN where a tick has none."""

    bid: FloatArray
    ask: FloatArray
    price: FloatArray

    def after(self, row: int) -> "Prices":
        """Those of the ticks after `row`."""
        return Prices._make(column[row + 1 :] for column in self)


def are_quotes(prices: Prices) -> BoolArray:
    """(T,) which ticks are quotes that an order could take."""
    with np.errstate(invalid="ignore"):
        found: BoolArray = (prices.bid > 0) & (prices.bid <= prices.ask) & (prices.ask < _ANY)
    return found


@dataclass(frozen=True, slots=True)
class Reach:
    """A quote matters with an ask of at most `ask` or a bid of at least `bid`, a trade at or beyond `low` or `high`."""

    ask: float = -_ANY
    bid: float = _ANY
    low: float = -_ANY
    high: float = _ANY

    def matters(self, prices: Prices) -> BoolArray:
        """(T,) which ticks may do something to an order."""
        with np.errstate(invalid="ignore"):
            quoted = are_quotes(prices) & ((prices.ask <= self.ask) | (prices.bid >= self.bid))
            is_trade = (prices.price > 0) & (prices.price < _ANY)
            traded: BoolArray = quoted | (is_trade & ((prices.price <= self.low) | (prices.price >= self.high)))
        return traded


def reach_of(orders: Iterable[Resting[Decimal]]) -> Reach:
    """What ticks must reach to matter to one of these working orders."""
    found = {"ask": -_ANY, "bid": _ANY, "low": -_ANY, "high": _ANY}
    for order in orders:
        for name, price in _limits(order):
            wider = np.nextafter(price, _ANY if name in ("ask", "low") else -_ANY)
            found[name] = float(max(found[name], wider) if name in ("ask", "low") else min(found[name], wider))
    return Reach(**found)


def _limits(order: Resting[Decimal]) -> Iterator[tuple[str, float]]:
    buys = order.side is Side.BUY
    if order.waits:
        yield from _stops(order, buys=buys)
        return
    if order.limit is None or order.time_in_force in AT_ONCE:
        yield from (("ask", _ANY), ("bid", -_ANY), ("low", _ANY))  # a trade may do, where nobody quotes
    if order.limit is not None:
        limit = float(order.limit)
        yield from (("ask", limit), ("low", limit)) if buys else (("bid", limit), ("high", limit))


def _stops(order: Resting[Decimal], *, buys: bool) -> Iterator[tuple[str, float]]:
    """The price that sets it off, and the one beyond which it trails."""
    stop = float(order.stop or 0)
    yield ("high", stop) if buys else ("low", stop)
    if order.trail_distance is not None:
        trail = float(order.trail_distance)
        yield ("low", stop - trail) if buys else ("high", stop + trail)
    elif order.trail_fraction is not None:
        share = float(order.trail_fraction)
        yield ("low", stop / (1 + share)) if buys else ("high", stop / (1 - share))
