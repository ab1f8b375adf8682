"""What transactions look like on the wire: what a kind needs, its schema demands."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.portfolio.transactions import Kind
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import (
    MAX_LOTS,
    CurrencyCode,
    DecimalText,
    Instant,
    IsoDate,
    LotPick,
    NotNegative,
    Number,
    Optionally,
    PositiveAmount,
    Price,
    Quantity,
    Symbol,
)

ZERO = Decimal(0)

Note = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]{0,500}$")]
ExternalId = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Share = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,8})?|1(\.0{1,8})?)$", examples=["0.15"])]


class _Base(BaseModel):
    """What every transaction says."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: UUID = Field(description="portfolio of yours")
    occurred_at: Instant = Field(description="when it happened, with a time zone; up to now")
    currency: CurrencyCode = Field(description="ISO 4217 code of the cash", examples=["USD"])
    settles_on: IsoDate | None = Field(None, description="when the cash moves; null takes the usual day")
    external_id: ExternalId | None = Field(
        None, description="the broker's own number: a second transaction with it is refused as a duplicate"
    )
    note: Note = Field("", description="your remark")


class _Charged(_Base):
    fee: NotNegative = Field(ZERO, description="commission and fees, in `currency`", examples=["1.00"])
    tax: NotNegative = Field(ZERO, description="taxes, in `currency`", examples=["0"])


class TradeIn(_Charged):
    """Units bought or sold. Beyond what is held a sale opens a short lot, where the account allows it."""

    kind: Literal[Kind.BUY, Kind.SELL]
    symbol: Symbol = Field(description="instrument", examples=["AAPL"])
    quantity: Quantity = Field(description="units, above zero")
    price: Price = Field(description="price of a unit, in the instrument's currency")
    fx_rate: Price = Field(
        Decimal(1), description="units of `currency` for one of the instrument's; 1 where they are the same"
    )
    lots: Annotated[list[LotPick], Field(max_length=MAX_LOTS)] = Field(
        [], description="lots to close, where the account's method is specific; empty takes the first"
    )


class UnitsMovedIn(_Base):
    """Units that came in or went out without a trade: no cash moves, and a transfer out gains nothing."""

    kind: Literal[Kind.TRANSFER_IN, Kind.TRANSFER_OUT]
    symbol: Symbol = Field(description="instrument", examples=["AAPL"])
    quantity: Quantity = Field(description="units, above zero")
    price: NotNegative = Field(description="cost of a unit that comes in, price of one that goes out", examples=["120"])
    fx_rate: Price = Field(
        Decimal(1), description="units of `currency` for one of the instrument's; 1 where they are the same"
    )
    lots: Annotated[list[LotPick], Field(max_length=MAX_LOTS)] = Field(
        [], description="lots to take, where the account's method is specific; empty takes the first"
    )


class DividendIn(_Charged):
    """Money that an instrument paid: `amount` is gross, the tax withheld stands beside it."""

    kind: Literal[Kind.DIVIDEND]
    symbol: Symbol = Field(description="instrument that paid", examples=["AAPL"])
    amount: PositiveAmount = Field(description="gross amount")


class CashMovedIn(_Charged):
    """Money alone: a deposit, withdrawal, interest received, fee or tax."""

    kind: Literal[Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.INTEREST, Kind.FEE, Kind.TAX]
    symbol: Symbol | None = Field(None, description="instrument that it concerns; null for none")
    amount: PositiveAmount = Field(description="amount, above zero whichever way it goes; charges come on top")


class ConversionIn(_Charged):
    """Money of one currency that became money of another, as your broker did it; POST
    /api/v1/accounts/{account_id}/conversions converts at the rate of today."""

    kind: Literal[Kind.CONVERSION]
    amount: PositiveAmount = Field(description="what was given, in `currency`; charges come on top")
    to_currency: CurrencyCode = Field(description="ISO 4217 code of what was received", examples=["EUR"])
    to_amount: PositiveAmount = Field(description="what was received, in `to_currency`", examples=["930.00"])


class SplitIn(_Base):
    """New units for old ones. The cost of the lots stays."""

    kind: Literal[Kind.SPLIT, Kind.REVERSE_SPLIT]
    symbol: Symbol = Field(description="instrument", examples=["AAPL"])
    ratio: Price = Field(description="new units for one old: 4 of a split, 0.1 of a reverse split", examples=["4"])


