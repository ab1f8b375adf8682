"""Values as the API writes them: money and quantities are strings of digits, never JSON numbers."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lakehouse.domain.currency import from_minor, to_minor
from lakehouse.domain.money import Money

DECIMAL_PATTERN = r"^-?[0-9]{1,20}(\.[0-9]{1,8})?$"
CONFIDENCE_PATTERN = r"^0\.[0-9]{1,5}$"
# RFC 3339 without its leap seconds and its year 0, which no clock of ours can show.
INSTANT_PATTERN = (
    r"^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9]"
    r"(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)

FIRST_INSTANT = datetime(1, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(INSTANT_PATTERN)


def _iso_only(value: object) -> object:
    """Pydantic also reads numbers as seconds since 1970: `date_to=0` would be a date."""
    if isinstance(value, date) or (isinstance(value, str) and _ISO_DATE.fullmatch(value)):
        return value
    raise ValueError("Input should be a date as YYYY-MM-DD")


def _instant_only(value: object) -> object:
    """Pydantic also reads numbers as seconds since 1970, times without an offset, and a space for the T."""
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.fullmatch(value)):
        return value
    raise ValueError("Input should be an instant as YYYY-MM-DDTHH:MM:SSZ, or with an offset")


def _in_utc(value: datetime) -> datetime:
    """The instant in UTC; what an offset moves out of the years 1 to 9999 is their first or last instant."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return FIRST_INSTANT if value.year == 1 else LAST_INSTANT


def truth_only(value: object) -> object:
    """Pydantic also reads 0, 1, "yes" and "off" as truth values, which the published schema does not."""
    if not isinstance(value, bool):
        raise ValueError("Input should be true or false")
    return value


def number_only(value: object) -> object:
    """Pydantic also reads "7" and true as numbers, which the published schema does not; 7.0 is one by both."""
    if isinstance(value, (str, bytes, bool)):
        raise ValueError("Input should be a whole number, not text")
    return value


def _given_only(value: object) -> object:
    if value is None:
        raise ValueError("Input should be a value: leave it out where there is none")
    return value


class _NeverNull:
    """Documents a parameter that may be left out as what it is when given: a query cannot say null."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        given: JsonSchemaValue = schema.pop("anyOf")[0]
        return {**schema, **given}


Given = TypeVar("Given")
Optionally = Annotated[Given | None, _NeverNull()]
# As Optionally, for a member of a body that may be left out: an explicit null is refused, as the schema says.
Omittable = Annotated[Given | None, BeforeValidator(_given_only), _NeverNull()]
IsoDate = Annotated[date, BeforeValidator(_iso_only)]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant_only),
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": INSTANT_PATTERN}),
]
DecimalText = Annotated[str, Field(pattern=DECIMAL_PATTERN)]
# For members of bodies; in a query everything is text. Whole numbers: Annotated[int, Field(ge=1),
# BeforeValidator(number_only)], in this order, or the bounds are missing in the published schema.
Flag = Annotated[bool, BeforeValidator(truth_only)]
ConfidenceText = Annotated[str, Field(pattern=CONFIDENCE_PATTERN)]
CurrencyCode = Annotated[str, Field(pattern="^[A-Z]{3}$")]


Text = Annotated[str, Field(pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,199}$")]  # not blank, one line
LongText = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]{0,2000}$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.^=/_-]{0,31}$", examples=["AAPL"])]


_DECIMALS = "|".join(f"0{{{zeros}}}[1-9][0-9]{{0,{7 - zeros}}}" for zeros in range(8))  # one to eight, not all zero


def _positive(digits: int) -> str:
    """A pattern of decimals above zero with up to eight decimals; without look-ahead, which not every tool reads."""
    return rf"^(0\.({_DECIMALS})|[1-9][0-9]{{0,{digits - 1}}}(\.[0-9]{{1,8}})?)$"


def _exact(pattern: str) -> BeforeValidator:
    """Text of this pattern, or a Decimal of our own; JSON numbers stay out, because they are not exact."""
    shape = re.compile(pattern)

    def check(value: object) -> object:
        if isinstance(value, Decimal) or (isinstance(value, str) and shape.fullmatch(value)):
            return value
        raise ValueError(f"Input should be a string of digits that matches {pattern}")

    return BeforeValidator(check)


def plain(value: Decimal) -> str:
    """Digits without exponent and without trailing zeros: 0.95000 is written 0.95, 100 stays 100."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


