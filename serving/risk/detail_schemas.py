"""What risk comes from, and how its forecasts have done, on the wire."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.risk.breach_tests import Zone
from lakehouse.risk.methods import Method
from serving.kit.types import ConfidenceText, IsoDate, MoneyOut, Optionally
from serving.risk.schemas import DEMO_DATE


class Grouping(StrEnum):
    """What components are of."""

    INSTRUMENT = "instrument"
    SECTOR = "sector"
    CURRENCY = "currency"


class ComponentQuery(BaseModel):
    """Which measure is taken apart, and how."""

    model_config = ConfigDict(extra="forbid")

    method: Method = Field(Method.HISTORICAL, description="how the loss distribution was made")
    confidence: ConfidenceText = Field("0.99", description="probability that the loss stays below VaR")
    grouping: Grouping = Field(Grouping.INSTRUMENT, description="what the parts are of")
    as_of: Optionally[IsoDate] = Field(None, description="newest business date up to this day", examples=[DEMO_DATE])


class RiskComponent(BaseModel):
    """A part of VaR and expected shortfall; negative for a hedge."""

    group: str = Field(description="symbol, sector (unclassified where unknown) or currency")
    exposure: MoneyOut = Field(description="quantity times close, summed; negative for a short")
    value_at_risk: MoneyOut = Field(description="part of the VaR")
    expected_shortfall: MoneyOut = Field(description="part of the expected shortfall")
    marginal_value_at_risk: float | None = Field(
        description="change of VaR per unit of the base currency more of it; null without exposure"
    )
    marginal_expected_shortfall: float | None = Field(description="the same of the expected shortfall")
    incremental_value_at_risk: MoneyOut | None = Field(
        description="what VaR would fall by without it, measured anew; null for a book too large for that"
    )
    incremental_expected_shortfall: MoneyOut | None = Field(description="the same of the expected shortfall")


class RiskComponents(BaseModel):
    """Where a portfolio's one-day risk comes from. The components sum to the measures, to the cent."""

    portfolio_id: UUID
    business_date: date = Field(description="date that the numbers are of: the newest one up to as_of")
    method: Method
    confidence: ConfidenceText
    grouping: Grouping
    value_at_risk: MoneyOut = Field(description="positive is a loss")
    expected_shortfall: MoneyOut = Field(description="positive is a loss")
    components: list[RiskComponent] = Field(min_length=1, description="the largest part of the shortfall first")
    run_id: str = Field(description="run manifest that recomputes these numbers")


class BacktestVerdict(BaseModel):
    """What the tests say of one method's one-day forecasts. A p-value is how often a right model does as badly."""

    method: Method
    confidence: ConfidenceText
    forecasts: int = Field(ge=1, description="days that had a forecast")
    breaches: int = Field(ge=0, description="days whose loss exceeded it")
    expected_breaches: float = Field(ge=0)
    zone: Zone = Field(description="Basel's traffic light")
    multiplier: float = Field(ge=3, le=4, description="of capital")
    kupiec_p_value: float = Field(ge=0, le=1, description="too many or too few breaches")
    first_breach_day: int = Field(ge=0, description="number of the day of the first breach; 0 without one")
    first_breach_p_value: float = Field(ge=0, le=1, description="too early or too late")
    independence_p_value: float = Field(ge=0, le=1, description="breaches follow each other (Christoffersen)")
    coverage_p_value: float = Field(ge=0, le=1, description="number and independence together (Christoffersen)")
    z1: float | None = Field(description="Acerbi-Szekely test 1, 0 expected: null without a breach")
    z1_p_value: float | None
    z2: float | None = Field(description="Acerbi-Szekely test 2, 0 expected: null where a shortfall is no loss")
    z2_p_value: float | None
    null_model: str = Field(description="what the records behind the p-values of z1 and z2 are drawn from")
    refit_days: int = Field(ge=1, description="days that a forecast's model is kept; 1 is made anew every day")


class RiskBacktest(BaseModel):
    """How every method has forecast a portfolio, each day from the days before it."""

    portfolio_id: UUID
    business_date: date = Field(description="date that the backtest is of: the newest one up to as_of")
    verdicts: list[BacktestVerdict] = Field(min_length=1, description="by method and confidence")
    run_id: str = Field(description="run manifest that recomputes these numbers")
