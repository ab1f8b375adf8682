"""How a portfolio is kept: its aim in each regime, how fast it moves, when it trades at all, and at what cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import numpy as np

from lakehouse.construction.model import Objective
from lakehouse.construction.regime import Regime
from lakehouse.risk.checks import FloatArray, InvalidParameter


class Frequency(StrEnum):
    """How often a portfolio is due. Biannual is twice a year."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    BIANNUAL = "biannual"
    ANNUAL = "annual"


@dataclass(frozen=True, slots=True)
class Sector:
    """Instruments that are limited together, as shares of the portfolio's value."""

    name: str
    symbols: tuple[str, ...]
    lower: float = 0.0
    upper: float = 1.0


WITH_SHORTS = (Objective.MIN_VARIANCE, Objective.MAX_SHARPE, Objective.MEAN_CVAR, Objective.TARGET_WEIGHTS)
"""Objectives that have an answer with short positions; the others are defined for long ones."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a portfolio aims at in one regime.

    `cash` is the share kept back, the hedge of a long-only portfolio; `max_weight` that of one instrument at most;
    `max_turnover` the sum of |changes| at most, `max_cost` what these cost at most; `targets` weights by symbol, for
    target_weights; `budgets` parts of the risk by symbol, in any unit, for risk_budgeting: nothing else is held.
    `min_weight` below 0 allows short positions of that size at most, and `max_gross` bounds the sum of |weights|. What
    is held short under an aim without them is bought back.
    """

    objective: Objective
    cash: float = 0.0
    max_weight: float = 1.0
    max_turnover: float | None = None
    cardinality: int | None = None
    targets: tuple[tuple[str, float], ...] = ()
    max_cost: float | None = None
    budgets: tuple[tuple[str, float], ...] = ()
    min_weight: float = 0.0
    max_gross: float | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.cash < 1 and 0 < self.max_weight <= 1):
            raise InvalidParameter("an aim needs 0 <= cash < 1 and 0 < max_weight <= 1")
        if (self.objective is Objective.RISK_BUDGETING) != bool(self.budgets):
            raise InvalidParameter("budgets go with risk_budgeting, and with nothing else")
        if any(part <= 0 for _, part in self.budgets):
            raise InvalidParameter("a risk budget is above 0: leave out what must not be held")
        if (self.objective is Objective.TARGET_WEIGHTS) != bool(self.targets):
            raise InvalidParameter("targets go with target_weights, and with nothing else")
        if self.targets and sum(weight for _, weight in self.targets) > 1 + 1e-9:
            raise InvalidParameter("targets sum to more than 1")
        self._check_shorts()

    def _check_shorts(self) -> None:
        if any(weight < self.min_weight for _, weight in self.targets):
            raise InvalidParameter("a target is below min_weight: a short one needs a min_weight below 0")
        if self.targets and self.min_weight < 0 and sum(weight for _, weight in self.targets) <= 0:
            raise InvalidParameter("targets with short ones among them sum to more than 0")
        if (self.min_weight < 0) != (self.max_gross is not None):
            raise InvalidParameter("min_weight below 0 and max_gross go together")
        if not -1 <= self.min_weight <= 0 or not (self.max_gross is None or 1 - self.cash <= self.max_gross <= 3):
            raise InvalidParameter("an aim needs -1 <= min_weight <= 0 and 1 - cash <= max_gross <= 3")
        if self.min_weight < 0 and (self.objective not in WITH_SHORTS or self.cardinality is not None):
            raise InvalidParameter(f"short positions go with {', '.join(WITH_SHORTS)}, and with no cardinality")


@dataclass(frozen=True, slots=True)
class Bands:
    """How far a weight may drift before it is traded: `absolute` share of the value, `relative` share of its target;
    the narrower one counts (5 and 25 is the 5/25 rule). Then everything goes back to its target, or with `to_edge`,
    for aims with targets, no further than into its band."""

    absolute: float = 0.05
    relative: float = 0.25
    to_edge: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.absolute <= 1 and self.relative >= 0):
            raise InvalidParameter("bands need 0 <= absolute <= 1 and relative >= 0")

    def width(self, target: FloatArray) -> FloatArray:
        """How far each weight may be from `target` (N,)."""
        return np.minimum(self.absolute, self.relative * np.abs(target))


