"""Matrices of weights or units as orders: the bridge over which the two gears are compared."""

import math
from dataclasses import dataclass

from lakehouse.backtest.account import whole
from lakehouse.backtest.orders import Intent, Seen, Withdraw
from lakehouse.backtest.rules import Rules
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True)
class WeightOrders:
    """Weights (T, N) as market orders, sized like the vectorised gear does."""

    weights: FloatArray
    rules: Rules

    def decide(self, seen: Seen) -> list[Intent | Withdraw]:
        """The orders that lead to the weights of the day."""
        row, close = self.weights[seen.day].tolist(), seen.market.close[seen.day].tolist()
        equity, lot, least = max(seen.equity, 0.0), self.rules.lot, self.rules.min_trade
        intents: list[Intent | Withdraw] = []
        for column, wish in enumerate(row):
            price = close[column]
            if math.isnan(wish) or math.isnan(price):
                continue
            units = whole(wish * equity / price, lot) - seen.units[column]
            if units != 0.0 and abs(units) * price >= least:
                intents.append(Intent(column=column, units=units))
        return intents


@dataclass(frozen=True, slots=True)
class UnitOrders:
    """Units (T, N) as market orders; NaN is no order."""

    units: FloatArray
    rules: Rules

    def decide(self, seen: Seen) -> list[Intent | Withdraw]:
        """The orders of the day."""
        close, lot, least = seen.market.close[seen.day].tolist(), self.rules.lot, self.rules.min_trade
        wishes = (
            (column, whole(wish, lot)) for column, wish in enumerate(self.units[seen.day].tolist()) if wish == wish
        )
        return [
            Intent(column=column, units=units)
            for column, units in wishes
            if units != 0.0 and not math.isnan(close[column]) and abs(units) * close[column] >= least
        ]
