"""What a portfolio looks like on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.stores.allocations import AllocationStatus
from serving.accounts.schemas import Balance
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import CurrencyCode, DecimalText, LongText, Optionally

DEMO_PORTFOLIO = "017e2058-d640-7000-8000-000000000001"
NAME_PATTERN = r"^[^\x00-\x1f\x7f]{1,80}$"

NamePart = Annotated[str, Field(pattern=NAME_PATTERN)]


class PortfolioQuery(ListQuery):
    """The query of the list. An unknown name is refused: a filter that is silently ignored gives wrong answers."""

    name: Optionally[NamePart] = Field(
        None, description="only names that contain this text, in any case", examples=["equity"]
    )
    base_currency: Optionally[CurrencyCode] = Field(None, description="only portfolios reported in this currency")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )


class PortfolioIn(BaseModel):
    """A new portfolio. Its account is made with it, by the same name, unless one of yours is named."""

    model_config = ConfigDict(extra="forbid")

    name: NamePart = Field(description="unique among yours", examples=["Retirement"])
    description: LongText = Field("", description="what it is for")
    base_currency: CurrencyCode = Field("USD", description="ISO 4217 code of its reports", examples=["USD"])
    account_id: UUID | None = Field(
        None, description="brokerage account of yours that has no portfolio; null makes one, with the method fifo"
    )


class PortfolioPatch(MergePatch):
    """A change of a portfolio; its currency and account stay."""

    name: Optionally[NamePart] = Field(None, description="unique among yours")
    description: Optionally[LongText] = Field(None, description="what it is for")


class PortfolioOut(BaseModel):
    """A set of positions reported together."""

    id: UUID = Field(description="UUIDv7: ids sort by the time a portfolio was opened", examples=[DEMO_PORTFOLIO])
    owner_id: UUID = Field(description="user that owns it")
    account_id: UUID = Field(description="account that holds its cash and sets its lot method")
    name: str = Field(description="unique among its owner's", examples=["Global Equity Core"])
    description: str = Field(description="what it is for")
    base_currency: CurrencyCode = Field(description="ISO 4217 code of its reports", examples=["USD"])
    position_count: int = Field(ge=0, description="instruments held")
    allocation_status: AllocationStatus | None = Field(
        description="whether weights were computed since they were last asked for, as they are when a portfolio or its "
        "objective is made: pending, then ready or failed; null where nobody asked"
    )
    version: int = Field(description="goes up by one with each change of the portfolio itself; for If-Match")
    created_at: datetime = Field(description="when it was opened")
    updated_at: datetime = Field(description="when it last changed")


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
    cash: list[Balance] | None = Field(None, description="by currency; null unless `expand=cash`")
