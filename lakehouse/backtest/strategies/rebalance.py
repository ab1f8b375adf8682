"""The policies of lakehouse.construction as strategies: weights made anew each month from the returns before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.strategies.kit import (
    BadParameter,
    BoolArray,
    carried_prices,
    first_of_month,
    require,
    returns_of,
    trading,
)
from lakehouse.construction.model import Goal, Market as Past, Objective, Status, sample_market
from lakehouse.risk.checks import FloatArray

_WITHOUT_PARAMETERS = frozenset(Objective) - {Objective.RISK_BUDGETING, Objective.TARGET_WEIGHTS}


class Every(StrEnum):
    """How often weights are made."""

    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalance:
    """On the first day of each month or quarter, the weights that are best for `policy` (an objective of
    lakehouse.construction) by the last `lookback` returns, none above `most`, `budget` of equity in all.

    Instruments without a return on each of these days are left out. Where a solver fails, the weights stay.
    """

    policy: Objective = Objective.MIN_VARIANCE
    lookback: int = 252
    every: Every = Every.MONTH
    most: float = 1.0
    budget: float = 1.0

    def __post_init__(self) -> None:
        require(self.lookback >= 2, f"lookback is {self.lookback}: at least 2")
        require(0 < self.most <= 1 and 0 < self.budget <= 1, "most and budget are shares in (0, 1]")
        if self.policy not in _WITHOUT_PARAMETERS:
            raise BadParameter(f"{self.policy} needs a vector: use one of {', '.join(sorted(_WITHOUT_PARAMETERS))}")

    def weights(self, market: Market) -> FloatArray:
        """Decided on the first day of each month or quarter, once there are enough returns."""
        decided = np.full_like(market.close, np.nan)
        held = np.zeros(len(market.symbols))
        for at in occasions(market, self._due(market), self.lookback):
            found = self._allocated(at.past, held[at.known])
            if found is not None:
                decided[at.day] = held = at.spread(found)
        return decided

    def _due(self, market: Market) -> BoolArray:
        first = first_of_month(market.dates)
        if self.every is Every.MONTH:
            return first
        # Counted from January 1970, so that every third month begins a quarter.
        begins: BoolArray = market.dates.astype("datetime64[M]").astype(int) % 3 == 0
        return first & begins

    def _allocated(self, past: Past, held: FloatArray) -> FloatArray | None:
        if self.policy is Objective.EQUAL_WEIGHT:
            return np.full(len(held), min(self.most, self.budget / len(held)))
        return best_weights(self.policy, past, self.most, self.budget, held)


@dataclass(frozen=True, slots=True)
class Occasion:
    """A day on which weights are made: which instruments are `known` (N,), and the `past` of these."""

    day: int
    known: BoolArray
    past: Past

    def spread(self, weights: FloatArray) -> FloatArray:
        """Weights of the known instruments as (N,) weights of all: 0 for the others."""
        whole = np.zeros(len(self.known))
        whole[self.known] = weights
        return whole


def occasions(market: Market, due: BoolArray, lookback: int) -> Iterator[Occasion]:
    """The `due` days (T,) that have `lookback` returns behind them. Instruments without a return on each of these days,
    or without a close on the last, are left out."""
    changes, there = returns_of(carried_prices(market)), trading(market)
    for day in np.flatnonzero(due).tolist():
        past = changes[day + 1 - lookback : day + 1]
        known = np.isfinite(past).all(axis=0) & there[day]
        if day >= lookback and known.any():
            names = tuple(symbol for symbol, is_known in zip(market.symbols, known, strict=True) if is_known)
            yield Occasion(day, known, sample_market(names, past[:, known]))


def best_weights(objective: Objective, market: Past, most: float, budget: float, held: FloatArray) -> FloatArray | None:
    """The weights (N,) that are best for `objective` by a `market` that has passed, none above `most` (or an equal
    part, where that is more), `budget` in all; None where a solver fails."""
    # Here, because it brings skfolio and cvxpy, which take seconds.
    from lakehouse.construction.allocate import allocate
    from lakehouse.construction.limits import long_only

    count = len(market.symbols)
    limits = long_only(count, most=max(most, budget / count), budget=budget)
    found = allocate(Goal(objective), market, limits, held)
    return found.weights if found.status is Status.SOLVED else None
