"""What a settlement looks like on the wire."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.types import CurrencyCode, DecimalText, IsoDate, Optionally

REASON_PATTERN = r"^[^\x00-\x1f\x7f]{1,200}$"


class SettlementStatus(StrEnum):
    """Where a settlement is; `returned`: the money had arrived and came back."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"
    RETURNED = "returned"


class Outcome(BaseModel):
    """What the other side says."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(pattern=REASON_PATTERN)] = Field(
        description="for the payer and the audit log", examples=["confirmed by the receiving bank"]
    )


class SettlementKind(StrEnum):
    """What is settled."""

    PAYMENT = "payment"
    TRADE = "trade"


class Direction(StrEnum):
    """Which way the money goes."""

    IN = "in"
    OUT = "out"


class SettlementOut(BaseModel):
    """The end of a payment outside of the platform, or the day on which a trade's money is exchanged for its units."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user that pays, or that trades")
    kind: SettlementKind = Field(description="what is settled: `payment_id` or `trade_id` says which")
    payment_id: UUID | None = Field(description="payment that left; null of a trade")
    trade_id: UUID | None = Field(description="trade; null of a payment")
    direction: Direction = Field(description="out: the money leaves; in: a sale brings it")
    amount: DecimalText = Field(description="digits, a point, decimals", examples=["125.50"])
    currency: CurrencyCode = Field(description="ISO 4217 code", examples=["EUR"])
    status: SettlementStatus = Field(description="where it is")
    status_reason: str = Field(description="what the other side said")
    settles_on: date = Field(
        description="of a payment the next weekday after it was sent; of a trade the day of its market"
    )
    settled_at: datetime | None = Field(description="when it arrived")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was sent, or booked")
    updated_at: datetime = Field(description="when it last changed")


class SettlementQuery(ListQuery):
    """The query of the list."""

    status: Optionally[SettlementStatus] = Field(None, description="only settlements in this status")
    kind: Optionally[SettlementKind] = Field(None, description="only those of payments, or of trades")
    payment_id: Optionally[UUID] = Field(None, description="only the settlement of this payment")
    trade_id: Optionally[UUID] = Field(None, description="only the settlement of this trade")
    direction: Optionally[Direction] = Field(None, description="only those whose money goes this way")
    currency: Optionally[CurrencyCode] = Field(None, description="only settlements in this currency")
    settles_on: Optionally[IsoDate] = Field(None, description="only those due on this day")
    settles_from: Optionally[IsoDate] = Field(None, description="only those due on this day or later")
    settles_to: Optionally[IsoDate] = Field(None, description="only those due on this day or earlier")
    sort: Literal["id", "-id", "settles_on", "-settles_on", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