@dataclass(frozen=True, slots=True)
class Pace:
    """Smooth changes: `rate` of the way to the target at once, at most `max_step` of summed |change|."""

    rate: float = 1.0
    max_step: float = 2.0

    def __post_init__(self) -> None:
        if not (0 < self.rate <= 1 and self.max_step > 0):
            raise InvalidParameter("a pace needs 0 < rate <= 1 and max_step > 0")


@dataclass(frozen=True, slots=True)
class Costs:
    """What a trade costs: `per_share` and `per_order` in the currency, `bps` and `half_spread_bps` of its value."""

    per_share: Decimal = Decimal(0)
    per_order: Decimal = Decimal(0)
    bps: Decimal = Decimal(1)
    half_spread_bps: Decimal = Decimal(2)

    def __post_init__(self) -> None:
        if min(self.per_share, self.per_order, self.bps, self.half_spread_bps) < 0:
            raise InvalidParameter("a cost of trading is never negative")

    @property
    def rate(self) -> Decimal:
        """Share of a trade's value."""
        return (self.bps + self.half_spread_bps) / 10_000


@dataclass(frozen=True, slots=True)
class Taxes:
    """Rates on gains of lots held for a year at most, and for longer."""

    short_term: Decimal = Decimal(0)
    long_term: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not (0 <= self.short_term <= 1 and 0 <= self.long_term <= 1):
            raise InvalidParameter("tax rates lie in [0, 1]")


def standard_aims() -> dict[Regime, Aim]:
    """Growth for its risk when the market rises; the least tail loss and a third in cash when it falls; equal risks
    between."""
    return {
        Regime.BULL: Aim(Objective.MAX_SHARPE, max_weight=0.35),
        Regime.BEAR: Aim(Objective.MEAN_CVAR, cash=0.3, max_weight=0.35),
        Regime.SIDEWAYS: Aim(Objective.RISK_PARITY, cash=0.05),
    }


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it. `aims` has every regime; `min_trade` is the least value of an order, in the currency; `lot_size` the
    units that orders are multiples of; `universe` may be bought beside what is held; `excluded` symbols are sold and
    never bought. `max_volatility` of a year is held by keeping back more cash than an aim says, of explicit targets
    too; `target_return` of a year changes nothing: whether what is expected meets it is told."""

    frequency: Frequency = Frequency.MONTHLY
    aims: Mapping[Regime, Aim] = field(default_factory=standard_aims)
    sectors: tuple[Sector, ...] = ()
    bands: Bands = Bands()
    pace: Pace = Pace()
    costs: Costs = Costs()
    taxes: Taxes = Taxes()
    min_trade: Decimal = Decimal(0)
    lot_size: int = 1
    universe: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    max_volatility: float | None = None
    target_return: float | None = None

    def __post_init__(self) -> None:
        if missing := set(Regime) - set(self.aims):
            raise InvalidParameter(f"the policy has no aim for {', '.join(sorted(missing))}")
        if self.min_trade < 0 or self.lot_size < 1:
            raise InvalidParameter("min_trade must not be negative, and lot_size be at least 1")
        if self.max_volatility is not None and self.max_volatility < 0:
            raise InvalidParameter("max_volatility must not be negative")

    def wanted_symbols(self) -> frozenset[str]:
        """What the policy may buy, whatever is held: its universe, and what has a target or a risk budget."""
        named = {symbol for aim in self.aims.values() for symbol, _ in (*aim.targets, *aim.budgets)}
        return frozenset(named | set(self.universe)) - set(self.excluded)


def towards(previous: FloatArray, target: FloatArray, pace: Pace) -> FloatArray:
    """A step from `previous` to `target` weights (N,): their own straight line, so that what both keep to (bounds,
    sectors) the step keeps to as well."""
    change = target - previous
    length = float(np.abs(change).sum())
    if length == 0:
        return target.copy()
    share = min(pace.rate, pace.max_step / length)
    return target.copy() if share == 1 else previous + share * change


def outside(weights: FloatArray, target: FloatArray, bands: Bands) -> FloatArray:
    """By how much each weight lies outside its band, signed: (N,) zeros where all are inside."""
    drift = weights - target
    beyond: FloatArray = np.sign(drift) * np.maximum(np.abs(drift) - bands.width(target), 0.0)
    return beyond
