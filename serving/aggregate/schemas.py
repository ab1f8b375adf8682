"""The aggregate on the wire."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from lakehouse.risk.methods import Method
from serving.kit.types import ConfidenceText, CurrencyCode, DecimalText, MoneyOut


class AggregatePosition(BaseModel):
    """A position."""

    symbol: str
    name: str
    quantity: DecimalText = Field(description="units held; negative is short")
    currency: CurrencyCode = Field(description="of its price")
    price: DecimalText | None = Field(description="newest quote or close; null where there is none")
    price_date: date | None = Field(description="day of the price")
    value: MoneyOut | None = Field(description="quantity * price * multiplier; null without a price")


class AggregateRisk(BaseModel):
    """A one-day number that the batch has published last; positive is a loss."""

    business_date: date
    method: Method
    confidence: ConfidenceText
    value_at_risk: MoneyOut
    expected_shortfall: MoneyOut


class PortfolioHoldings(BaseModel):
    """A portfolio and what is in it."""

    id: UUID
    name: str
    base_currency: CurrencyCode
    value: MoneyOut | None = Field(description="cash and positions; null where a price or rate is missing")
    cash: list[MoneyOut] = Field(description="by currency, from the ledger")
    positions: list[AggregatePosition] = Field(description="by symbol")
    risk: list[AggregateRisk] = Field(description="empty where nothing was published")
    reasons: list[str] = Field(description="what is missing or stale")


class Aggregate(BaseModel):
    """All portfolios of the caller."""

    as_of: datetime = Field(description="when it was put together: at most five minutes ago, and after your last write")
    revision: int = Field(ge=0, description="number of the last event of yours that it contains")
    portfolios: list[PortfolioHoldings] = Field(description="by id")
    totals: list[MoneyOut] = Field(description="sums of the values by base currency, of portfolios that have one")
    is_complete: bool = Field(description="false where a portfolio has no value or the risk could not be read")
    is_truncated: bool = Field(description="true where there are more portfolios than fit")
