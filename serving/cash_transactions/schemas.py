"""What cash transactions look like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.portfolio.transactions import Kind
from serving.kit.crud.listing import ListQuery
from serving.kit.types import CurrencyCode, DecimalText, IsoDate, MoneyOut, Number, Optionally, PositiveAmount, Price
from serving.transactions.schemas import CashMovedIn, Note


class CashKind(StrEnum):
    """Transactions that move money alone."""

    DEPOSIT = Kind.DEPOSIT.value
    WITHDRAWAL = Kind.WITHDRAWAL.value
    INTEREST = Kind.INTEREST.value
    FEE = Kind.FEE.value
    TAX = Kind.TAX.value
    CONVERSION = Kind.CONVERSION.value


class CashTransactionIn(CashMovedIn):
    """Money that came in or went out."""


class ConversionAsked(BaseModel):
    """Money of one currency of an account that is to become money of another, now."""

    model_config = ConfigDict(extra="forbid")

    currency: CurrencyCode = Field(description="ISO 4217 code of what is given", examples=["EUR"])
    amount: PositiveAmount = Field(description="what is given, in `currency`", examples=["100.00"])
    to_currency: CurrencyCode = Field(description="ISO 4217 code of what is received", examples=["USD"])
    min_receive: PositiveAmount | None = Field(
        None, description="the least of `to_currency` that it must bring, else nothing is converted"
    )
    max_rate: Price | None = Field(
        None, description="the most of `currency` that one `to_currency` may cost, else nothing is converted"
    )
    note: Note = Field("", description="your remark")


class ConversionOut(BaseModel):
    """A conversion as it was booked; GET /api/v1/cash-transactions/{id} shows it among the movements of money."""

    id: UUID = Field(description="UUIDv7: the transaction's own")
    account_id: UUID = Field(description="account")
    portfolio_id: UUID = Field(description="its portfolio")
    given: MoneyOut = Field(description="what left")
    received: MoneyOut = Field(description="what came: given * rate, rounded half to even")
    rate: Number = Field(description="units of the received currency for one of the given", examples=["1.0731"])
    rate_as_of: IsoDate = Field(description="day of the rate; of a cross rate, of the older one")


class CashTransactionOut(BaseModel):
    """A movement of money; GET /api/v1/transactions/{id} shows the same one among all kinds."""

    id: UUID = Field(description="UUIDv7: the transaction's own")
    portfolio_id: UUID = Field(description="portfolio")
    account_id: UUID = Field(description="its account")
    kind: CashKind = Field(description="what happened")
    currency: str = Field(description="currency", examples=["USD"])
    gross: DecimalText = Field(description="amount before charges", examples=["500.00"])
    cash: DecimalText = Field(description="effect on cash, charges included; negative pays out", examples=["-500.00"])
    to_currency: str | None = Field(description="currency that a conversion brings; null of any other")
    received: DecimalText | None = Field(description="what a conversion brings, in `to_currency`", examples=["107.31"])
    fee: DecimalText = Field(description="fees in `cash`", examples=["0.00"])
    tax: DecimalText = Field(description="taxes in `cash`", examples=["0.00"])
    symbol: str | None = Field(description="instrument that it concerns")
    occurred_at: datetime = Field(description="when it happened")
    settles_on: IsoDate = Field(description="when the cash moves")
    external_id: str | None = Field(description="the broker's own number")
    source: str = Field(description="api, import, fill, payment or seed")
    note: str = Field(description="the owner's remark")
    reversed_at: datetime | None = Field(description="when it was reversed; null while it counts")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was booked")


class CashTransactionQuery(ListQuery):
    """The query of the list of cash transactions."""

    portfolio_id: Optionally[UUID] = Field(None, description="only of this portfolio")
    account_id: Optionally[UUID] = Field(None, description="only of this account")
    kind: Optionally[CashKind] = Field(None, description="only of this kind")
    currency: Optionally[CurrencyCode] = Field(None, description="only in this currency, or from or into it")
    occurred_from: Optionally[IsoDate] = Field(None, description="only from this day (UTC) on")
    occurred_to: Optionally[IsoDate] = Field(None, description="only up to this day (UTC), the day itself included")
    reversed: bool = Field(False, description="false: those that count; true: those that were reversed")
    sort: Literal["id", "-id", "occurred_at", "-occurred_at"] = Field("id", description="order; `-` for descending")
