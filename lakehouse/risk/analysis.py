"""Five measures of one holding within its portfolio, each from the same frozen snapshot."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lakehouse.risk.checks import FloatArray, InvalidParameter, require_history
from lakehouse.risk.linear import portfolio_pnl
from lakehouse.risk.returns import simple_returns
from lakehouse.risk.var import historical_var

CONFIDENCE = 0.95
MOMENTUM_START = 252  # trading days back: a year
MOMENTUM_END = 21  # the last month is left out: short-term reversal
CORRELATION_DAYS = 20  # fewest returns that a correlation is computed from


class Measure(StrEnum):
    """What is computed, by the name that clients know."""

    PORTFOLIO_RISK = "portfolio_risk"
    CONCENTRATION = "concentration"
    CORRELATION = "correlation"
    MOMENTUM = "momentum"
    ALLOCATION_SCORE = "allocation_score"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a portfolio holds and how it moved. Nothing of it may change while measures are computed from it.

    symbols (N,); values (N,) in base currency, negative for a short; prices (T, N), oldest first, of the T days that
    all N have.
    """

    symbols: tuple[str, ...]
    values: FloatArray
    prices: FloatArray

    def column(self, symbol: str) -> int:
        """The column of `symbol`. Raises InvalidParameter where it is not held."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise InvalidParameter(f"{symbol} is not among the holdings: {', '.join(self.symbols)}") from None

    @property
    def gross(self) -> float:
        """Sum of absolute values, base currency. Raises InvalidParameter where nothing is held."""
        total = float(np.abs(self.values).sum())
        if total <= 0:
            raise InvalidParameter("nothing is held, or nothing that has a value")
        return total


def portfolio_risk(held: Holdings, _: str) -> float:
    """One-day historical VaR at 95 % of today's holdings, as a fraction of their gross value; positive for a loss.

    Raises InsufficientHistory below 20 returns.
    """
    pnl = portfolio_pnl(simple_returns(held.prices), held.values.reshape(-1, 1))
    return float(historical_var(pnl, confidence=CONFIDENCE)[0]) / held.gross


def concentration(held: Holdings, symbol: str) -> float:
    """The holding's share of gross value, 0 to 1."""
    return float(abs(held.values[held.column(symbol)])) / held.gross


def correlation(held: Holdings, symbol: str) -> float:
    """Pearson correlation of the holding's daily returns with the P&L of all other holdings, -1 to 1.

    Raises InsufficientHistory below 20 returns, InvalidParameter where there is no other holding or one side stands
    still: such a correlation does not exist, it is not zero.
    """
    column = held.column(symbol)
    returns = simple_returns(held.prices)
    require_history(len(returns), CORRELATION_DAYS, "a correlation")
    rest = np.delete(np.arange(len(held.symbols)), column)
    others = portfolio_pnl(returns[:, rest], held.values[rest].reshape(-1, 1))[:, 0]
    own = returns[:, column]
    if not len(rest) or own.std() == 0 or others.std() == 0:
        raise InvalidParameter(f"{symbol} has no other moving holding to be correlated with")
    return float(np.corrcoef(own, others)[0, 1])


def momentum(held: Holdings, symbol: str) -> float:
    """Return from twelve months to one month ago (Jegadeesh and Titman 1993), a fraction.

    Raises InsufficientHistory below 253 prices.
    """
    prices = held.prices[:, held.column(symbol)]
    require_history(len(prices), MOMENTUM_START + 1, "momentum over twelve months")
    return float(prices[-1 - MOMENTUM_END] / prices[-1 - MOMENTUM_START]) - 1.0


def allocation_score(held: Holdings, symbol: str) -> float:
    """Inverse-volatility weight less the holding's share of gross value, -1 to 1: positive where it is underweight.

    Raises InsufficientHistory below 20 returns, InvalidParameter where a holding does not move.
    """
    returns = simple_returns(held.prices)
    require_history(len(returns), CORRELATION_DAYS, "a volatility")
    volatility = returns.std(axis=0, ddof=1)
    if (volatility <= 0).any():
        raise InvalidParameter("a holding's price stands still: it has no volatility to weigh it by")
    target = (1 / volatility) / (1 / volatility).sum()
    return float(target[held.column(symbol)]) - concentration(held, symbol)


MEASURES: dict[Measure, Callable[[Holdings, str], float]] = {
    Measure.PORTFOLIO_RISK: portfolio_risk,
    Measure.CONCENTRATION: concentration,
    Measure.CORRELATION: correlation,
    Measure.MOMENTUM: momentum,
    Measure.ALLOCATION_SCORE: allocation_score,
}
