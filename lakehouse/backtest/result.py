"""What a backtest gives: equity, cash, every trade, and the statements without which they mean nothing."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from lakehouse.backtest.market import DayArray, IntArray
from lakehouse.backtest.rules import Rules
from lakehouse.risk.checks import FloatArray


@dataclass(frozen=True, slots=True)
class Trades:
    """K fills in the order in which they were made. `day` and `column` (K,) are places in the market; `units` are
    positive for purchases, `price` a unit with slippage, `fee` the commission; `delisting` marks closed positions of
    instruments that ended."""

    day: IntArray
    column: IntArray
    units: FloatArray
    price: FloatArray
    fee: FloatArray
    delisting: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.day)

    @property
    def amount(self) -> FloatArray:
        """(K,) traded value, positive, fees left out."""
        return np.abs(self.units) * self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A backtest. `equity` and `cash` (T,) at each close of `dates`, in the currency of the prices; `orders` how many
    were made, of which `trades` were filled, whole or in part. `cash_rate` (T,) is simple interest of the day, none
    where it is left out.

    `trials` is the number of variants that were tried to find this one, itself included, and `trial_variance` that of
    their Sharpe ratios of a day: they decide what the Sharpe ratio is worth. `survivorship` says how the instruments
    were chosen, `evidence` what was done against looking ahead.
    """

    dates: DayArray
    symbols: tuple[str, ...]
    equity: FloatArray
    cash: FloatArray
    trades: Trades
    orders: int
    rules: Rules
    survivorship: str
    benchmark: FloatArray | None = None
    cash_rate: FloatArray | None = None
    trials: int = 1
    trial_variance: float = 0.0
    evidence: str = "not checked for looking ahead"

    @property
    def returns(self) -> FloatArray:
        """(T - 1,) simple returns of the equity. What leverage loses beyond everything is -1, and nothing follows."""
        wealth = np.maximum(self.equity, 0.0)
        alive = np.minimum.accumulate(wealth[:-1] > 0)
        return np.where(alive, wealth[1:] / np.where(alive, wealth[:-1], 1.0) - 1.0, 0.0)

    @property
    def excess(self) -> FloatArray:
        """(T - 1,) returns above the cash rate: what a Sharpe ratio is of."""
        return self.returns if self.cash_rate is None else self.returns - self.cash_rate[1:]

    def tried(self, trials: int, variance: float) -> Self:
        """The same result, found among `trials` variants whose Sharpe ratios of a day have this variance."""
        return replace(self, trials=trials, trial_variance=variance)

    def checked(self, evidence: str) -> Self:
        """The same result with what was proven of its strategy."""
        return replace(self, evidence=evidence)
