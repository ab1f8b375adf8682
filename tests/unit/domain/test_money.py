"""Money is finite, has a currency, and keeps its digits."""

from decimal import Decimal

import pytest

from lakehouse.domain.money import Money, MoneyError


def test_digits_are_kept_without_exponent() -> None:
    assert Money(Decimal("1E+3"), "USD").text == "1000"
    assert Money(Decimal("-0.10"), "USD").text == "-0.10"


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_not_finite_is_no_money(amount: str) -> None:
    with pytest.raises(MoneyError, match="finite"):
        Money(Decimal(amount), "USD")


@pytest.mark.parametrize("currency", ["usd", "US", "USDX", "", "USD\n"])
def test_a_currency_is_three_capitals(currency: str) -> None:
    with pytest.raises(MoneyError, match="ISO 4217"):
        Money(Decimal(1), currency)
