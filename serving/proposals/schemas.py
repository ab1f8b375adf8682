"""What policies and proposals look like on the wire. Shares are decimal strings, as 0.35 for 35 %."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.construction.model import Objective
from lakehouse.construction.policy import Frequency
from lakehouse.construction.proposal import ProposalStatus
from lakehouse.construction.regime import Regime
from lakehouse.trading.order import Side
from serving.kit.crud.listing import ListQuery
from serving.kit.types import (
    Flag,
    Fraction,
    IsoDate,
    MoneyOut,
    NotNegative,
    Number,
    Omittable,
    Optionally,
    Price,
    Quantity,
    ShortWeight,
    Symbol,
    Text,
    Weight,
    number_only,
)

MAX_NAMES = 500
Names = Annotated[int, Field(ge=1, le=MAX_NAMES), BeforeValidator(number_only)]
Lot = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(number_only)]
ZERO, ONE = Decimal(0), Decimal(1)


class Body(BaseModel):
    """A part of a policy: nothing but what is documented."""

    model_config = ConfigDict(extra="forbid")


class AimIn(Body):
    """What the portfolio aims at in one regime."""

    objective: Objective = Field(
        description="what the weights are to achieve; target_weights needs targets, risk_budgeting needs budgets",
        examples=["risk_parity"],
    )
    cash: Fraction = Field(ZERO, description="share of the value that is kept back")
    max_weight: Fraction = Field(ONE, description="share that one instrument may have at most")
    max_turnover: NotNegative | None = Field(
        None, description="sum of |change| over all weights at most, buys and sales added; null for no limit"
    )
    max_cost: Fraction | None = Field(
        None, description="share of the value that trading may cost at most, fees of an order aside; null for no limit"
    )
    cardinality: Names | None = Field(None, description="instruments held at most; null for no limit")
    min_weight: ShortWeight = Field(
        ZERO,
        description="share that one instrument may be sold short at most, as a number below 0; with min_variance, "
        "max_sharpe, mean_cvar and target_weights. At 0 what is held short is bought back",
    )
    max_gross: NotNegative | None = Field(
        None, description="sum of |weights| at most, up to 3; goes with a min_weight below 0"
    )
    targets: Annotated[list["TargetIn"], Field(max_length=MAX_NAMES)] = Field(
        [], description="weights, for target_weights; the rest is cash"
    )
    budgets: Annotated[list["BudgetIn"], Field(max_length=MAX_NAMES)] = Field(
        [], description="parts of the risk, for risk_budgeting; nothing else is held"
    )


class TargetIn(Body):
    """A wanted weight."""

    symbol: Symbol
    weight: Weight = Field(description="share of the portfolio's value; below 0 to be sold short")


class BudgetIn(Body):
    """A part of the portfolio's risk."""

    symbol: Symbol
    part: NotNegative = Field(description="above 0, beside the parts of the others: 2 and 1 are two thirds and one")


class SectorIn(Body):
    """Instruments that are limited together."""

    name: Text
    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=MAX_NAMES)]
    lower: Fraction = Field(ZERO, description="share of the value that they have together at least")
    upper: Fraction = Field(ONE, description="share that they have together at most")


class BandsIn(Body):
    """How far a weight may drift before anything is traded; the narrower of the two counts."""

    absolute: Fraction = Field(Decimal("0.05"), description="share of the portfolio's value")
    relative: NotNegative = Field(Decimal("0.25"), description="share of the target weight")
    to_edge: Flag = Field(
        False, description="for aims with targets: trade no further than into the band; otherwise to the target"
    )


class PaceIn(Body):
    """How fast weights change."""

    rate: Fraction = Field(ONE, description="share of the way to the target that one proposal goes; above 0")
    max_step: NotNegative = Field(Decimal(2), description="sum of |change| of one proposal at most; above 0")


class CostsIn(Body):
    """What a trade costs; in the portfolio's currency where nothing else is said."""

    per_share: NotNegative = Field(ZERO, description="for each unit")
    per_order: NotNegative = Field(ZERO, description="for each order")
    bps: NotNegative = Field(ONE, description="hundredths of a percent of the value")
    half_spread_bps: NotNegative = Field(Decimal(2), description="half the spread, in hundredths of a percent")


class TaxesIn(Body):
    """Rates on gains, for the estimate of taxes and the choice of lots."""

    short_term: Fraction = Field(ZERO, description="on lots held for a year at most")
    long_term: Fraction = Field(ZERO, description="on lots held for longer")


class AimsIn(Body):
    """An aim a regime. Usual: max_sharpe; mean_cvar with 0.3 in cash; risk_parity with 0.05 in cash."""

    bull: AimIn | None = None
    bear: AimIn | None = None
    sideways: AimIn | None = None


