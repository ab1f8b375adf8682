"""What an asset looks like on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.instruments.schemas import InstrumentKind
from serving.kit.paging import Page
from serving.kit.types import CurrencyCode, DecimalText, MoneyOut, Optionally, Symbol

QUANTITY = Field(description="units held; negative is short", examples=["400", "-700.5"])
COST = Field(description="what the open lots have cost, charges included, for each currency that was paid")


class AssetQuery(BaseModel):
    """The query of the list of assets."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: Optionally[UUID] = Field(None, description="only what this portfolio holds")
    symbol: Optionally[Symbol] = Field(None, description="only this instrument")
    asset_type: Optionally[InstrumentKind] = Field(None, description="only instruments of this kind")
    starting_after: Optionally[UUID] = Field(None, description="id after which the page starts")
    limit: int = Field(50, ge=1, le=200, description="rows on a page")


class AssetOut(BaseModel):
    """An instrument that is held, in all portfolios together."""

    id: UUID = Field(description="the instrument's id")
    symbol: Symbol = Field(description="the instrument's symbol")
    name: str = Field(description="the instrument's full name")
    asset_type: InstrumentKind = Field(description="the instrument's kind")
    currency: CurrencyCode = Field(description="ISO 4217 code of its prices", examples=["USD"])
    quantity: DecimalText = QUANTITY
    portfolio_count: int = Field(ge=1, description="portfolios that hold it")
    cost_basis_total: list[MoneyOut] = COST
    last_price: DecimalText | None = Field(description="price of a unit; null where none is known")
    priced_at: datetime | None = Field(description="when that price was made")
    current_value: MoneyOut | None = Field(description="quantity at the last price; null where none is known")
    unrealized_pnl: MoneyOut | None = Field(
        description="value less cost; null without a price, or where something was paid in another currency"
    )
    updated_at: datetime = Field(description="when the quantity last changed")


class AssetHolding(BaseModel):
    """What one portfolio holds of an asset."""

    portfolio_id: UUID = Field(description="portfolio")
    portfolio_name: str = Field(description="the portfolio's name")
    quantity: DecimalText = QUANTITY
    cost_basis_total: list[MoneyOut] = COST
    updated_at: datetime = Field(description="when the quantity last changed")


class AssetDetail(AssetOut):
    """An asset with the portfolios that hold it."""

    portfolios: list[AssetHolding] = Field(description="who holds it, by portfolio id; the first 500")


class AssetPage(Page[AssetOut]):
    """A page of assets, by id."""
