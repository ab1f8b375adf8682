"""What a payment looks like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ml.checks.fraud import FraudModel, FraudRecommendation
from serving.kit.crud.batch import Batch
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import CurrencyCode, DecimalText, IsoDate, Optionally, PositiveAmount

MAX_BATCH = 100
LINE_PATTERN = r"^[^\x00-\x1f\x7f]{0,140}$"
NAME_PATTERN = r"^[^\x00-\x1f\x7f]{1,140}$"
NOTE_PATTERN = r"^[^\x00-\x1f\x7f]{0,500}$"
REASON_PATTERN = r"^[^\x00-\x1f\x7f]{1,200}$"

Reference = Annotated[str, Field(pattern=LINE_PATTERN, examples=["Invoice 4711"])]
Note = Annotated[str, Field(pattern=NOTE_PATTERN, examples=["office rent"])]
Iban = Annotated[str, Field(pattern="^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$", examples=["DE89370400440532013000"])]

FROM = Field(description="account of yours that pays")
AMOUNT = Field(description="digits, a point, no more decimals than the currency has", examples=["125.50"])
CURRENCY = Field(description="ISO 4217 code; the account pays from its cash in this currency", examples=["USD"])
REFERENCE = Field("", description="what the receiver reads")
NOTE = Field("", description="your own remark")


class PaymentStatus(StrEnum):
    """Where a payment is.

    `pending` while it is judged, which ends with the POST; `held_for_review`: its money is reserved; `authorised`: the
    money is on its way outside; `returned`: it had arrived and came back.
    """

    PENDING = "pending"
    HELD = "held_for_review"
    AUTHORISED = "authorised"
    BLOCKED = "blocked"
    SETTLED = "settled"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"


class InternalReceiver(BaseModel):
    """An account of this platform, whoever owns it."""

    model_config = ConfigDict(extra="forbid")

    account_id: UUID = Field(description="account that receives")


class ExternalReceiver(BaseModel):
    """An account elsewhere."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=NAME_PATTERN)] = Field(description="who receives", examples=["Muster GmbH"])
    iban: Iban = Field(description="account that receives; its check digits must be right")


class PaymentIn(BaseModel):
    """A payment to make."""

    model_config = ConfigDict(extra="forbid")

    from_account_id: UUID = FROM
    to: InternalReceiver | ExternalReceiver = Field(description="who receives, here or elsewhere")
    amount: PositiveAmount = AMOUNT
    currency: CurrencyCode = CURRENCY
    reference: Reference = REFERENCE
    note: Note = NOTE


class PaymentBatch(Batch[PaymentIn]):
    """Payments to make together."""

    items: Annotated[list[PaymentIn], Field(min_length=1, max_length=MAX_BATCH)] = Field(description="in this order")


ManyPayments = PaymentBatch | Annotated[list[PaymentIn], Field(min_length=1, max_length=MAX_BATCH)]


class PaymentPatch(MergePatch):
    """What may change: the note at any time, the reference while no money has moved."""

    reference: Optionally[Reference] = Field(None, description="what the receiver reads; only while held for review")
    note: Optionally[Note] = Field(None, description="your own remark")


class Review(BaseModel):
    """Why a person decides so."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(pattern=REASON_PATTERN)] = Field(
        description="for the payer and the audit log", examples=["payer called back and confirmed"]
    )


class FraudReason(BaseModel):
    """A rule of the fraud check and what it gave."""

    rule: str = Field(description="name of the rule")
    points: int = Field(description="points of 100")
    detail: str = Field(description="what it saw")


class PaymentOut(BaseModel):
    """A payment with the result of the fraud check."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user that pays")
    from_account_id: UUID = Field(description="account that pays")
    to: InternalReceiver | ExternalReceiver = Field(description="who receives")
    amount: DecimalText = AMOUNT
    currency: CurrencyCode = CURRENCY
    reference: str = REFERENCE
    note: str = NOTE
    status: PaymentStatus = Field(description="where it is")
    status_reason: str = Field(description="why it is there; empty where it went its way")
    settlement_id: UUID | None = Field(description="settlement outside of the platform; null of others")
    fraud_score: float = Field(ge=0, le=1, description="how unusual it is for the account, 0 to 1")
    fraud_recommendation: FraudRecommendation = Field(
        description="allow: the money moved; review: it is reserved until an admin decides; block: nothing moved"
    )
    fraud_reasons: list[FraudReason] = Field(
        description="what gave points; NAME@VERSION is the trained model that gave the score, where there is one"
    )
    fraud_model: FraudModel = Field(
        description="`rules` where the account has no isolation forest of its own: its history is too short, or a "
        "trained model has judged"
    )
    reviewed_by: UUID | None = Field(description="admin that decided")
    reviewed_at: datetime | None = Field(description="when")
    settled_at: datetime | None = Field(description="when the receiver had it")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was ordered")
    updated_at: datetime = Field(description="when it last changed")


class PaymentQuery(ListQuery):
    """The query of the list."""

    status: Optionally[PaymentStatus] = Field(None, description="only payments in this status")
    from_account_id: Optionally[UUID] = Field(None, description="only payments of this account")
    to_account_id: Optionally[UUID] = Field(None, description="only payments to this account")
    currency: Optionally[CurrencyCode] = Field(None, description="only payments in this currency")
    fraud_recommendation: Optionally[FraudRecommendation] = Field(None, description="only payments judged so")
    amount_from: Optionally[PositiveAmount] = Field(None, description="only payments of this amount or more")
    amount_to: Optionally[PositiveAmount] = Field(None, description="only payments of this amount or less")
    created_from: Optionally[IsoDate] = Field(None, description="only from this day (UTC) on")
    created_to: Optionally[IsoDate] = Field(None, description="only up to this day (UTC), the day itself included")
    sort: Literal["id", "-id", "created_at", "-created_at", "updated_at", "-updated_at", "amount", "-amount"] = Field(
        "id", description="order; `-` for descending. Amounts are compared as numbers: filter by currency with them"
    )
