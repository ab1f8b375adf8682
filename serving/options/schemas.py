"""What an option looks like on the wire."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import CurrencyCode, IsoDate, Optionally, Price, Symbol

UNDERLYING = Field(description="instrument that it is a right on", examples=["AAPL"])
STRIKE = "price of exercise, in the underlying's currency"


class OptionRight(StrEnum):
    """What may be done at the strike: buy (call) or sell (put)."""

    CALL = "call"
    PUT = "put"


class ExerciseStyle(StrEnum):
    """When it may be exercised: on any day (american) or on the last (european)."""

    AMERICAN = "american"
    EUROPEAN = "european"


class OptionIn(BaseModel):
    """The terms of an option whose instrument exists."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(
        description="an instrument of the kind option; its terms are given once", examples=["AAPL-240621-C-190"]
    )
    underlying: Symbol = UNDERLYING
    option_right: OptionRight = Field(description="call or put")
    style: ExerciseStyle = Field(ExerciseStyle.AMERICAN, description="when it may be exercised")
    strike: Price = Field(description=STRIKE, examples=["190"])
    expires_on: IsoDate = Field(description="last day of exercise", examples=["2024-06-21"])


class OptionPatch(MergePatch):
    """A correction of an option's terms; symbol and underlying stay."""

    option_right: Optionally[OptionRight] = Field(None, description="call or put")
    style: Optionally[ExerciseStyle] = Field(None, description="when it may be exercised")
    strike: Optionally[Price] = Field(None, description=STRIKE)
    expires_on: Optionally[IsoDate] = Field(None, description="last day of exercise")


class OptionOut(BaseModel):
    """The terms of an instrument that is an option."""

    id: UUID = Field(description="UUIDv7")
    symbol: Symbol = Field(description="its instrument")
    name: str = Field(description="the instrument's full name")
    underlying: Symbol = UNDERLYING
    option_right: OptionRight = Field(description="call or put")
    style: ExerciseStyle = Field(description="when it may be exercised")
    strike: Price = Field(description=STRIKE)
    expires_on: date = Field(description="last day of exercise")
    multiplier: Price = Field(description="units of the underlying in one contract, from the instrument")
    currency: CurrencyCode = Field(description="ISO 4217 code of its prices, from the instrument", examples=["USD"])
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when the terms were added")
    updated_at: datetime = Field(description="when they last changed")


class OptionQuery(ListQuery):
    """The query of the list of options: a chain is one underlying, by expiry or strike."""

    symbol: Optionally[Symbol] = Field(None, description="only the terms of this instrument")
    underlying: Optionally[Symbol] = Field(None, description="only options on this instrument")
    option_right: Optionally[OptionRight] = Field(None, description="only calls, or only puts")
    expires_from: Optionally[IsoDate] = Field(None, description="only options that expire on this day or later")
    expires_to: Optionally[IsoDate] = Field(None, description="only options that expire on this day or earlier")
    sort: Literal["id", "-id", "symbol", "-symbol", "expires_on", "-expires_on", "strike", "-strike"] = Field(
        "id", description="order; `-` for descending"
    )
