"""What is tried each week, as it stands in the run's manifest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

from lakehouse.backtest.rules import Costs, Rules
from lakehouse.backtest.splits import CombinatorialPurged, WalkForward

Grid = dict[str, dict[str, list[str]]]

BENCHMARK = "buy_and_hold"
"""The strategy that the others are compared with."""
# Few values each, and none that was picked after looking: every one more deflates what is found.
GRIDS: Grid = {
    BENCHMARK: {},
    "moving_average_cross": {"fast": ["20", "50"], "slow": ["100", "200"]},
    "momentum": {"top": ["0.1", "0.3"], "lookback": ["126", "252"]},
    "mean_reversion": {"window": ["20"], "entry": ["1.5", "2.0", "2.5"]},
    "volatility_target": {"target": ["0.10", "0.15"]},
    "pairs": {"window": ["60", "120"]},
    "rebalance": {"policy": ["equal_weight", "min_variance", "risk_parity", "hrp"]},
    "regime_policy": {"rate": ["0.5"]},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """`history_days` trading days at most, about ten years, of instruments priced in `currency`. Parameters are chosen
    anew every `test_days` by the `train_days` before, `purge_days` and `embargo_days` left out between; overfitting is
    measured on `groups` groups of days, `tested` of them tested. Each strategy is tested for looking ahead at `cuts`
    days of the last `proof_days`, drawn with `seed`. Costs are basis points of the traded amount, borrow of the short
    value a year, interest of the free cash a year. What ends pays its last close times 1 + `delisting_return`.
    `actions` are the corporate actions that held when the run was planned, as spark_jobs.returns_daily.actions tells
    them.
    """

    history_days: int = 2520
    currency: str = "USD"
    capital: float = 1_000_000.0
    commission_bps: float = 1.0
    half_spread_bps: float = 2.0
    borrow_bps: float = 50.0
    cash_bps: float = 0.0
    delisting_return: float = 0.0
    lot: float = 1.0
    train_days: int = 756
    test_days: int = 126
    purge_days: int = 1
    embargo_days: int = 5
    groups: int = 8
    tested: int = 2
    proof_days: int = 600
    cuts: int = 1
    seed: int = 20_221_228
    grids: Grid = field(default_factory=lambda: GRIDS)
    actions: list[dict[str, str]] = field(default_factory=list)

    @property
    def rules(self) -> Rules:
        """How every strategy is run; orders are filled at the next open, or close where there are closes only."""
        costs = Costs(commission_bps=self.commission_bps, half_spread_bps=self.half_spread_bps)
        return Rules(initial_cash=self.capital, costs=costs, lot=self.lot, borrow_rate=self.borrow_bps / 10_000)

    @property
    def plan(self) -> WalkForward:
        """The walk-forward."""
        return WalkForward(train=self.train_days, test=self.test_days, purge=self.purge_days, embargo=self.embargo_days)

    @property
    def folds(self) -> CombinatorialPurged:
        """The folds behind the probability of overfitting."""
        return CombinatorialPurged(
            groups=self.groups, tested=self.tested, purge=self.purge_days, embargo=self.embargo_days
        )

    @property
    def years(self) -> int:
        """Calendar years that surely hold the history."""
        return self.history_days // 250 + 1

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def parse(document: Mapping[str, Any]) -> Parameters:
    """The parameters of a manifest; runs of before there was an embargo had none."""
    return Parameters(**{"embargo_days": 0, **document})


def variants(grid: Mapping[str, list[str]]) -> list[dict[str, str]]:
    """Every combination of a grid's values, in its order."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
