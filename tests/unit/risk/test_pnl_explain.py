"""Why a day gained or lost: each part in a case small enough to do by hand."""

from decimal import Decimal

import pytest

from lakehouse.pricing import greeks, option_market, option_terms, price
from lakehouse.risk.checks import InvalidParameter
from lakehouse.risk.pnl_explain import (
    CashDay,
    Explained,
    Fill,
    NotFinite,
    Part,
    PositionDay,
    bond_effects,
    explain_day,
    explain_position,
    option_effects,
)

D = Decimal


def nonzero(found: Explained) -> dict[str, int]:
    return {part.value: value for part, value in found.parts.items() if value}


def test_price_and_currency_of_a_holding_without_trades() -> None:
    # 100 units from 50 to 52 in a currency that went from 1.10 to 1.08: +200 x 1.10, then 5,200 x -0.02.
    held = PositionDay("AAA", D(100), (D(50), D(52)), (D("1.10"), D("1.08")))
    found = explain_position(held, base_currency="USD")
    assert nonzero(found) == {"price": 22_000, "fx": -10_400}
    assert found.total == 561_600 - 550_000


def test_trades_income_and_fees_stand_apart() -> None:
    day = PositionDay(
        "AAA",
        D(100),
        (D(50), D(52)),
        fills=(Fill(D(10), D(51)), Fill(D(-40), D("52.5"))),
        income_minor=1_234,
        fees_minor=199,
    )
    found = explain_position(day, base_currency="USD")
    # 10 bought at 51 gained 10; 40 sold at 52.50 gained 20 over the close.
    assert nonzero(found) == {"price": 20_000, "new_trades": 1_000 + 2_000, "income": 1_234, "fees": -199}
    assert found.total == sum(found.parts.values())


def test_a_short_gains_as_the_price_falls() -> None:
    found = explain_position(PositionDay("AAA", D(-3), (D(10), D("9.5")), multiplier=D(100)), base_currency="EUR")
    assert nonzero(found) == {"price": 15_000}


def test_what_the_books_round_is_named() -> None:
    # Worth 10.005 and 10.015 are booked as 10.00 and 10.02: a gain of 2 cents, of which 1 is the price's.
    found = explain_position(PositionDay("AAA", D(1), (D("10.005"), D("10.015"))), base_currency="USD")
    assert nonzero(found) == {"price": 1, "rounding": 1}
    assert found.total == 2


def test_a_currency_without_decimals() -> None:
    found = explain_position(PositionDay("AAA", D(10), (D("100.25"), D("101.25"))), base_currency="JPY")
    assert found.total == 1012 - 1002
    assert nonzero(found) == {"price": 10}


def test_greeks_divide_the_price_effect_and_leave_the_rest_unexplained() -> None:
    terms, later = option_terms(right="call", strike=100, years=0.5), option_terms(
        right="call", strike=100, years=0.5 - 1 / 365)  # fmt: skip
    before = price(terms, option_market(spot=100.0, volatility=0.2, rate=0.03))
    after = price(later, option_market(spot=101.5, volatility=0.21, rate=0.031))
    sensitive = greeks(terms, option_market(spot=100.0, volatility=0.2, rate=0.03))
    effects = option_effects(
        greeks={
            Part.DELTA: float(sensitive.delta), Part.GAMMA: float(sensitive.gamma), Part.VEGA: float(sensitive.vega),
            Part.THETA: float(sensitive.theta), Part.RHO: float(sensitive.rho),
        },
        spot_move=1.5, volatility_move=0.01, rate_move=0.001, years=1 / 365,
    )  # fmt: skip
    prices = (D(repr(float(before))), D(repr(float(after))))
    found = explain_position(PositionDay("OPT", D(50), prices, multiplier=D(100), effects=effects), base_currency="USD")
    assert found.parts[Part.PRICE] == 0
    assert found.parts[Part.DELTA] == pytest.approx(float(sensitive.delta) * 1.5 * 5000 * 100, abs=1)
    assert found.parts[Part.GAMMA] == pytest.approx(0.5 * float(sensitive.gamma) * 2.25 * 5000 * 100, abs=1)
    assert found.parts[Part.THETA] < 0 < found.parts[Part.VEGA]
    assert abs(found.parts[Part.UNEXPLAINED]) < 0.01 * found.total
    assert sum(found.parts.values()) == found.total


def test_duration_and_carry_divide_the_price_of_a_bond() -> None:
    effects = bond_effects(
        dirty=100.0, modified_years=8.0, convexity=80.0, bond_yield=0.05, rate_move=0.001, spread_move=-0.0005,
        years=1 / 365,
    )  # fmt: skip
    assert effects[Part.DURATION] == pytest.approx(-0.8)
    assert effects[Part.SPREAD] == pytest.approx(0.4)
    assert effects[Part.CONVEXITY] == pytest.approx(0.5 * 80 * 100 * 0.0005**2)
    assert effects[Part.CARRY] == pytest.approx(0.013700, abs=1e-6)
    day = PositionDay("BOND", D(10), (D(100), D("99.61")), multiplier=D(10), effects=effects)
    found = explain_position(day, base_currency="USD")
    assert found.total == -3_900
    assert abs(found.parts[Part.UNEXPLAINED]) < 50


def test_the_whole_is_the_sum_and_the_books_have_the_last_word() -> None:
    positions = [
        PositionDay("AAA", D(100), (D(50), D(52))),
        PositionDay("BBB", D(7), (D("3.333"), D("3.444")), (D("1.1"), D("1.2")), fees_minor=5),
    ]
    cash = [CashDay("EUR", D("1000.50"), (D("1.10"), D("1.12")))]
    found = explain_day(positions, base_currency="USD", cash=cash)
    assert found.whole.total == sum(one.total for one in found.positions) == sum(found.whole.parts.values())
    assert found.positions[-1].parts[Part.FX] == 2_001
    booked = explain_day(positions, base_currency="USD", cash=cash, booked_minor=found.whole.total - 700)
    assert booked.whole.parts[Part.UNEXPLAINED] == -700
    assert sum(booked.whole.parts.values()) == booked.whole.total == found.whole.total - 700


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(NotFinite, match="AAA: prices"):
        PositionDay("AAA", D(1), (D("NaN"), D(1)))
    with pytest.raises(NotFinite, match="effects"):
        PositionDay("AAA", D(1), (D(1), D(1)), effects={Part.DELTA: float("nan")})
    with pytest.raises(InvalidParameter):
        PositionDay("AAA", D(1), (D(1), D(1)), effects={Part.FEES: 1.0})
    with pytest.raises(InvalidParameter):
        option_effects(greeks={Part.CARRY: 1.0})
    with pytest.raises(NotFinite, match="EUR"):
        explain_day([], base_currency="USD", cash=[CashDay("EUR", D("Infinity"), (D(1), D(1)))])
