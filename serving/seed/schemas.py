"""What a seed looks like on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from lakehouse.portfolio.transactions import Kind
from serving.kit.types import (
    CurrencyCode,
    Instant,
    LongText,
    MoneyIn,
    MoneyOut,
    NotNegative,
    PositiveAmount,
    Price,
    Quantity,
    Symbol,
)
from serving.portfolios.schemas import NamePart

MAX_LINES = 500
EXAMPLE: JsonDict = {
    "name": "Growth",
    "base_currency": "USD",
    "cash": [{"amount": "10000.00", "currency": "USD"}],
    "positions": [{"symbol": "AAPL", "quantity": "10", "price": "120.50"}],
    "transactions": [
        {"kind": "buy", "occurred_at": "2022-12-20T15:00:00Z", "symbol": "JPM", "quantity": "5", "price": "131.20"}
    ],
    "opened_at": "2022-12-01T00:00:00Z",
}


class SeedPosition(BaseModel):
    """Units that come into the portfolio with it, at their cost; no cash moves for them."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(description="instrument; an unknown one becomes a draft")
    quantity: Quantity = Field(description="units, above zero")
    price: Price = Field(description="cost of a unit, in the instrument's currency")
    currency: CurrencyCode | None = Field(None, description="of an unknown instrument; null takes the base currency")


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    occurred_at: Instant = Field(description="when it happened, with a time zone; up to now")
    currency: CurrencyCode | None = Field(None, description="of the cash; null takes the base currency")
    fee: NotNegative = Field(Decimal(0), description="charges, in that currency", examples=["1.00"])


class SeedTrade(_Line):
    """Units bought or sold for cash."""

    kind: Literal[Kind.BUY, Kind.SELL]
    symbol: Symbol = Field(description="instrument; an unknown one becomes a draft")
    quantity: Quantity = Field(description="units, above zero")
    price: Price = Field(description="price of a unit, in the instrument's currency")
    fx_rate: Price = Field(Decimal(1), description="units of `currency` for one of the instrument's")


class SeedCash(_Line):
    """Money alone."""

    kind: Literal[Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.INTEREST, Kind.FEE, Kind.TAX]
    amount: PositiveAmount = Field(description="amount, above zero whichever way it goes")


SeedTransaction = Annotated[SeedTrade | SeedCash, Field(discriminator="kind")]


class SeedIn(BaseModel):
    """A portfolio with what is in it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    name: NamePart = Field(description="unique among yours", examples=["Growth"])
    description: LongText = Field("", description="what it is for")
    base_currency: CurrencyCode = Field("USD", description="ISO 4217 code of its reports")
    opened_at: Instant | None = Field(None, description="when cash and positions came in; null takes now")
    cash: Annotated[list[MoneyIn], Field(max_length=20)] = Field([], description="opening balances, one a currency")
    positions: Annotated[list[SeedPosition], Field(max_length=MAX_LINES)] = Field([], description="opening positions")
    transactions: Annotated[list[SeedTransaction], Field(max_length=MAX_LINES)] = Field(
        [], description="what happened after the opening, booked in the order of time"
    )


class SeedOut(BaseModel):
    """What was made of it."""

    portfolio_id: UUID = Field(description="the new portfolio")
    account_id: UUID = Field(description="its account")
    transactions: int = Field(ge=0, description="transactions booked: openings and those given")
    positions: int = Field(ge=0, description="instruments held now")
    cash: list[MoneyOut] = Field(description="balances now")
    drafts: list[str] = Field(description="instruments that were unknown and are drafts now")
    event_id: UUID = Field(description="event portfolio.seeded on the topic portfolio.events")
    created_at: datetime
