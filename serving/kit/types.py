"""Values as the API writes them: money and quantities are strings of digits, never JSON numbers."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lakehouse.domain.money import Money

DECIMAL_PATTERN = r"^-?[0-9]{1,20}(\.[0-9]{1,8})?$"
CONFIDENCE_PATTERN = r"^0\.[0-9]{1,5}$"

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _iso_only(value: object) -> object:
    """Pydantic also reads numbers as seconds since 1970: `date_to=0` would be a date."""
    if isinstance(value, str) and not _ISO_DATE.fullmatch(value):
        raise ValueError("Input should be a date as YYYY-MM-DD")
    return value


class _NeverNull:
    """Documents a parameter that may be left out as what it is when given: a query cannot say null."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        given: JsonSchemaValue = schema.pop("anyOf")[0]
        return {**schema, **given}


Given = TypeVar("Given")
Optionally = Annotated[Given | None, _NeverNull()]
IsoDate = Annotated[date, BeforeValidator(_iso_only)]
DecimalText = Annotated[str, Field(pattern=DECIMAL_PATTERN)]
ConfidenceText = Annotated[str, Field(pattern=CONFIDENCE_PATTERN)]
CurrencyCode = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class MoneyOut(BaseModel):
    """An exact amount."""

    amount: DecimalText = Field(description="digits, a point, two decimals", examples=["-1234.50"])
    currency: CurrencyCode = Field(description="ISO 4217 code", examples=["USD"])


def money_out(amount: Decimal, currency: str) -> MoneyOut:
    """Amount and currency as the API writes them. Raises MoneyError for what is not money."""
    money = Money(amount, currency)
    return MoneyOut(amount=money.text, currency=money.currency)


def plain(value: Decimal) -> str:
    """Digits without exponent and without trailing zeros: 0.95000 is written 0.95, 100 stays 100."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
