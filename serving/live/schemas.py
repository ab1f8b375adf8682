"""What live values look like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, Field

from serving.kit.types import CurrencyCode, MoneyOut

UNKNOWN: Final = "; null while a position has no price or rate, or cash no rate"


class LiveSource(StrEnum):
    """Who valued the portfolio."""

    HOT = "hot"
    PRICES = "prices"


class LiveOut(BaseModel):
    """A portfolio, marked to the market of now."""

    portfolio_id: UUID
    base_currency: CurrencyCode = Field(description="currency of the amounts")
    source: LiveSource = Field(
        description="hot: by the process that follows every tick; prices: by the newest prices that are kept, while "
        "that process is away or behind them"
    )
    as_of: datetime | None = Field(description="event time of the newest price or tick; null without any")
    equity: MoneyOut | None = Field(description=f"cash and positions{UNKNOWN}")
    net: MoneyOut | None = Field(description=f"positions, short ones negative{UNKNOWN}")
    gross: MoneyOut | None = Field(description=f"positions, all of them positive{UNKNOWN}")
    missing: int = Field(ge=0, description="positions without a price or rate")
    opening: MoneyOut | None = Field(
        description="what the day is measured from: equity when it was opened, or at the last close that was valued, "
        "and what was paid in and out since; null where there is none"
    )
    day_pnl: MoneyOut | None = Field(description="equity less opening")
