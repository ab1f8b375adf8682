"""What a bond looks like on the wire."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import (
    CurrencyCode,
    DecimalText,
    Flag,
    Fraction,
    IsoDate,
    Optionally,
    Price,
    Symbol,
    Text,
    number_only,
)

Isin = Annotated[str, Field(pattern="^[A-Z]{2}[A-Z0-9]{9}[0-9]$", examples=["US912810TM09"])]
CouponsPerYear = Annotated[Literal[0, 1, 2, 4, 12], BeforeValidator(number_only)]
RATE_TEXT = "interest of a year on the face value, as a fraction; 0 for a zero-coupon bond"
FREQUENCY_TEXT = "payments of interest in a year; 0 for a zero-coupon bond"
FACE_TEXT = "what a unit repays at maturity, in the instrument's currency"


class DayCount(StrEnum):
    """How days of interest are counted."""

    THIRTY_360 = "30/360"
    ACT_360 = "act/360"
    ACT_365 = "act/365"
    ACT_ACT = "act/act"


class BondIn(BaseModel):
    """The terms of a bond whose instrument exists."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(
        description="an instrument of the kind bond; its terms are given once", examples=["T-4-2052"]
    )
    issuer: Text = Field(description="who owes", examples=["United States Treasury"])
    isin: Isin | None = Field(None, description="ISO 6166 number; null where there is none")
    face_value: Price = Field(description=FACE_TEXT, examples=["1000"])
    coupon_rate: Fraction = Field(description=RATE_TEXT, examples=["0.04"])
    coupons_per_year: CouponsPerYear = Field(description=FREQUENCY_TEXT)
    day_count: DayCount = Field(description="how days of interest are counted")
    issued_on: IsoDate = Field(description="first day of interest", examples=["2022-11-15"])
    matures_on: IsoDate = Field(description="day of repayment, after the issue", examples=["2052-11-15"])
    is_callable: Flag = Field(False, description="whether the issuer may repay early")


class BondPatch(MergePatch):
    """A change of a bond's terms; the symbol stays."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"isin"})

    issuer: Optionally[Text] = Field(None, description="who owes")
    isin: Isin | None = Field(None, description="ISO 6166 number; null where there is none")
    face_value: Optionally[Price] = Field(None, description=FACE_TEXT)
    coupon_rate: Optionally[Fraction] = Field(None, description=RATE_TEXT)
    coupons_per_year: Optionally[CouponsPerYear] = Field(None, description=FREQUENCY_TEXT)
    day_count: Optionally[DayCount] = Field(None, description="how days of interest are counted")
    issued_on: Optionally[IsoDate] = Field(None, description="first day of interest")
    matures_on: Optionally[IsoDate] = Field(None, description="day of repayment")
    is_callable: Optionally[Flag] = Field(None, description="whether the issuer may repay early")


class BondOut(BaseModel):
    """The terms of an instrument that is a bond."""

    id: UUID = Field(description="UUIDv7")
    symbol: Symbol = Field(description="its instrument")
    name: str = Field(description="the instrument's full name")
    currency: CurrencyCode = Field(description="ISO 4217 code of its prices and payments", examples=["USD"])
    issuer: str = Field(description="who owes")
    isin: str | None = Field(description="ISO 6166 number; null where there is none")
    face_value: Price = Field(description=FACE_TEXT)
    coupon_rate: Fraction = Field(description=RATE_TEXT)
    coupons_per_year: CouponsPerYear = Field(description=FREQUENCY_TEXT)
    day_count: DayCount = Field(description="how days of interest are counted")
    issued_on: date = Field(description="first day of interest")
    matures_on: date = Field(description="day of repayment")
    is_callable: bool = Field(description="whether the issuer may repay early")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when the terms were added")
    updated_at: datetime = Field(description="when they last changed")


class BondQuery(ListQuery):
    """The query of the list of bonds."""

    symbol: Optionally[Symbol] = Field(None, description="only the terms of this instrument")
    isin: Optionally[Isin] = Field(None, description="only the bond of this number")
    issuer: Optionally[Text] = Field(None, description="only issuers whose name contains this text, in any case")
    matures_from: Optionally[IsoDate] = Field(None, description="only bonds that mature on this day or later")
    matures_to: Optionally[IsoDate] = Field(None, description="only bonds that mature on this day or earlier")
    sort: Literal["id", "-id", "symbol", "-symbol", "matures_on", "-matures_on", "coupon_rate", "-coupon_rate"] = Field(
        "id", description="order; `-` for descending"
    )


class YieldRule(StrEnum):
    """How a yield discounts: compounded as often as coupons are paid (once a year without); simple in the last such
    period and compounded before it; or continuously."""

    COMPOUNDED = "compounded"
    SIMPLE_THEN_COMPOUNDED = "simple_then_compounded"
    CONTINUOUS = "continuous"


class BondValuationQuery(BaseModel):
    """The price that a bond is measured at."""

    model_config = ConfigDict(extra="forbid")

    clean_price: Price = Field(description="without accrued interest, per 100 of face", examples=["98.5"])
    on: Optionally[IsoDate] = Field(None, description="day of settlement; today (UTC) if left out")
    yield_rule: YieldRule = Field(YieldRule.COMPOUNDED, description="how the yield discounts")


class BondValuation(BaseModel):
    """What a bond's price means, to maturity: nothing of it is stored. Prices are per 100 of face."""

    bond_id: UUID = Field(description="bond")
    symbol: Symbol = Field(description="its instrument")
    currency: CurrencyCode = Field(description="ISO 4217 code", examples=["USD"])
    on: date = Field(description="day of settlement")
    yield_rule: YieldRule = Field(description="how the yield discounts")
    bond_yield: float = Field(description="of a year, as a fraction")
    clean_price: DecimalText = Field(description="without accrued interest")
    accrued_interest: DecimalText = Field(description="earned since the last coupon")
    dirty_price: DecimalText = Field(description="what is paid: clean price and accrued interest")
    unit_value: DecimalText = Field(description="what one unit costs: dirty price times face value / 100")
    macaulay_years: float = Field(description="mean time of the payments, by present value")
    modified_years: float = Field(description="fall of the dirty price for a rise of the yield, relative")
    convexity: float = Field(description="second derivative of the dirty price over it, years squared")
    dv01: DecimalText = Field(description="what the dirty price loses when the yield rises by a basis point")
