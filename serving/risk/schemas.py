"""What published risk looks like on the wire: a positive VaR or ES is a loss."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.risk.methods import Method
from serving.kit.paging import CURSOR_PATTERN, Page
from serving.kit.types import ConfidenceText, IsoDate, MoneyOut, Optionally

DEMO_DATE = "2022-12-28"

Cursor = Annotated[str, Field(pattern=CURSOR_PATTERN)]


class RiskMetricFilters(BaseModel):
    """The query of the list. An unknown name is refused: a filter that is silently ignored gives wrong answers."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: Optionally[UUID] = Field(None, description="only this portfolio")
    method: Optionally[Method] = Field(None, description="only this method")
    confidence: Optionally[ConfidenceText] = Field(
        None, description="only this confidence, as a decimal string", examples=["0.99"]
    )
    date_from: Optionally[IsoDate] = Field(None, description="first business date", examples=["2022-01-01"])
    date_to: Optionally[IsoDate] = Field(None, description="last business date", examples=["2022-12-31"])
    limit: int = Field(100, ge=1, le=500, description="rows on a page")
    cursor: Optionally[Cursor] = Field(None, description="`next` of the page before holds it")


class RiskMetric(BaseModel):
    """Value at risk and expected shortfall of one portfolio, by one method, at one confidence."""

    portfolio_id: UUID = Field(description="portfolio")
    portfolio_name: str = Field(description="its name when the risk was computed")
    business_date: date = Field(description="close that the risk is as of", examples=[DEMO_DATE])
    method: Method = Field(description="how the loss distribution was made")
    confidence: ConfidenceText = Field(description="probability that the loss stays below VaR", examples=["0.99"])
    horizon_days: int = Field(ge=1, description="trading days ahead")
    value: MoneyOut = Field(description="sum of quantity times close; negative where shorts outweigh")
    value_at_risk: MoneyOut = Field(description="positive is a loss")
    expected_shortfall: MoneyOut = Field(description="mean loss beyond VaR: never below it; positive is a loss")
    convention: str = Field(description="quantile and moment conventions behind the numbers")
    observations: int = Field(ge=1, description="daily returns used")
    scenarios: int = Field(ge=0, description="scenarios behind the quantile; 0 for a closed form")
    breaches: int = Field(ge=0, description="backtest days whose loss exceeded the VaR forecast the day before")
    backtest_days: int = Field(ge=0, description="days of the backtest")
    run_id: str = Field(description="run manifest that recomputes these numbers")


class PortfolioRisk(BaseModel):
    """Everything published about a portfolio's risk on one business date."""

    portfolio_id: UUID = Field(description="portfolio")
    as_of: date | None = Field(description="date that was asked for; null asks for the newest")
    business_date: date = Field(description="date that the numbers are of: the newest one up to as_of")
    metrics: list[RiskMetric] = Field(min_length=1, description="by method, confidence and horizon")


class RiskMetricPage(Page[RiskMetric]):
    """A page of metrics: newest business date first, then by portfolio, method, confidence and horizon."""
