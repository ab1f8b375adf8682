"""What a look knows of the time before it: stops that trail, equity at its highest and at the day's opening, value at
risk. Pure.

A look reads bars, valuations and what was published, where the hot process has seen every tick: it knows of a price or
an equity that was at least so high, not of the highest. So what it finds broken is broken, and what it does not find
may be; nothing is blamed on the hot process that this process merely does not know. The opening alone may differ to
either side: by what one-sided quotes did to the mark, or where no ticks are kept and the last trade stands for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lakehouse.alerting.book import QUANTA, Book, values, worth
from lakehouse.alerting.columns import NEVER
from lakehouse.alerting.memory import Memory, OfPortfolios
from lakehouse.alerting.monitor import Scenarios
from lakehouse.alerting.rules import Kind, Rule
from lakehouse.risk.checks import FloatArray

WHY: Final[Mapping[Kind, str]] = {
    Kind.TRAILING_STOP: "no bar tells where the price has been since it was armed and its position opened",
    Kind.DRAWDOWN: "the value of its portfolio was computed at no close since it was armed",
    Kind.DAILY_LOSS: "something was booked today, or a holding had no price before: the day's opening is not known",
    Kind.VAR_BATCH: "no value at risk of its portfolio was published lately, or the marts did not answer",
    Kind.VAR_LIVE: "a holding has no returns of the past days that scenarios are made of",
}
"""Of the kinds that need a past: why a look may have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is not here is not known.

    `stops` are the prices of trailing stops by rule; `peak` and `opening` equity by portfolio, quanta; `var` of the
    newest batch by portfolio, units of its currency; `returns` (S,) of past days by symbol, all of the same ones.
    """

    stops: Mapping[str, float] = field(default_factory=dict)
    peak: Mapping[str, int] = field(default_factory=dict)
    opening: Mapping[str, int] = field(default_factory=dict)
    var: Mapping[str, float] = field(default_factory=dict)
    returns: Mapping[str, FloatArray] = field(default_factory=dict)

    def knows(self, rule: Rule, held: Mapping[str, float]) -> bool:
        """Whether it has what the rule is judged by; `held` are the units of its portfolio by symbol."""
        owner = rule.portfolio
        if rule.kind is Kind.VAR_LIVE:
            return all(name in self.returns and np.isfinite(self.returns[name]).all() for name, n in held.items() if n)
        known: Mapping[Kind, bool] = {
            Kind.TRAILING_STOP: rule.id in self.stops,
            Kind.DRAWDOWN: owner in self.peak,
            Kind.DAILY_LOSS: owner in self.opening,
            Kind.VAR_BATCH: owner in self.var,
        }
        return known.get(rule.kind, True)

    def memory(self, book: Book) -> Memory:
        """As a monitor of the book remembers it."""

        def quanta(known: Mapping[str, int]) -> np.ndarray:
            return np.array([known.get(each, NEVER) for each in book.portfolios], dtype=np.int64)

        batch = [self.var.get(each, np.nan) * QUANTA for each in book.portfolios]
        live = np.full(len(book.portfolios), np.nan)
        own = OfPortfolios(book.portfolios, quanta(self.peak), quanta(self.opening), np.array(batch, np.float64), live)
        return Memory(portfolios=own)

    def scenarios(self, book: Book) -> Scenarios | None:
        """The returns as scenarios of the book's symbols; None where there are none."""
        if not self.returns:
            return None
        days = max(map(len, self.returns.values()))
        found = np.full((days, len(book.symbols)), np.nan)
        for place, name in enumerate(book.symbols):
            if name in self.returns:
                found[:, place] = self.returns[name]
        return Scenarios(returns=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The `high` and `low` of a price since a trailing stop was armed and its position opened, or since it was last
    told; `told` is the stop at which it was, None where it was not since it was armed."""

    high: float
    low: float
    told: float | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a trailing stop stands, and whether the hot process told it already, and it is not armed again."""

    price: float
    is_told: bool


def stop_of(rule: Rule, units: float, mark: float, trail: Trail) -> Stop:
    """The stop of a trailing rule on a position of `units`, at the newest price, by the kernel's rules: it follows the
    best price since it was armed, keeps still once told, and is armed again by a price back over it."""
    is_long = units > 0
    best = max(trail.high, mark) if is_long else min(trail.low, mark)
    if trail.told is not None and (rule.once or not _is_back(trail.told, best, rule.hysteresis, is_long=is_long)):
        return Stop(trail.told, is_told=True)
    return Stop(best * (1.0 - (rule.limit if is_long else -rule.limit)), is_told=False)


def _is_back(stop: float, best: float, hysteresis: float, *, is_long: bool) -> bool:
    return best > stop * (1.0 + hysteresis) if is_long else best < stop * (1.0 - hysteresis)


def equity_of(book: Book, prices: Mapping[str, float]) -> dict[str, int]:
    """Quanta of each portfolio of the book that is wholly priced."""
    marks = np.array([prices.get(name, np.nan) for name in book.symbols], dtype=np.float64)
    found = worth(book, values(book, marks))
    pairs = zip(book.portfolios, found.equity(book.cash).tolist(), found.missing.tolist(), strict=True)
    return {name: equity for name, equity, missing in pairs if not missing}
