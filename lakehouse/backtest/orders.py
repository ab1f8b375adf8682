"""The orders of the event-driven gear: what strategies ask for, and what works in the market."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lakehouse.backtest.market import Market
from lakehouse.risk.checks import FloatArray
from lakehouse.trading.matching import Resting, checked
from lakehouse.trading.order import Side, TimeInForce


class Intent(NamedTuple):
    """An order that a strategy wants, from the next bar on: `units` of a column, positive to buy.

    With neither `limit` nor `stop` it is a market order. Orders of one `oco` name cancel each other: a fill of one
    reduces the others. `then` are placed when this order is filled whole, and work from the bar after that.
    """

    column: int
    units: float
    limit: float | None = None
    stop: float | None = None
    trail_distance: float | None = None
    trail_fraction: float | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    oco: str | None = None
    then: tuple["Intent", ...] = ()


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Cancel the order called `key`, if it still works."""

    key: int


class Working(NamedTuple):
    """An order in the market; `resting` is what matching knows of it."""

    key: int
    intent: Intent
    resting: Resting[float]

    @property
    def column(self) -> int:
        return self.intent.column

    @property
    def is_market(self) -> bool:
        return self.resting.limit is None and self.resting.stop is None

    @property
    def day_only(self) -> bool:
        return self.resting.time_in_force is not TimeInForce.GTC

    def split(self, ratio: float) -> "Working":
        """The order after `ratio` new units were given for an old one."""
        old = self.resting
        prices = [None if price is None else price / ratio for price in (old.limit, old.stop, old.trail_distance)]
        limit, stop, distance = prices
        moved = old._replace(leaves=old.leaves * ratio, limit=limit, stop=stop, trail_distance=distance)
        return self._replace(resting=moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a strategy sees at the close of `day`: the past of the market, its account and its working orders."""

    day: int
    market: Market
    equity: float
    cash: float
    units: Sequence[float]
    working: tuple[Working, ...]

    @property
    def close(self) -> FloatArray:
        """(day + 1, N) closes up to now."""
        return self.market.close[: self.day + 1]

    def past(self) -> Market:
        """All that is known by now."""
        return self.market.until(self.day)


class OrderStrategy(Protocol):
    """A strategy that trades by orders."""

    def decide(self, seen: Seen) -> Sequence[Intent | Withdraw]:
        """What to place and withdraw at this close, from what was seen so far and nothing else."""
        ...


def working(key: int, intent: Intent, since: int) -> Working:
    """The order in the market from `since` on."""
    side = Side.BUY if intent.units > 0 else Side.SELL
    resting: Resting[float] = Resting(
        side=side,
        leaves=abs(intent.units),
        since=since,
        limit=intent.limit,
        stop=intent.stop,
        trail_distance=intent.trail_distance,
        trail_fraction=intent.trail_fraction,
        time_in_force=intent.time_in_force,
    )
    return Working(key, intent, resting if intent.stop is None else checked(resting))
