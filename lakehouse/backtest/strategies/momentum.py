"""Cross-sectional momentum, 12-1: last year's winners, the last month left out.

Jegadeesh and Titman: "Returns to Buying Winners and Selling Losers", Journal of Finance 48(1), 1993.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.strategies.kit import carried_prices, first_of_month, lagged, require, spread_evenly, trading
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Momentum:
    """Each month, hold in equal parts the `top` share of instruments by their return from `lookback` to `skip` days
    ago."""

    lookback: int = 252
    skip: int = 21
    top: float = 0.3

    def __post_init__(self) -> None:
        require(0 <= self.skip < self.lookback, f"skip ({self.skip}) must be below lookback ({self.lookback})")
        require(0 < self.top <= 1, f"top is {self.top}: a share in (0, 1]")

    def weights(self, market: Market) -> FloatArray:
        """Decided on the first day of each month."""
        prices = carried_prices(market)
        past = lagged(prices, self.skip) / lagged(prices, self.lookback) - 1.0
        past[~trading(market)] = np.nan
        ranked = np.argsort(np.argsort(-np.where(np.isnan(past), -np.inf, past), axis=1, kind="stable"), axis=1)
        known = np.isfinite(past).sum(axis=1, keepdims=True)
        chosen = (ranked < np.ceil(known * self.top)) & np.isfinite(past)
        decided = spread_evenly(chosen)
        decided[~first_of_month(market.dates) | (known[:, 0] == 0)] = np.nan
        return decided
