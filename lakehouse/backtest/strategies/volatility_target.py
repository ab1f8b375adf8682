"""Volatility targeting: an equal-weight basket, held as large as its risk is constant."""

import math
from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.rules import TRADING_DAYS
from lakehouse.backtest.strategies.kit import (
    carried_prices,
    require,
    returns_of,
    rolling_deviation,
    spread_evenly,
    trading,
)
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityTarget:
    """Hold all instruments in equal parts, together `target` / volatility of equity, at most `cap`.

    Volatility is a year's, of the basket over `window` days. Traded when the size is more than `band` of itself off.
    """

    target: float = 0.10
    window: int = 60
    cap: float = 1.0
    band: float = 0.1

    def __post_init__(self) -> None:
        require(self.target > 0 and self.cap > 0, "target and cap must be positive")
        require(self.window >= 2 and self.band >= 0, "window must be at least 2, band not negative")

    def weights(self, market: Market) -> FloatArray:
        """Decided on days on which the size leaves its band."""
        even = spread_evenly(trading(market))
        changes = returns_of(carried_prices(market))
        held = np.where(np.isfinite(changes), even, 0.0)
        basket = np.nansum(held * np.nan_to_num(changes), axis=1, keepdims=True)
        volatility = rolling_deviation(basket, self.window)[:, 0] * math.sqrt(TRADING_DAYS)
        decided = np.full_like(even, np.nan)
        size = 0.0
        # The basket's first change is not one: the window starts a day later.
        for day in range(self.window, len(even)):
            wanted = self.cap if volatility[day] <= 0 else min(self.cap, self.target / volatility[day])
            if abs(wanted - size) > self.band * size:
                size = wanted
                decided[day] = size * even[day]
        return decided
