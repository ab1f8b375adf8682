"""The parameters of a risk run, as they stand in its manifest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from lakehouse.risk.methods import Conventions
from lakehouse.risk.monte_carlo import BLOCK_ROWS, Labels, Simulation
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.rolling_filtered import REFIT_DAYS

TRADING_DAYS_A_YEAR = 250
UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True)
class Parameters:
    """`window_days` returns behind every estimate, about two years: long enough that 1 % of it is five observations,
    short enough to follow a change of regime. `backtest_days` forecasts of one day, Basel's 250; models that are costly
    to fit (GARCH, t copula) are fitted anew every `refit_days` of them. `seed` names the Monte-Carlo draws. `worst`
    scenarios are told of each portfolio. `benchmark` is a symbol, `volume_days` closes make a mean volume. `sectors` of
    the instruments that have one, `multipliers` of those whose contract is not of one unit, both as they were when the
    run was planned."""

    window_days: int = 500
    backtest_days: int = 250
    confidences: tuple[str, ...] = ("0.95", "0.975", "0.99")
    horizons: tuple[int, ...] = (1, 10)
    scenarios: int = 10_000
    block_rows: int = BLOCK_ROWS
    seed: int = 20_221_228
    quantile: str = Quantile.LOWER.value
    ddof: int = 1
    refit_days: int = REFIT_DAYS
    worst: int = 10
    benchmark: str = "SPY"
    volume_days: int = 20
    sectors: Mapping[str, str] = field(default_factory=dict)
    multipliers: Mapping[str, str] = field(default_factory=dict)

    @property
    def levels(self) -> tuple[Decimal, ...]:
        """The confidences as numbers."""
        return tuple(Decimal(text) for text in self.confidences)

    @property
    def conventions(self) -> Conventions:
        """How quantiles and moments are taken, over one day."""
        return self.over(1)

    def over(self, horizon_days: int) -> Conventions:
        """The same over several days."""
        return Conventions(quantile=Quantile(self.quantile), ddof=self.ddof, horizon_days=horizon_days)

    def simulation(self, labels: Labels) -> Simulation:
        """The scenarios of the day after a window: the same seed on every day, numbers by instrument and day, so that
        a change from one day to the next is of market and holdings and not of the draw (ADR 22)."""
        return Simulation(self.seed, self.scenarios, block_rows=self.block_rows, labels=labels)

    def sector(self, symbol: str) -> str:
        """The sector of an instrument, or that there is none."""
        return self.sectors.get(symbol) or UNCLASSIFIED

    def multiplier(self, symbol: str) -> Decimal:
        """Units that one contract of an instrument stands for."""
        return Decimal(self.multipliers.get(symbol, 1))

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
        return {**asdict(self), "confidences": list(self.confidences), "horizons": list(self.horizons)}


def parse(document: Mapping[str, Any]) -> Parameters:
    """The parameters that `document()` told; an older run's lack what came later. Raises TypeError for unknown ones."""
    listed = {name: tuple(document[name]) for name in ("confidences", "horizons") if name in document}
    return Parameters(**{**document, **listed})
