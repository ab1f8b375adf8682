"""What accounts look like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.portfolio.lots import LotMethod
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import CurrencyCode, DecimalText, Flag, Optionally, Text

METHOD_TEXT = (
    "which lot a sale closes first: fifo, lifo, hifo (highest unit cost), average (one pool), "
    "specific (the lots that the sale names, else fifo)"
)
SHORT_TEXT = "whether more may be sold than is held"


class AccountKind(StrEnum):
    """What an account is for."""

    BROKERAGE = "brokerage"
    CASH = "cash"


class AccountStatus(StrEnum):
    """Whether it takes bookings."""

    OPEN = "open"
    CLOSED = "closed"


class AccountIn(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(description="unique among yours", examples=["Main account"])
    kind: AccountKind = Field(AccountKind.BROKERAGE, description="a brokerage account may have a portfolio")
    base_currency: CurrencyCode = Field("USD", description="ISO 4217 code of its reports", examples=["USD"])
    lot_method: LotMethod = Field(LotMethod.FIFO, description=METHOD_TEXT)
    allows_short: Flag = Field(False, description=SHORT_TEXT)


class AccountPatch(MergePatch):
    """A change of an account. A new lot method folds the portfolio's history again."""

    name: Optionally[Text] = Field(None, description="unique among yours")
    lot_method: Optionally[LotMethod] = Field(None, description=METHOD_TEXT)
    allows_short: Optionally[Flag] = Field(None, description=SHORT_TEXT)
    status: Optionally[AccountStatus] = Field(None, description="closed: it takes no bookings; empty it first")


class Balance(BaseModel):
    """Money of one currency."""

    currency: str = Field(description="ISO 4217 code, or SIM_COIN", examples=["USD"])
    balance: DecimalText = Field(description="sum of what was booked", examples=["1250.00"])
    reserved: DecimalText = Field(description="promised to open orders and payments", examples=["250.00"])
    available: DecimalText = Field(description="balance less what is reserved", examples=["1000.00"])


class AccountOut(BaseModel):
    """Holds money in any number of currencies."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user that owns it")
    name: str = Field(description="unique among its owner's", examples=["Main account"])
    kind: AccountKind = Field(description="what it is for")
    base_currency: CurrencyCode = Field(description="ISO 4217 code of its reports", examples=["USD"])
    lot_method: LotMethod = Field(description=METHOD_TEXT)
    allows_short: bool = Field(description=SHORT_TEXT)
    status: AccountStatus = Field(description="whether it takes bookings")
    portfolio_id: UUID | None = Field(description="portfolio whose cash it holds; null where it has none")
    balances: list[Balance] = Field(description="by currency; a currency that it never had is not there")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was opened")
    updated_at: datetime = Field(description="when it last changed")


class AccountQuery(ListQuery):
    """The query of the list of accounts."""

    name: Optionally[Text] = Field(None, description="only names that contain this text, in any case")
    kind: Optionally[AccountKind] = Field(None, description="only accounts of this kind")
    status: Optionally[AccountStatus] = Field(None, description="only open, or only closed ones")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
