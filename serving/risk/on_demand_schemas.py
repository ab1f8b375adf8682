"""Risk on request on the wire: a positive VaR or ES is a loss."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.risk.methods import Method
from serving.kit.types import ConfidenceText, MoneyOut
from serving.portfolios.schemas import DEMO_PORTFOLIO
from serving.risk.measuring import Ask

MAX_PORTFOLIOS = 200
HalfOrMore = Annotated[str, Field(pattern=r"^0\.[5-9][0-9]{0,4}$")]


class PriceSource(StrEnum):
    """Where the closes came from; never a mix."""

    BARS = "market.bar"
    GOLD = "gold.returns_daily_v1"


class RiskAsk(BaseModel):
    """How to measure."""

    model_config = ConfigDict(extra="forbid")

    method: Method = Field(Method.HISTORICAL, description="how the loss distribution is made")
    confidence: HalfOrMore = Field(
        "0.99", description="probability that the loss stays below VaR, 0.5 to 0.99999", examples=["0.99"]
    )
    horizon_days: int = Field(1, ge=1, le=30, description="trading days ahead")
    days: int = Field(500, ge=20, le=2500, description="daily returns behind the number")

    @property
    def ask(self) -> Ask:
        """The same for the measuring."""
        return Ask(self.method, Decimal(self.confidence), self.horizon_days, self.days)


class ComputeIn(RiskAsk):
    """A portfolio to measure now."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"portfolio_id": DEMO_PORTFOLIO, "method": "historical", "confidence": "0.99", "days": 250}
        }
    )

    portfolio_id: UUID = Field(description="portfolio")


class ComputeBatchIn(RiskAsk):
    """Portfolios to measure, one after the other."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"portfolio_ids": [DEMO_PORTFOLIO], "method": "historical", "confidence": "0.99", "days": 250}
        }
    )

    portfolio_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_PORTFOLIOS)] = Field(
        description="portfolios, each measured for itself"
    )


class RiskComputed(BaseModel):
    """Value at risk and expected shortfall of what a portfolio holds now."""

    portfolio_id: UUID
    portfolio_name: str
    business_date: date = Field(description="newest close that all instruments have")
    first_date: date = Field(description="oldest close behind the number")
    method: Method
    confidence: ConfidenceText
    horizon_days: int
    value: MoneyOut = Field(description="sum of quantity times close; negative where shorts outweigh; cash is left out")
    value_at_risk: MoneyOut = Field(description="positive is a loss")
    expected_shortfall: MoneyOut = Field(description="mean loss beyond VaR: never below it; positive is a loss")
    convention: str = Field(description="quantile and moment conventions behind the numbers")
    observations: int = Field(description="daily returns used")
    scenarios: int = Field(description="scenarios behind the quantile; 0 for a closed form")
    instruments: int = Field(description="instruments held")
    dropped_dates: int = Field(description="dates left out because an instrument had no close on them")
    source: PriceSource = Field(description="where the closes came from")


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ItemStatus(StrEnum):
    """Where a portfolio of a job stands."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class JobProblem(BaseModel):
    """Why a portfolio has no number."""

    code: str = Field(description="as in the problem documents")
    detail: str


class JobItem(BaseModel):
    """A portfolio of a job."""

    portfolio_id: UUID
    status: ItemStatus
    result: RiskComputed | None = Field(description="null until it is done")
    problem: JobProblem | None = Field(description="null unless it was refused")


class RiskJob(BaseModel):
    """A computation under way, or its result."""

    id: UUID
    status: JobStatus
    method: Method
    confidence: ConfidenceText
    horizon_days: int
    days: int
    total: int = Field(ge=1, description="portfolios asked for")
    finished: int = Field(ge=0, description="portfolios with a result or a problem")
    progress: float = Field(ge=0, le=1, description="finished / total")
    problem: str | None = Field(description="why the job failed as a whole")
    created_at: datetime
    finished_at: datetime | None
    items: list[JobItem] = Field(description="in the order of the request")
