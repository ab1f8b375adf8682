"""What an option looks like on the wire."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import CurrencyCode, DecimalText, IsoDate, Optionally, Price, Symbol

UNDERLYING = Field(description="instrument that it is a right on", examples=["AAPL"])
STRIKE = "price of exercise, in the underlying's currency"
VolatilityText = Annotated[str, Field(pattern=r"^[0-9](\.[0-9]{1,8})?$")]
RateText = Annotated[str, Field(pattern=r"^-?0(\.[0-9]{1,8})?$")]


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


class Pricing(StrEnum):
    """How an option is priced: European ones in closed form, American ones by their exercise boundary."""

    BLACK_SCHOLES_MERTON = "black_scholes_merton"
    ANDERSEN_LAKE_OFFENGENDEN = "andersen_lake_offengenden"


class OptionValuationQuery(BaseModel):
    """The market that an option is valued in."""

    model_config = ConfigDict(extra="forbid")

    spot: Price = Field(description="price of the underlying, in its currency", examples=["187.5"])
    volatility: VolatilityText = Field(description="of a year, as a fraction below 10", examples=["0.25"])
    rate: RateText = Field("0", description="interest of a year, continuous, as a fraction", examples=["0.05"])
    dividend_yield: RateText = Field("0", description="of the underlying, of a year, continuous", examples=["0.005"])
    on: Optionally[IsoDate] = Field(None, description="day of the valuation; today (UTC) if left out")
    quoted_price: Optionally[Price] = Field(None, description="a price of the option to tell the volatility of")


class GreeksOut(BaseModel):
    """Derivatives of the price of one unit, per 1.00 of what moves; null where a number is too large to be one."""

    delta: float | None = Field(description="by the price of the underlying")
    gamma: float | None = Field(description="delta's, by the price of the underlying")
    vega: float | None = Field(description="by volatility: x 0.01 is one point")
    theta: float | None = Field(description="by time that passes, in years: / 365 is a day; mostly negative")
    rho: float | None = Field(description="by the rate: x 0.0001 is a basis point")
    psi: float | None = Field(description="by the dividend yield")


class OptionValuation(BaseModel):
    """What an option is worth under the given inputs, by a model: nothing of it is stored."""

    option_id: UUID = Field(description="option")
    symbol: Symbol = Field(description="its instrument")
    currency: CurrencyCode = Field(description="ISO 4217 code of its prices", examples=["USD"])
    on: date = Field(description="day of the valuation")
    years: float = Field(description="to expiry, actual days over 365")
    style: ExerciseStyle = Field(description="when it may be exercised")
    method: Pricing = Field(description="how it was priced")
    price: DecimalText = Field(description="of one unit of the underlying")
    contract_value: DecimalText = Field(description="price times multiplier")
    greeks: GreeksOut = Field(description="derivatives of `price`")
    implied_volatility: float | None = Field(
        description="at which the European option is worth `quoted_price`; null for american options, without a "
        "quoted price, and where no volatility gives it"
    )
