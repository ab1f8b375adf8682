"""Mean reversion: buy what fell far below its average, sell when it is back."""

from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.strategies.kit import (
    carried_prices,
    on_change,
    require,
    rolling_deviation,
    rolling_mean,
    trading,
)
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanReversion:
    """Hold 1/N of equity of an instrument from when its close is `entry` standard deviations of `window` days below
    their mean, until it is above `exit` of them below."""

    window: int = 20
    entry: float = 2.0
    exit: float = 0.0

    def __post_init__(self) -> None:
        require(self.window >= 2, f"window is {self.window}: at least 2")
        require(self.entry > self.exit, f"entry ({self.entry}) must lie further out than exit ({self.exit})")

    def weights(self, market: Market) -> FloatArray:
        """Decided on days on which a position is opened or closed."""
        prices = carried_prices(market)
        deviation = rolling_deviation(prices, self.window)
        score = (prices - rolling_mean(prices, self.window)) / np.where(deviation > 0, deviation, np.nan)
        there = trading(market)
        held = np.zeros(score.shape, dtype=bool)
        now = np.zeros(score.shape[1], dtype=bool)
        for day in range(len(score)):
            now = (np.where(now, score[day] < -self.exit, score[day] <= -self.entry)) & there[day]
            held[day] = now
        return on_change(np.where(held, 1.0 / len(market.symbols), 0.0))
