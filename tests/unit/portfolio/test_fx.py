"""Dated exchange rates: never from the future, inverted and crossed where they must be, absent where unknown."""

from datetime import date
from decimal import Decimal

from lakehouse.portfolio.fx import Exchange, Quoted, Rates

MONDAY, TUESDAY, LATER = date(2024, 1, 1), date(2024, 1, 2), date(2024, 2, 1)
RATES = Rates(
    [
        Quoted("EUR", "USD", TUESDAY, Decimal("1.25")),
        Quoted("EUR", "USD", MONDAY, Decimal("1.10")),
        Quoted("GBP", "USD", MONDAY, Decimal("1.50")),
    ]
)


def test_the_newest_of_the_past_counts() -> None:
    assert RATES.find("EUR", "USD", date(2023, 12, 31)) is None
    monday, later = RATES.find("EUR", "USD", MONDAY), RATES.find("EUR", "USD", LATER)
    assert monday is not None
    assert later is not None
    assert (monday.value, later.value, later.as_of) == (Decimal("1.10"), Decimal("1.25"), TUESDAY)
    assert not later.is_stale(date(2024, 1, 9))
    assert later.is_stale(date(2024, 1, 10))


def test_the_other_way_round_and_across() -> None:
    inverse = RATES.find("USD", "EUR", TUESDAY)
    across = RATES.find("GBP", "EUR", TUESDAY)
    assert inverse is not None
    assert across is not None
    assert inverse.value == Decimal("0.8")
    assert (across.value, across.as_of) == (Decimal("1.2"), MONDAY)
    assert RATES.find("JPY", "EUR", TUESDAY) is None


def test_amounts_convert_with_both_minor_units() -> None:
    rates = Rates([Quoted("USD", "JPY", MONDAY, Decimal("150.5")), Quoted("KWD", "USD", MONDAY, Decimal("3.25"))])
    yen, dollars = Exchange(rates, "JPY"), Exchange(rates, "USD")
    assert yen.minor(1_00, "USD", MONDAY) == 150  # 150.5 is rounded half to even
    assert dollars.minor(1_000, "KWD", MONDAY) == 3_25


def test_a_missing_rate_makes_the_total_unknown_and_is_named() -> None:
    exchange = Exchange(RATES, "USD")
    assert exchange.total({"EUR": 100, "CHF": 5}, MONDAY) is None
    assert exchange.missing({"EUR": 100, "CHF": 5, "JPY": 0}, MONDAY) == ("CHF",)
    assert exchange.total({"EUR": 100, "USD": 1, "CHF": 0}, MONDAY) == 111
    assert exchange.stale({"EUR": 100, "GBP": 0}, LATER) == ("EUR",)
