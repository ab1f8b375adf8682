"""What positions look like on the wire."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.types import Number, Optionally, Symbol


class PositionOut(BaseModel):
    """Units of an instrument in a portfolio; GET /api/v1/portfolios/{id}/holdings adds lots and value."""

    id: UUID = Field(description="made from portfolio and symbol: the same each time it is opened again")
    portfolio_id: UUID = Field(description="portfolio")
    symbol: str = Field(description="instrument", examples=["AAPL"])
    quantity: Number = Field(description="units held; negative is short", examples=["400", "-700.5"])
    reserved_quantity: Number = Field(
        description="units that open orders will sell; negative: buy back", examples=["0"]
    )
    updated_at: datetime = Field(description="when it last changed")


class PositionQuery(ListQuery):
    """The query of the list of positions."""

    portfolio_id: Optionally[UUID] = Field(None, description="only of this portfolio")
    symbol: Optionally[Symbol] = Field(None, description="only of this instrument")
    sort: Literal["id", "-id", "symbol", "-symbol", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