class PolicyIn(Body):
    """How a portfolio is kept."""

    frequency: Frequency = Field(description="how often it is due", examples=["monthly"])
    starts_on: Omittable[IsoDate] = Field(
        None, description="day that due dates are counted from, moved to trading days; today where it is left out"
    )
    is_enabled: Flag = Field(True, description="whether proposals are made")
    is_automatic: Flag = Field(
        False, description="whether proposals become orders without being confirmed, by the rules of a confirmation"
    )
    aims: AimsIn = Field(default_factory=AimsIn, description="what it aims at in each regime")
    sectors: Annotated[list[SectorIn], Field(max_length=50)] = []
    bands: BandsIn = Field(default_factory=BandsIn)
    pace: PaceIn = Field(default_factory=PaceIn)
    costs: CostsIn = Field(default_factory=CostsIn)
    taxes: TaxesIn = Field(default_factory=TaxesIn)
    min_trade: NotNegative = Field(ZERO, description="value of an order at least, in the portfolio's currency")
    lot_size: Lot = Field(1, description="units that orders are multiples of")
    universe: Annotated[list[Symbol], Field(max_length=MAX_NAMES)] = Field(
        [], description="instruments that may be bought beside those held"
    )
    excluded: Annotated[list[Symbol], Field(max_length=MAX_NAMES)] = Field(
        [], description="instruments that are sold and never bought"
    )


class AimsOut(Body):
    """The aim of each regime."""

    bull: AimIn
    bear: AimIn
    sideways: AimIn


class PolicyOut(BaseModel):
    """A policy, and when it is due."""

    portfolio_id: UUID
    frequency: Frequency
    starts_on: date = Field(description="day that due dates are counted from")
    next_on: date = Field(description="trading day whose close the next proposal is made with")
    is_overdue: bool = Field(description="that day has passed; the next run of rebalance_daily proposes")
    proposed_on: date | None = Field(description="business date of the newest proposal; null before the first")
    is_enabled: bool
    is_automatic: bool
    aims: AimsOut
    sectors: list[SectorIn]
    bands: BandsIn
    pace: PaceIn
    costs: CostsIn
    taxes: TaxesIn
    min_trade: NotNegative
    lot_size: int
    universe: list[str]
    excluded: list[str]
    version: int = Field(description="goes up by one with each change and each proposal; the ETag")
    updated_at: datetime


class ProposalState(StrEnum):
    """Whether it may be acted on, or a newer one is there."""

    OPEN = "open"
    SUPERSEDED = "superseded"


class ProposalQuery(ListQuery):
    """The query of the list."""

    portfolio_id: Optionally[UUID] = Field(None, description="only proposals for this portfolio")
    state: Optionally[ProposalState] = Field(None, description="only proposals in this state")
    status: Optionally[ProposalStatus] = Field(None, description="only proposals with this outcome")
    date_from: Optionally[IsoDate] = Field(None, description="first business date")
    date_to: Optionally[IsoDate] = Field(None, description="last business date")


class RiskOut(BaseModel):
    """Risk as shares of the value, cash included; positive is a loss."""

    volatility: Number = Field(description="standard deviation of a year's return")
    var_99: Number = Field(description="one-day value at risk at 99 %, by history")
    es_975: Number = Field(description="one-day expected shortfall at 97.5 %, by history")


class ProposalOut(BaseModel):
    """What to trade in a portfolio, without the trades: the row of a list."""

    id: UUID
    portfolio_id: UUID
    business_date: date = Field(description="close that it is computed with")
    state: ProposalState
    status: ProposalStatus = Field(description="proposed has trades; the others keep what is held, and reasons say why")
    reasons: list[str]
    regime: Regime = Field(description="regime whose aim was used")
    regime_source: str = Field(description="rule or model that told it")
    objective: Objective
    value: MoneyOut
    cash_before: MoneyOut
    cash_after: MoneyOut = Field(
        description="after all trades and their costs, without what sales bring of another currency"
    )
    cost: MoneyOut = Field(description="estimated commission and half spread")
    tax: MoneyOut = Field(
        description="estimated tax on gains realised, losses set off; of lots in another currency it is not counted"
    )
    drift_before: Number = Field(description="share of the value in the wrong place")
    drift_after: Number
    turnover: Number = Field(description="value of all trades as a share of the value")
    risk_before: RiskOut
    risk_after: RiskOut
    trade_count: int
    run_id: str = Field(description="run that recomputes it")
    created_at: datetime
    confirmed_at: datetime | None = Field(description="when it first became orders; null before")


class LotOut(BaseModel):
    """Units of a lot that a sale should close."""

    lot_id: UUID
    quantity: Quantity


class TradeOut(BaseModel):
    """One order that is proposed, in whole units."""

    symbol: str
    side: Side
    quantity: Quantity
    reference_price: Price = Field(description="close that everything is computed with")
    notional: MoneyOut
    cost: MoneyOut
    short_gain: MoneyOut = Field(description="gain realised on lots held for a year at most; negative for a loss")
    long_gain: MoneyOut
    lots: list[LotOut] = Field(
        description="what a sale closes: what costs the least tax where the account's method is specific, else what "
        "that method takes first; empty for a purchase"
    )
    note: str = Field(description="what you should know, as of a wash sale")
    order_id: UUID | None = Field(description="the order that it became; null before")


class WeightOut(BaseModel):
    """The weights of one instrument, as shares of the value."""

    symbol: str
    before: Number
    target: Number = Field(description="what the policy wants in the end")
    step: Number = Field(description="what it wants now")
    after: Number = Field(description="after the trades")


class ProposalDetail(ProposalOut):
    """A proposal with its trades and weights."""

    trades: list[TradeOut]
    weights: list[WeightOut]
    lots_method: str = Field(description="milp, greedy or none")
    solver: str
    conventions: str
    versions: dict[str, str]


class ProposalPage(BaseModel):
    """A page of proposals, by id."""

    data: list[ProposalOut]
    has_more: bool
    next: str | None = Field(description="path of the next page; null on the last")
