"""What policies of signals and their outcomes look like on the wire. Shares are decimal strings, as 0.05 for 5 %."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.trading.order import Side
from lakehouse.trading.signals import Sides
from serving.kit.crud.listing import ListQuery
from serving.kit.types import Flag, Fraction, Number, Optionally, Quantity, number_only

SourceName = Annotated[str, Field(pattern="^[a-z][a-z0-9_.-]{0,63}$", examples=["nse_filings"])]


class SignalResult(StrEnum):
    """What came of a signal."""

    ORDERED = "ordered"
    REFUSED = "refused"


class SignalPolicyIn(BaseModel):
    """How a portfolio follows signals; what is left out has its usual, cautious value."""

    model_config = ConfigDict(extra="forbid")

    is_active: Flag = Field(True, description="whether signals place orders now")
    sources: Annotated[list[SourceName], Field(min_length=1, max_length=20)] = Field(
        description="whose signals are followed, by the `source` that they name"
    )
    sides: Sides = Field(Sides.BOTH, description="what signals may do; a sale is of what is held, never short")
    min_confidence: Fraction = Field(Decimal("0.7"), description="signals that are less sure are refused")
    max_share: Fraction = Field(
        Decimal("0.05"), description="largest order, as a share of the portfolio's value; in whole units"
    )
    max_move: Fraction = Field(
        Decimal("0.05"), description="a signal is refused where the price is further off its own by this share"
    )
    max_orders_a_day: Annotated[int, Field(ge=1, le=1000), BeforeValidator(number_only)] = Field(
        10, description="orders that signals may place on a UTC day"
    )
    max_age_s: Annotated[int, Field(ge=1, le=86400), BeforeValidator(number_only)] = Field(
        300, description="signals older than so many seconds are refused"
    )


class SignalPolicyOut(BaseModel):
    """How a portfolio follows signals."""

    portfolio_id: UUID
    is_active: bool = Field(description="whether signals place orders now")
    sources: list[str] = Field(description="whose signals are followed")
    sides: Sides = Field(description="what signals may do")
    min_confidence: Number = Field(description="signals that are less sure are refused")
    max_share: Number = Field(description="largest order, as a share of the portfolio's value")
    max_move: Number = Field(description="largest distance from the signal's own price, as a share")
    max_orders_a_day: int = Field(description="orders that signals may place on a UTC day")
    max_age_s: int = Field(description="seconds after which a signal is stale")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was made")
    updated_at: datetime = Field(description="when it last changed")


class SignalOutcomeQuery(ListQuery):
    """The query of the list."""

    outcome: Optionally[SignalResult] = Field(None, description="only signals of which this came")


class SignalOutcomeOut(BaseModel):
    """What came of one signal in the portfolio."""

    id: UUID
    portfolio_id: UUID
    signal_id: UUID = Field(description="the signal, as its maker calls it")
    symbol: str = Field(description="instrument that it names")
    side: Side
    confidence: float = Field(description="how sure it was, from 0 to 1")
    source: str = Field(description="who made it")
    signaled_at: datetime = Field(description="when it was made")
    outcome: SignalResult
    reason: str = Field(description="the rule that refused it, as confidence_low or buying_power; empty where ordered")
    quantity: Quantity | None = Field(description="units asked for; null where it came to none")
    order_id: UUID | None = Field(description="GET /api/v1/orders/{order_id}; also of one that was rejected")
    decided_at: datetime = Field(description="when it was decided")


class SignalOutcomePage(BaseModel):
    """A page of outcomes, by id, the oldest first."""

    data: list[SignalOutcomeOut]
    has_more: bool
    next: str | None = Field(description="path of the next page; null on the last")