class SpinOffIn(_Base):
    """Units of another instrument for those that are held, with a part of their cost."""

    kind: Literal[Kind.SPIN_OFF]
    symbol: Symbol = Field(description="instrument that is held", examples=["GE"])
    related_symbol: Symbol = Field(description="instrument that is handed out", examples=["GEHC"])
    ratio: Price = Field(description="units handed out for one held", examples=["0.33333333"])
    cost_share: Share = Field(description="part of the cost that goes to what is handed out, 0 to 1")


TransactionIn = Annotated[
    TradeIn | UnitsMovedIn | DividendIn | CashMovedIn | ConversionIn | SplitIn | SpinOffIn, Field(discriminator="kind")
]


class TransactionPatch(MergePatch):
    """The remark is all that changes: reverse a wrong transaction and book the right one."""

    note: Optionally[Note] = Field(None, description="your remark")


class LotPickOut(BaseModel):
    """Units taken from one lot."""

    lot_id: UUID = Field(description="lot")
    quantity: DecimalText = Field(description="units taken")


class TransactionOut(BaseModel):
    """Something that happened, as it was booked."""

    id: UUID = Field(description="UUIDv7")
    portfolio_id: UUID = Field(description="portfolio")
    account_id: UUID = Field(description="its account")
    kind: Kind = Field(description="what happened")
    symbol: str | None = Field(description="instrument", examples=["AAPL"])
    quantity: Number | None = Field(description="units, always positive", examples=["10"])
    price: Number | None = Field(description="price of a unit, in the instrument's currency", examples=["125.67"])
    currency: str = Field(description="currency of the cash", examples=["USD"])
    gross: DecimalText = Field(description="worth of the units, or the amount, before charges", examples=["1256.70"])
    cash: DecimalText = Field(description="effect on cash, charges included; negative pays out", examples=["-1257.70"])
    to_currency: str | None = Field(description="currency that a conversion brings; null of any other")
    received: DecimalText | None = Field(description="what a conversion brings, in `to_currency`", examples=["107.31"])
    fee: DecimalText = Field(description="commission and fees in `cash`", examples=["1.00"])
    tax: DecimalText = Field(description="taxes in `cash`", examples=["0.00"])
    fx_rate: Number = Field(
        description="units of `currency` for one of the instrument's; of a conversion, of `to_currency` for one given",
        examples=["1"],
    )
    ratio: Number | None = Field(description="new units for one old, or handed out for one held")
    related_symbol: str | None = Field(description="instrument that a spin-off hands out")
    cost_share: Number | None = Field(description="part of the cost that goes to it")
    lots: list[LotPickOut] | None = Field(description="lots that were named to be closed")
    occurred_at: datetime = Field(description="when it happened")
    settles_on: IsoDate = Field(description="when the cash moves")
    external_id: str | None = Field(description="the broker's own number")
    source: str = Field(description="api, import, fill, payment, seed or corporate_action")
    fill_id: UUID | None = Field(description="fill that caused it")
    import_id: UUID | None = Field(description="import that brought it")
    note: str = Field(description="the owner's remark")
    reversed_at: datetime | None = Field(description="when it was reversed; null while it counts")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was booked")


class TransactionQuery(ListQuery):
    """The query of the list of transactions."""

    portfolio_id: Optionally[UUID] = Field(None, description="only of this portfolio")
    kind: Optionally[Kind] = Field(None, description="only of this kind")
    symbol: Optionally[Symbol] = Field(None, description="only of this instrument")
    currency: Optionally[CurrencyCode] = Field(None, description="only in this currency")
    import_id: Optionally[UUID] = Field(None, description="only those that this import brought")
    occurred_from: Optionally[IsoDate] = Field(None, description="only from this day (UTC) on")
    occurred_to: Optionally[IsoDate] = Field(None, description="only up to this day (UTC), the day itself included")
    reversed: bool = Field(False, description="false: those that count; true: those that were reversed")
    sort: Literal["id", "-id", "occurred_at", "-occurred_at"] = Field("id", description="order; `-` for descending")
