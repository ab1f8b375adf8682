"""How a CSV file is to be read: which column means what, and how dates, numbers and kinds are written."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.types import CurrencyCode

Header = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
KindWord = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]


Alternatives = Annotated[list[Header], Field(max_length=8)]


class DateFormat(StrEnum):
    """Written dates, each with an optional time; without one it is midnight UTC."""

    ISO = "YYYY-MM-DD"
    SLASHED_ISO = "YYYY/MM/DD"
    COMPACT = "YYYYMMDD"
    DOTTED = "DD.MM.YYYY"
    DASHED = "DD-MM-YYYY"
    EUROPEAN = "DD/MM/YYYY"
    AMERICAN = "MM/DD/YYYY"


class Meaning(StrEnum):
    """What a word in the kind column stands for; `trade` is by the sign of the quantity, `cash` of the amount."""

    BUY = "buy"
    SELL = "sell"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    FEE = "fee"
    TAX = "tax"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    SPLIT = "split"
    REVERSE_SPLIT = "reverse_split"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    SPIN_OFF = "spin_off"
    CONVERSION = "conversion"
    TRADE = "trade"
    CASH = "cash"


class Columns(BaseModel):
    """Names of the file's columns, in any case; of alternatives the first that the file has counts."""

    model_config = ConfigDict(extra="forbid")

    date: Annotated[list[Header], Field(min_length=1, max_length=8)] = Field(description="day, or day and time")
    time: Alternatives = Field([], description="time of day, where it has a column of its own")
    kind: Alternatives = Field([], description="what happened; without it, the sign of the quantity says buy or sell")
    symbol: Alternatives = Field([], description="ticker")
    name: Alternatives = Field([], description="name of the instrument, for one that is not known yet")
    quantity: Alternatives = Field([], description="units")
    price: Alternatives = Field([], description="of a unit")
    currency: Alternatives = Field([], description="of the cash")
    amount: Alternatives = Field([], description="money of what has no units")
    fee: Alternatives = Field([], description="commission and fees; several columns that the file has are added")
    tax: Alternatives = Field([], description="taxes; several columns are added")
    fx_rate: Alternatives = Field([], description="units of currency for one unit of the instrument's currency")
    ratio: Alternatives = Field([], description="new units for one old unit of a split")
    related_symbol: Alternatives = Field([], description="what a spin-off hands out")
    cost_share: Alternatives = Field([], description="part of the cost that goes along with a spin-off")
    to_currency: Alternatives = Field([], description="currency that a conversion brings")
    to_amount: Alternatives = Field([], description="money that a conversion brings")
    settles_on: Alternatives = Field([], description="day on which the cash moves")
    external_id: Alternatives = Field([], description="the broker's own number")
    note: Alternatives = Field([], description="remark")


class Layout(BaseModel):
    """A way of writing transactions."""

    model_config = ConfigDict(extra="forbid")

    columns: Columns
    delimiter: Literal["auto", ",", ";", "tab", "|"] = Field(
        "auto", description="auto: the one most frequent in the header"
    )
    decimal: Literal[".", ","] = Field(".", description="decimal separator; the other one, blanks and ' group digits")
    date_formats: Annotated[list[DateFormat], Field(min_length=1, max_length=3)] = Field(
        [DateFormat.ISO], description="tried in this order"
    )
    kinds: Annotated[dict[KindWord, Meaning], Field(max_length=100)] = Field(
        {},
        description="words of the kind column, in any case; a word also stands for longer ones that start with it",
        json_schema_extra={"additionalProperties": False},  # other keys are refused, which patternProperties leave open
    )
    default_currency: CurrencyCode | None = Field(
        None, description="where the file names none; null: the instrument's, or the portfolio's base currency"
    )
    amount_is: Literal["gross", "net"] = Field("gross", description="whether fees and taxes are in the amount already")
