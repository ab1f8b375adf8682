"""Moving-average cross: hold what trades above its own slow average."""

from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.strategies.kit import carried_prices, on_change, require, rolling_mean, trading
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingAverageCross:
    """Hold 1/N of equity of each instrument while its `fast`-day average is above its `slow`-day one, else cash."""

    fast: int = 50
    slow: int = 200

    def __post_init__(self) -> None:
        require(1 <= self.fast < self.slow, f"fast ({self.fast}) must be at least 1 and below slow ({self.slow})")

    def weights(self, market: Market) -> FloatArray:
        """Decided on days on which an average crosses."""
        prices = carried_prices(market)
        fast, slow = rolling_mean(prices, self.fast), rolling_mean(prices, self.slow)
        above = (fast > slow) & trading(market)
        return on_change(np.where(above, 1.0 / len(market.symbols), 0.0))
