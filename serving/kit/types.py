"""Values as the API writes them: money and quantities are strings of digits, never JSON numbers."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from lakehouse.domain.money import Money

DECIMAL_PATTERN = r"^-?[0-9]{1,20}(\.[0-9]{1,8})?$"
CONFIDENCE_PATTERN = r"^0\.[0-9]{1,5}$"

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
