"""What a portfolio looks like on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.paging import Page
from serving.kit.types import CurrencyCode, DecimalText, Optionally

DEMO_PORTFOLIO = "017e2058-d640-7000-8000-000000000001"
NAME_PATTERN = r"^[^\x00-\x1f\x7f]{1,80}$"

NamePart = Annotated[str, Field(pattern=NAME_PATTERN)]


class PortfolioFilters(BaseModel):
    """The query of the list. An unknown name is refused: a filter that is silently ignored gives wrong answers."""

    model_config = ConfigDict(extra="forbid")

    name: Optionally[NamePart] = Field(
        None, description="only names that contain this text, in any case", examples=["equity"]
    )
    starting_after: Optionally[UUID] = Field(None, description="id after which the page starts")
    limit: int = Field(50, ge=1, le=200, description="rows on a page")


class PortfolioOut(BaseModel):
    """A set of positions reported together."""

    id: UUID = Field(description="UUIDv7: ids sort by the time a portfolio was opened", examples=[DEMO_PORTFOLIO])
    name: str = Field(description="unique name", examples=["Global Equity Core"])
    description: str = Field(description="what it is for")
    base_currency: CurrencyCode = Field(description="ISO 4217 code of its reports", examples=["USD"])
    position_count: int = Field(ge=0, description="instruments held")
    created_at: datetime = Field(description="when it was opened")


class PositionOut(BaseModel):
    """Units of an instrument."""

    symbol: str = Field(examples=["AAPL"])
    name: str = Field(description="the instrument's full name", examples=["Apple Inc."])
    exchange: str = Field(description="MIC of its main venue", examples=["XNAS"])
    currency: CurrencyCode = Field(description="ISO 4217 code of its prices", examples=["USD"])
    quantity: DecimalText = Field(description="units held; negative is short", examples=["400", "-700.5"])
    updated_at: datetime = Field(description="when it last changed")


class PortfolioDetail(PortfolioOut):
    """A portfolio with what it holds now."""

    positions: list[PositionOut] = Field(description="by symbol")


class PortfolioPage(Page[PortfolioOut]):
    """A page of portfolios, by id."""
