"""Buy and hold: what any other strategy has to beat."""

from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import Market
from lakehouse.backtest.strategies.kit import spread_evenly, trading
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyAndHold:
    """Equal parts of all instruments that trade on the first day, bought once and held to the end."""

    def weights(self, market: Market) -> FloatArray:
        """Decided once, at the first close that there is."""
        there = trading(market)
        decided = np.full_like(market.close, np.nan)
        first = int(there.any(axis=1).argmax())
        decided[first] = spread_evenly(there)[first]
        return decided
