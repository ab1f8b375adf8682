"""The policy that portfolios are kept by where nothing else is said: another aim in each regime, weights that move in
steps."""

from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.strategies.kit import carried_prices, first_of_month, require, returns_of
from lakehouse.backtest.strategies.rebalance import best_weights, occasions
from lakehouse.construction.policy import Pace, standard_aims, towards
from lakehouse.construction.regime import STANDARD_RULE, Regime, read_regime
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimePolicy:
    """On the first day of each month, the regime of all instruments in equal parts, and `rate` of the way to the
    weights that are best for its aim by the last `lookback` returns: max_sharpe in a bull market, mean_cvar with 30 %
    in cash in a bear market, risk_parity with 5 % in cash otherwise, and while history is too short for a regime."""

    lookback: int = 252
    rate: float = 0.5

    def __post_init__(self) -> None:
        require(self.lookback >= 2, f"lookback is {self.lookback}: at least 2")
        require(0 < self.rate <= 1, f"rate is {self.rate}: a share of the way, above 0")

    def weights(self, market: Market) -> FloatArray:
        """Decided on the first day of each month, once there are enough returns; where a solver fails, they stay."""
        index, aims = _index(returns_of(carried_prices(market))), standard_aims()
        decided = np.full_like(market.close, np.nan)
        held = np.zeros(len(market.symbols))
        for at in occasions(market, first_of_month(market.dates), self.lookback):
            aim = aims[_regime(index[: at.day + 1])]
            found = best_weights(aim.objective, at.past, aim.max_weight, 1 - aim.cash, held[at.known])
            if found is not None:
                target = at.spread(found)
                # What is not known any more may be gone: it is not held on, whatever the pace.
                held = np.where(at.known, towards(held, target, Pace(self.rate)), 0.0) if held.any() else target
                decided[at.day] = held
        return decided


def _index(changes: FloatArray) -> FloatArray:
    """(T,) from 1: each day moves by the mean of the returns that there are."""
    there = np.isfinite(changes)
    mean = np.where(there, changes, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    index: FloatArray = np.cumprod(1.0 + mean)
    return index


def _regime(index: FloatArray) -> Regime:
    return read_regime(index).regime if len(index) >= STANDARD_RULE.days_needed else Regime.SIDEWAYS
