"""The parameters of a risk run, as they stand in its manifest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from lakehouse.risk.methods import Conventions
from lakehouse.risk.monte_carlo import BLOCK_ROWS, Simulation
from lakehouse.risk.quantiles import Quantile

TRADING_DAYS_A_YEAR = 250


@dataclass(frozen=True, slots=True)
class Parameters:
    """`window_days` returns behind every estimate, about two years: long enough that 1 % of it is five observations,
    short enough to follow a change of regime. `backtest_days` forecasts, Basel's 250. `seed` names the Monte-Carlo
    draws. Horizon: one day."""

    window_days: int = 500
    backtest_days: int = 250
    confidences: tuple[str, ...] = ("0.95", "0.99")
    scenarios: int = 10_000
    block_rows: int = BLOCK_ROWS
    seed: int = 20_221_228
    quantile: str = Quantile.LOWER.value
    ddof: int = 1

    @property
    def levels(self) -> tuple[Decimal, ...]:
        """The confidences as numbers."""
        return tuple(Decimal(text) for text in self.confidences)

    @property
    def conventions(self) -> Conventions:
        """How quantiles and moments are taken."""
        return Conventions(quantile=Quantile(self.quantile), ddof=self.ddof)

    def simulation(self, stream: int) -> Simulation:
        """The scenarios of one day, named by `stream`."""
        return Simulation(self.seed, self.scenarios, stream, self.block_rows)

    @property
    def returns_needed(self) -> int:
        """Daily returns behind the oldest forecast of the backtest and all that follow it."""
        return self.window_days + self.backtest_days

    @property
    def years_needed(self) -> int:
        """Calendar years to read for that many returns, with one to spare for days that not all instruments have."""
        return -(-self.returns_needed // TRADING_DAYS_A_YEAR) + 1

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "confidences": list(self.confidences)}


def parse(document: Mapping[str, Any]) -> Parameters:
    """The parameters that `document()` told. Raises TypeError for unknown ones."""
    return Parameters(**{**document, "confidences": tuple(document["confidences"])})
