"""Weights that somebody else decided: rows of date, symbol and weight."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.backtest.market import DayArray, Market
from lakehouse.backtest.strategies.kit import BadParameter
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """K weights: of `symbols` (K,), known at the close of `dates` (K,), of equity. On a date that has any, symbols
    without one get 0; on other dates nothing is decided."""

    dates: DayArray
    symbols: Sequence[str]
    values: FloatArray

    def weights(self, market: Market) -> FloatArray:
        """The weights, by the market's days. Raises BadParameter for days or symbols that the market lacks, for two
        weights of one symbol and day, and for ones that are not finite."""
        days = np.searchsorted(market.dates, self.dates)
        column_of = {symbol: column for column, symbol in enumerate(market.symbols)}
        decided = np.full_like(market.close, np.nan)
        decided[np.unique(days[days < market.days])] = 0.0
        seen: set[tuple[int, str]] = set()
        for day, symbol, value in zip(days.tolist(), self.symbols, self.values.tolist(), strict=True):
            self._require(market, day, symbol, value, seen)
            decided[day, column_of[symbol]] = value
        return decided

    def _require(self, market: Market, day: int, symbol: str, value: float, seen: set[tuple[int, str]]) -> None:
        if day >= market.days or market.dates[day] not in self.dates:
            raise BadParameter("a signal's date is no trading day of the market: signals are known at a close")
        if symbol not in market.symbols or not np.isfinite(value) or (day, symbol) in seen:
            raise BadParameter(f"{symbol} on {market.dates[day]}: unknown, not finite or twice")
        seen.add((day, symbol))
