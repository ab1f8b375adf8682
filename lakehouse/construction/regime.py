"""In which regime a market is, by a rule that looks back only: the fallback where no regime model was promoted."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lakehouse.risk.checks import FloatArray, InvalidParameter, finite_matrix, require_history
from lakehouse.risk.returns import InvalidPrice

TRADING_DAYS = 252


class Regime(StrEnum):
    """Rising and calm; falling or in panic; anything between."""

    BULL = "bull"
    BEAR = "bear"
    SIDEWAYS = "sideways"


@dataclass(frozen=True, slots=True)
class RegimeRule:
    """The rule's numbers.

    The trend is the last close over the mean of the last `trend_days` closes (200 days: Faber 2007). The stress is the
    volatility of the last `volatility_days` over the median of that volatility in the last `history_days` (5 years).
    bear: stress >= `panic`, or the trend is below 1 - `band` and stress > 1. bull: the trend is above 1 + `band` and
    stress < `calm`. sideways: everything else. The band keeps a close that hovers at its mean from flipping daily.
    """

    trend_days: int = 200
    band: float = 0.01
    volatility_days: int = 60
    history_days: int = 1260
    calm: float = 1.5
    panic: float = 2.0

    def __post_init__(self) -> None:
        if not (self.trend_days > 1 and self.volatility_days > 1 and self.history_days > self.volatility_days):
            raise InvalidParameter(
                "a regime rule needs more than one day of trend and volatility, and a longer history"
            )
        if not (0 <= self.band < 1 and 1 <= self.calm <= self.panic):
            raise InvalidParameter("a regime rule needs 0 <= band < 1 and 1 <= calm <= panic")

    @property
    def days_needed(self) -> int:
        """Closes without which the rule cannot answer."""
        return max(self.trend_days, 2 * self.volatility_days + 1)


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """A regime, where it comes from, and what it was read from: `trend` and `stress` as `RegimeRule` defines them, and
    `volatility` of a year as a fraction."""

    regime: Regime
    source: str
    trend: float
    stress: float
    volatility: float


STANDARD_RULE = RegimeRule()
RULE_SOURCE = "rule:ma200_vol60"


def read_regime(closes: FloatArray, rule: RegimeRule = STANDARD_RULE) -> RegimeReading:
    """The regime at the last of (T,) `closes`, oldest first; later closes do not exist for it.

    Where there are fewer than `history_days`, the median is that of all there are. NaN policy: refused. Raises
    InsufficientHistory below `days_needed` closes, NonFinite, InvalidPrice.
    """
    prices = finite_matrix("closes", closes[:, None])[:, 0]
    require_history(len(prices), rule.days_needed, "closes behind a regime")
    if (prices <= 0).any():
        place = int(np.argmax(prices <= 0))
        raise InvalidPrice(float(prices[place]), f"place {place}")
    trend = float(prices[-1] / prices[-rule.trend_days :].mean())
    volatilities = rolling_volatility(prices, rule.volatility_days)[-rule.history_days :]
    now, usual = float(volatilities[-1]), float(np.median(volatilities))
    stress = now / usual if usual > 0 else 1.0
    return RegimeReading(_regime(trend, stress, rule), RULE_SOURCE, trend, stress, now)


def rolling_volatility(prices: FloatArray, days: int) -> FloatArray:
    """Volatility of a year (ddof 1, 252 days) of the log returns of each `days` in a row: (T,) -> (T - days,)."""
    returns = np.diff(np.log(prices))
    windows = np.lib.stride_tricks.sliding_window_view(returns, days)
    yearly: FloatArray = windows.std(axis=1, ddof=1) * np.sqrt(TRADING_DAYS)
    return yearly


def _regime(trend: float, stress: float, rule: RegimeRule) -> Regime:
    if stress >= rule.panic or (trend < 1 - rule.band and stress > 1):
        return Regime.BEAR
    if trend > 1 + rule.band and stress < rule.calm:
        return Regime.BULL
    return Regime.SIDEWAYS
