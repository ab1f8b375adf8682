"""What an objective looks like on the wire."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.stores.allocations import AllocationStatus
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import Fraction, IsoDate, LongText, Omittable, Optionally, Symbol, number_only

HorizonYears = Annotated[int, Field(ge=1, le=60), BeforeValidator(number_only)]
Excluded = Annotated[list[Symbol], Field(max_length=100)]
OPTIONAL = "; null where there is no limit"
HORIZON = Field(description="years until the money is needed")
TARGET = Field(
    None,
    description="return of a year that is aimed at, as a fraction; null where none is. It changes no weights: a "
    "proposal says whether what is expected of it meets this",
)
VOLATILITY = Field(
    None,
    description="volatility of a year that is borne at most, as a fraction: more is kept in cash where weights "
    f"would be expected to have more{OPTIONAL}",
)
POSITION = Field(None, description=f"largest share of the value that one instrument may have{OPTIONAL}")
CASH = Field(None, description=f"smallest share of the value that stays in cash{OPTIONAL}")
REBALANCES = "next day of rebalancing; left out, the trading day one period from today"


class Frequency(StrEnum):
    """How often a portfolio is rebalanced; biannual is twice a year."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    BIANNUAL = "biannual"
    ANNUAL = "annual"


class RiskTolerance(StrEnum):
    """How much loss the owner bears for a higher return."""

    CONSERVATIVE = "conservative"
    MODERATE = "moderate"
    AGGRESSIVE = "aggressive"


class ObjectiveIn(BaseModel):
    """The objective of one of your portfolios."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: UUID = Field(description="your portfolio; it has one objective at most")
    risk_tolerance: RiskTolerance = Field(description="how much loss is borne")
    horizon_years: HorizonYears = HORIZON
    target_return: Fraction | None = TARGET
    max_volatility: Fraction | None = VOLATILITY
    max_position_weight: Fraction | None = POSITION
    min_cash_weight: Fraction | None = CASH
    excluded_symbols: Excluded = Field([], description="instruments that are never bought")
    rebalancing_frequency: Frequency = Field(Frequency.QUARTERLY, description="how often it is rebalanced")
    rebalances_on: Omittable[IsoDate] = Field(None, description=REBALANCES)
    note: LongText = Field("", description="your remark")


class ObjectivePatch(MergePatch):
    """A change of an objective; any change asks for new weights."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"target_return", "max_volatility", "max_position_weight", "min_cash_weight"}
    )

    risk_tolerance: Optionally[RiskTolerance] = Field(None, description="how much loss is borne")
    horizon_years: Optionally[HorizonYears] = Field(None, description="years until the money is needed")
    target_return: Fraction | None = TARGET
    max_volatility: Fraction | None = VOLATILITY
    max_position_weight: Fraction | None = POSITION
    min_cash_weight: Fraction | None = CASH
    excluded_symbols: Optionally[Excluded] = Field(None, description="instruments that are never bought")
    rebalancing_frequency: Optionally[Frequency] = Field(None, description="how often it is rebalanced")
    rebalances_on: Optionally[IsoDate] = Field(None, description="next day of rebalancing")
    note: Optionally[LongText] = Field(None, description="your remark")


class ObjectiveOut(BaseModel):
    """What a portfolio is to achieve, and within which limits."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user that owns the portfolio")
    portfolio_id: UUID = Field(description="portfolio")
    risk_tolerance: RiskTolerance = Field(description="how much loss is borne")
    horizon_years: int = HORIZON
    target_return: Fraction | None = TARGET
    max_volatility: Fraction | None = VOLATILITY
    max_position_weight: Fraction | None = POSITION
    min_cash_weight: Fraction | None = CASH
    excluded_symbols: list[str] = Field(description="instruments that are never bought")
    rebalancing_frequency: Frequency = Field(description="how often it is rebalanced")
    rebalances_on: date = Field(description="next day of rebalancing")
    allocation_status: AllocationStatus = Field(
        description="whether weights were computed for its portfolio since they were last asked for"
    )
    note: str = Field(description="the owner's remark")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was made")
    updated_at: datetime = Field(description="when it last changed")


class ObjectiveQuery(ListQuery):
    """The query of the list of objectives."""

    portfolio_id: Optionally[UUID] = Field(None, description="only the objective of this portfolio")
    allocation_status: Optionally[AllocationStatus] = Field(None, description="only objectives in this state")
    rebalances_to: Optionally[IsoDate] = Field(None, description="only those due on this day or earlier")
    sort: Literal["id", "-id", "rebalances_on", "-rebalances_on", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
