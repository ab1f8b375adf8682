"""Pairs: two instruments that move together, the dear one sold against the cheap one.

Gatev, Goetzmann and Rouwenhorst: "Pairs Trading", Review of Financial Studies 19(3), 2006; here with a rolling hedge
ratio by least squares of log prices.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.strategies.kit import carried_prices, on_change, require, rolling_mean, trading
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Long the spread log `first` - ratio x log `second` when it is `entry` standard deviations of `window` days below
    its mean, short above, flat once it is within `exit`. Gross exposure `gross`; empty names take the first two."""

    first: str = ""
    second: str = ""
    window: int = 120
    entry: float = 2.0
    exit: float = 0.5
    gross: float = 1.0

    def __post_init__(self) -> None:
        require(self.window >= 3 and self.gross > 0, "window must be at least 3, gross positive")
        require(self.entry > self.exit >= 0, f"entry ({self.entry}) must lie outside exit ({self.exit})")

    def weights(self, market: Market) -> FloatArray:
        """Decided on days on which a position is opened or closed; the hedge ratio stays as it was at the opening."""
        left, right = self._columns(market)
        prices = np.log(carried_prices(market)[:, [left, right]])
        ratio, score = _spread(prices, self.window)
        there = trading(market)[:, left] & trading(market)[:, right]
        decided = np.zeros_like(market.close)
        side, sizes = 0.0, (0.0, 0.0)
        for day in range(len(score)):
            now = self._side(side, float(score[day])) if there[day] else 0.0
            if now != side:
                unit = self.gross / (1.0 + abs(ratio[day]))
                side, sizes = now, (now * unit, -now * unit * ratio[day])
            decided[day, left], decided[day, right] = sizes
        return on_change(decided)

    def _columns(self, market: Market) -> tuple[int, int]:
        require(len(market.symbols) >= 2, "a pair needs two instruments")
        names = self.first or market.symbols[0], self.second or market.symbols[1]
        for name in names:
            require(name in market.symbols, f"{name} is not among {', '.join(market.symbols)}")
        require(names[0] != names[1], f"{names[0]} cannot be traded against itself")
        return market.symbols.index(names[0]), market.symbols.index(names[1])

    def _side(self, side: float, score: float) -> float:
        if np.isnan(score):
            return 0.0
        if side == 0.0:
            return -float(np.sign(score)) if abs(score) >= self.entry else 0.0
        return side if -side * score > self.exit else 0.0


def _spread(logs: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """(T,) hedge ratio, and the spread's distance from its mean in standard deviations, both of the last `window`
    days."""
    means = rolling_mean(logs, window)
    squares = rolling_mean(logs**2, window) - means**2
    product = rolling_mean(logs[:, :1] * logs[:, 1:], window)[:, 0] - means[:, 0] * means[:, 1]
    # A mean of squares less a squared mean keeps fewer digits: below this, variance is rounding.
    ratio = product / np.where(squares[:, 1] > 1e-12, squares[:, 1], np.nan)
    variance = squares[:, 0] - 2 * ratio * product + ratio**2 * squares[:, 1]
    deviation = np.sqrt(np.where(variance > 1e-12, variance, np.nan))
    return ratio, ((logs[:, 0] - means[:, 0]) - ratio * (logs[:, 1] - means[:, 1])) / deviation
