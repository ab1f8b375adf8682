"""The policies of lakehouse.construction as strategies: weights made anew each month from the returns before it."""

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
from lakehouse.construction.model import Goal, Objective, Status, sample_market
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
        changes = returns_of(carried_prices(market))
        there = trading(market)
        decided = np.full_like(market.close, np.nan)
        held = np.zeros(len(market.symbols))
        for day in np.flatnonzero(self._due(market)).tolist():
            known = np.isfinite(changes[day + 1 - self.lookback : day + 1]).all(axis=0) & there[day]
            if day < self.lookback or not known.any():
                continue
            found = self._allocated(market, changes[day + 1 - self.lookback : day + 1, known], known, held[known])
            if found is not None:
                held = np.zeros(len(market.symbols))
                held[known] = found
                decided[day] = held
        return decided

    def _due(self, market: Market) -> BoolArray:
        first = first_of_month(market.dates)
        if self.every is Every.MONTH:
            return first
        # Counted from January 1970, so that every third month begins a quarter.
        begins: BoolArray = market.dates.astype("datetime64[M]").astype(int) % 3 == 0
        return first & begins

    def _allocated(self, market: Market, changes: FloatArray, known: BoolArray, held: FloatArray) -> FloatArray | None:
        if self.policy is Objective.EQUAL_WEIGHT:
            return np.full(len(held), min(self.most, self.budget / len(held)))
        # Here, because it brings skfolio and cvxpy, which take seconds.
        from lakehouse.construction.allocate import allocate
        from lakehouse.construction.limits import long_only

        names = tuple(symbol for symbol, is_known in zip(market.symbols, known, strict=True) if is_known)
        most = max(self.most, self.budget / len(names))
        limits = long_only(len(names), most=most, budget=self.budget)
        found = allocate(Goal(self.policy), sample_market(names, changes), limits, held)
        return found.weights if found.status is Status.SOLVED else None
