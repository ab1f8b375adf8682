"""A proposal: the trades that bring a portfolio closer to its policy, with everything that one asks before signing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from lakehouse.construction.model import Objective
from lakehouse.construction.regime import Regime
from lakehouse.trading.order import Side


class ProposalStatus(StrEnum):
    """What came of it. Only PROPOSED has trades."""

    PROPOSED = "proposed"
    WITHIN_BANDS = "within_bands"
    NOTHING_TO_TRADE = "nothing_to_trade"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ProposedTrade:
    """One order: `quantity` whole units at `reference_price`, the close that everything here is computed with.

    `cost` is estimated; `lots` are those a sale should close, with the gains that this realises; `note` what its owner
    should know, a wash sale for one. Money is in the portfolio's currency.
    """

    symbol: str
    side: Side
    quantity: Decimal
    reference_price: Decimal
    notional: Decimal
    cost: Decimal
    lots: tuple[tuple[UUID, Decimal], ...] = ()
    short_gain: Decimal = Decimal(0)
    long_gain: Decimal = Decimal(0)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The weights of one instrument: before, wanted by the policy, wanted at this step, and after the trades."""

    symbol: str
    before: float
    target: float
    step: float
    after: float


@dataclass(frozen=True, slots=True)
class RiskOfWeights:
    """Risk of a day's holdings as shares of the portfolio's value, cash included: `volatility` of a year, one-day
    `var_99` and `es_975` by history. Positive is a loss."""

    volatility: float
    var_99: float
    es_975: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to trade for `portfolio_id` after the close of `business_date`, and why.

    Drift is half the sum of |weight - target|, cash among the weights: the share of the value in the wrong place.
    `turnover` is two-sided: the sum of trades over the value before. `cash_after` is never negative. `value` is before
    trading; costs are taken from it, taxes are estimated and taken from nothing. `reasons` are sentences.
    """

    portfolio_id: UUID
    business_date: date
    currency: str
    status: ProposalStatus
    reasons: tuple[str, ...]
    regime: Regime
    regime_source: str
    objective: Objective
    value: Decimal
    cash_before: Decimal
    cash_after: Decimal
    trades: tuple[ProposedTrade, ...]
    lines: tuple[Line, ...]
    drift_before: float
    drift_after: float
    turnover: float
    cost: Decimal
    tax: Decimal
    risk_before: RiskOfWeights
    risk_after: RiskOfWeights
    lots_method: str
    solver: str
    conventions: str
    versions: Mapping[str, str]
