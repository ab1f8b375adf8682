"""What lots look like on the wire."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.types import DecimalText, Number, Optionally, Symbol


class LotOut(BaseModel):
    """Units of one purchase that are left. A short lot has negative units, and minus what its sale brought as cost."""

    id: UUID = Field(description="the opening transaction's id, or one made from it by a spin-off")
    portfolio_id: UUID = Field(description="portfolio")
    symbol: str = Field(description="instrument", examples=["AAPL"])
    opened_by: UUID = Field(description="transaction that opened it")
    opened_at: datetime = Field(description="when it was bought; splits and spin-offs keep it")
    original_quantity: Number = Field(description="units at the opening, in today's units", examples=["100"])
    quantity: Number = Field(description="units left; negative is short", examples=["40"])
    cost: DecimalText = Field(description="cost of the units left, charges included", examples=["4800.00"])
    currency: str = Field(description="currency that was paid", examples=["USD"])


class LotQuery(ListQuery):
    """The query of the list of lots."""

    portfolio_id: Optionally[UUID] = Field(None, description="only of this portfolio")
    symbol: Optionally[Symbol] = Field(None, description="only of this instrument")
    sort: Literal["id", "-id", "opened_at", "-opened_at", "symbol", "-symbol"] = Field(
        "id", description="order; `-` for descending"
    )