QUANTITY_PATTERN = _positive(12)
PRICE_PATTERN = _positive(9)
PERCENT_PATTERN = _positive(2)
AMOUNT_PATTERN = _positive(13)
FRACTION_PATTERN = r"^(0(\.[0-9]{1,8})?|1(\.0{1,8})?)$"
SHORT_PATTERN = r"^(0(\.0{1,8})?|-0(\.[0-9]{1,8})?|-1(\.0{1,8})?)$"
WEIGHT_PATTERN = r"^-?(0(\.[0-9]{1,8})?|1(\.0{1,8})?)$"
BELOW_ONE_PATTERN = r"^0(\.[0-9]{1,8})?$"
POSITIVE_BELOW_ONE_PATTERN = rf"^0\.({_DECIMALS})$"
NOT_NEGATIVE_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,8})?$"
_TEXT = PlainSerializer(plain, return_type=str)


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


# Decimals that are strings of digits on the wire, in both directions.
Quantity = Annotated[Decimal, _exact(QUANTITY_PATTERN), _TEXT, _schema(QUANTITY_PATTERN, "10")]
Price = Annotated[Decimal, _exact(PRICE_PATTERN), _TEXT, _schema(PRICE_PATTERN, "125.67")]
Percent = Annotated[Decimal, _exact(PERCENT_PATTERN), _TEXT, _schema(PERCENT_PATTERN, "2.5")]
NotNegative = Annotated[Decimal, _exact(NOT_NEGATIVE_PATTERN), _TEXT, _schema(NOT_NEGATIVE_PATTERN, "1.5")]
PositiveAmount = Annotated[Decimal, _exact(AMOUNT_PATTERN), _TEXT, _schema(AMOUNT_PATTERN, "1000.00")]
Fraction = Annotated[Decimal, _exact(FRACTION_PATTERN), _TEXT, _schema(FRACTION_PATTERN, "0.05")]
ShortWeight = Annotated[Decimal, _exact(SHORT_PATTERN), _TEXT, _schema(SHORT_PATTERN, "-0.1")]
Weight = Annotated[Decimal, _exact(WEIGHT_PATTERN), _TEXT, _schema(WEIGHT_PATTERN, "0.05")]
BelowOne = Annotated[Decimal, _exact(BELOW_ONE_PATTERN), _TEXT, _schema(BELOW_ONE_PATTERN, "0.005")]
PositiveBelowOne = Annotated[
    Decimal, _exact(POSITIVE_BELOW_ONE_PATTERN), _TEXT, _schema(POSITIVE_BELOW_ONE_PATTERN, "0.05")
]
Number = Annotated[Decimal, _exact(DECIMAL_PATTERN), _TEXT, _schema(DECIMAL_PATTERN, "-12.5")]


MAX_LOTS = 100


class LotPick(BaseModel):
    """Units to take from one lot."""

    model_config = ConfigDict(extra="forbid")

    lot_id: UUID = Field(description="open lot of the portfolio; GET /api/v1/lots lists them")
    quantity: Quantity = Field(description="units to take from it")


class MoneyIn(BaseModel):
    """An amount above zero, with no more decimals than its currency has."""

    model_config = ConfigDict(extra="forbid")

    amount: PositiveAmount = Field(description="digits, a point, decimals")
    currency: CurrencyCode = Field(description="ISO 4217 code", examples=["USD"])

    @property
    def minor(self) -> int:
        """The amount in minor units. Raises CurrencyError, which is answered with 409."""
        return to_minor(self.amount, self.currency)


class MoneyOut(BaseModel):
    """An exact amount."""

    amount: DecimalText = Field(description="digits, a point, two decimals", examples=["-1234.50"])
    currency: CurrencyCode = Field(description="ISO 4217 code", examples=["USD"])


def money_out(amount: Decimal, currency: str) -> MoneyOut:
    """Amount and currency as the API writes them. Raises MoneyError for what is not money."""
    money = Money(amount, currency)
    return MoneyOut(amount=money.text, currency=money.currency)


def money_or_null(amount: Decimal | None, currency: str) -> MoneyOut | None:
    """The same of an amount that may be absent."""
    return None if amount is None else money_out(amount, currency)


def money_of(minor: int, currency: str) -> MoneyOut:
    """An amount of the ledger as the API writes it."""
    return MoneyOut(amount=f"{from_minor(minor, currency):f}", currency=currency)
