"""Bonds against textbooks and published examples, and that only the arguments decide."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest
import QuantLib as ql

from lakehouse.pricing import InvalidInput
from lakehouse.pricing.bond_terms import (
    BondTerms,
    BusinessCalendar,
    DayCount,
    Flows,
    NotOutstanding,
    Roll,
    YieldRule,
    flows_after,
)
from lakehouse.pricing.bonds import (
    NoYield,
    accrued_interest,
    is_business_day,
    measures,
    payments,
    roll_day,
    year_fraction,
    yield_from_price,
)
from lakehouse.pricing.curve import flat_curve, zero_curve
from lakehouse.pricing.discounting import NoSpread, discount, spread_from_price

TREASURY = BondTerms(0.04, 2, DayCount.ACT_ACT, date(2022, 11, 15), date(2052, 11, 15))
SPRING = date(2023, 3, 1)


def test_the_price_examples_of_mathworks() -> None:
    # mathworks.com/help/finance/bndprice.html: 5 % semi-annual, act/act, 20 January 1997 to 15 June 2002.
    terms = BondTerms(0.05, 2, DayCount.ACT_ACT, date(1996, 6, 15), date(2002, 6, 15))
    settled = date(1997, 1, 20)
    for bond_yield, clean in ((0.04, 104.8106), (0.05, 99.9951), (0.06, 95.4384)):
        found = measures(terms, bond_yield, on=settled)
        assert found.clean == pytest.approx(clean, abs=5e-5)
        assert found.accrued == pytest.approx(0.4945, abs=5e-5)
        assert accrued_interest(terms, on=settled) == found.accrued
    # bndyield.html, the same bond.
    for clean, bond_yield in ((95, 0.0610), (100, 0.0500), (105, 0.0396)):
        assert yield_from_price(terms, clean, on=settled) == pytest.approx(bond_yield, abs=5e-5)


def test_the_duration_examples_of_mathworks() -> None:
    # mathworks.com/help/finance/bnddurp.html: 5.5 % semi-annual, act/act, 2 August 1999 to 15 June 2004.
    terms = BondTerms(0.055, 2, DayCount.ACT_ACT, date(1998, 6, 15), date(2004, 6, 15))
    for clean, modified, macaulay in ((106, 4.2400, 4.3275), (100, 4.1925, 4.3077), (98, 4.1759, 4.3007)):
        found = measures(terms, yield_from_price(terms, clean, on=date(1999, 8, 2)), on=date(1999, 8, 2))
        assert found.modified_years == pytest.approx(modified, abs=5e-5)
        assert found.macaulay_years == pytest.approx(macaulay, abs=5e-5)


def test_the_duration_example_of_hull() -> None:
    # Hull, "Options, Futures and Other Derivatives", table 4.6: three years, 10 %, at 12 % continuously.
    terms = BondTerms(0.10, 2, DayCount.THIRTY_360, date(2020, 1, 15), date(2023, 1, 15))
    found = measures(terms, 0.12, on=date(2020, 1, 15), rule=YieldRule.CONTINUOUS)
    assert found.dirty == pytest.approx(94.213, abs=5e-4)
    assert found.macaulay_years == pytest.approx(2.653, abs=5e-4)
    assert found.modified_years == pytest.approx(found.macaulay_years, rel=1e-12)


def test_the_zero_curve_example_of_hull() -> None:
    # Hull, section 4.6: 6 % semi-annual for two years on zero rates of 5.0, 5.8, 6.4 and 6.8 %.
    years = np.array([0.5, 1.0, 1.5, 2.0])
    curve = zero_curve(years=years, rates=[0.050, 0.058, 0.064, 0.068])
    flows = Flows(years, np.array([3.0, 3.0, 3.0, 103.0]))
    found = discount(flows, curve)
    assert found.dirty == pytest.approx(98.39, abs=0.005)
    assert spread_from_price(flows, flat_curve(0.0), found.dirty) == pytest.approx(0.0676, abs=5e-5)
    assert found.key_rate_dv01.sum() == pytest.approx(found.dv01, rel=1e-12)


def test_interest_stops_at_dirty_equals_clean_plus_accrued() -> None:
    found = measures(TREASURY, 0.05, on=SPRING)
    assert found.dirty == found.clean + found.accrued
    assert found.accrued == pytest.approx(2.0 * 106 / 181, rel=1e-12)
    assert accrued_interest(TREASURY, on=date(2023, 5, 15)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("rule", list(YieldRule))
def test_duration_and_convexity_are_differences_of_prices(rule: YieldRule) -> None:
    step = 1e-4
    low, here, high = (measures(TREASURY, 0.05 + shift, on=SPRING, rule=rule) for shift in (-step, 0.0, step))
    slope = (high.dirty - low.dirty) / (2 * step)
    assert here.modified_years == pytest.approx(-slope / here.dirty, rel=1e-5)
    assert here.dv01 == pytest.approx(-slope * 1e-4, rel=1e-5)
    bend = (high.dirty - 2 * here.dirty + low.dirty) / step**2
    assert here.convexity == pytest.approx(bend / here.dirty, rel=1e-5)


def test_what_a_bond_pays() -> None:
    paid = payments(TREASURY)
    assert len(paid) == 61
    assert [payment.on for payment in paid[:2]] == [date(2023, 5, 15), date(2023, 11, 15)]
    assert paid[0].amount == pytest.approx(2.0, rel=1e-12)
    assert [(payment.on, payment.amount) for payment in paid if payment.is_repayment] == [(date(2052, 11, 15), 100.0)]
    left = flows_after(paid, on=date(2052, 5, 15))
    np.testing.assert_allclose(left.amounts, [2.0, 100.0])
    np.testing.assert_allclose(left.years, [184 / 365, 184 / 365])
    zero = BondTerms(0.0, 0, DayCount.ACT_365, date(2024, 1, 1), date(2026, 1, 1))
    assert [(payment.on, payment.amount) for payment in payments(zero)] == [(date(2026, 1, 1), 100.0)]
    assert measures(zero, 0.05, on=date(2025, 1, 1)).dirty == pytest.approx(100 / 1.05, rel=1e-12)


@pytest.mark.parametrize(
    ("matures_on", "frequency", "first_day"),
    # One short period alone, and one before five whole ones: each begins in the middle of a period from `first_day`.
    [(date(2024, 5, 15), 2, date(2023, 11, 15)), (date(2024, 5, 15), 1, date(2023, 5, 15)),
     (date(2026, 8, 15), 2, date(2024, 2, 15)), (date(2024, 3, 31), 4, date(2023, 12, 31))],
)  # fmt: skip
def test_a_short_first_period_pays_its_days_share_of_a_coupon(
    matures_on: date, frequency: int, first_day: date
) -> None:
    issued = first_day + (date(2024, 2, 29) - date(2024, 1, 20))
    terms = BondTerms(0.06, frequency, DayCount.ACT_ACT, issued, matures_on)
    first = payments(terms)[0]
    whole = (first.on - first_day).days
    assert first.amount == pytest.approx(6 / frequency * (whole - 40) / whole, rel=1e-12)
    assert accrued_interest(terms, on=date.fromordinal(issued.toordinal() + 10)) == pytest.approx(
        6 / frequency * 10 / whole, rel=1e-12
    )
    count = len(payments(terms)) - 1
    times = [(whole - 40) / whole + place for place in range(count)]
    growth = 1 + 0.08 / frequency
    expected = first.amount / growth ** times[0] + 100 / growth ** times[-1]
    expected += sum(6 / frequency / growth**time for time in times[1:])
    assert measures(terms, 0.08, on=issued).dirty == pytest.approx(expected, rel=1e-12)


def test_payments_roll_and_interest_does_not() -> None:
    terms = BondTerms(
        0.06, 2, DayCount.THIRTY_360, date(2023, 7, 4), date(2025, 7, 4),
        BusinessCalendar.US_GOVERNMENT_BOND, Roll.FOLLOWING,
    )  # fmt: skip
    paid = payments(terms)
    assert [payment.on for payment in paid[:-1]] == [
        date(2024, 1, 4), date(2024, 7, 5), date(2025, 1, 6), date(2025, 7, 7)]  # fmt: skip
    np.testing.assert_allclose([payment.amount for payment in paid], [3, 3, 3, 3, 100], rtol=1e-12)
    # An end of month stays one.
    monthly = BondTerms(0.05, 2, DayCount.ACT_ACT, date(2023, 8, 31), date(2025, 2, 28))
    assert [payment.on for payment in payments(monthly)[:3]] == [
        date(2024, 2, 29),
        date(2024, 8, 31),
        date(2025, 2, 28),
    ]


def test_calendars_know_their_holidays() -> None:
    assert not is_business_day(BusinessCalendar.US_GOVERNMENT_BOND, date(2024, 7, 4))
    assert is_business_day(BusinessCalendar.TARGET, date(2024, 7, 4))
    assert not is_business_day(BusinessCalendar.TARGET, date(2024, 5, 1))
    assert not is_business_day(BusinessCalendar.UNITED_KINGDOM, date(2024, 8, 26))
    assert not is_business_day(BusinessCalendar.WEEKDAYS, date(2024, 7, 6))
    assert is_business_day(BusinessCalendar.EVERY_DAY, date(2024, 7, 6))
    assert roll_day(BusinessCalendar.WEEKDAYS, date(2024, 7, 5), roll=Roll.FOLLOWING, business_days=2) == date(
        2024, 7, 9
    )
    assert roll_day(BusinessCalendar.WEEKDAYS, date(2024, 8, 31), roll=Roll.MODIFIED_FOLLOWING) == date(2024, 8, 30)
    with pytest.raises(InvalidInput):
        roll_day(BusinessCalendar.WEEKDAYS, date(2024, 7, 5), roll=Roll.FOLLOWING, business_days=-1)


def test_day_counts() -> None:
    # ISDA's memorandum "The actual/actual day count fraction" (1998): 1 November 2003 to 1 May 2004.
    start, end = date(2003, 11, 1), date(2004, 5, 1)
    assert year_fraction(DayCount.ACT_ACT, start, end) == pytest.approx(0.497724380567, abs=1e-12)
    assert year_fraction(DayCount.THIRTY_360, start, end) == 0.5
    assert year_fraction(DayCount.ACT_360, start, end) == pytest.approx(182 / 360)
    assert year_fraction(DayCount.ACT_365, start, end) == pytest.approx(182 / 365)


def test_the_global_evaluation_date_neither_matters_nor_changes() -> None:
    settings = ql.Settings.instance()
    before, wanted = settings.evaluationDate, measures(TREASURY, 0.05, on=SPRING)
    try:
        for day in (ql.Date(1, 1, 1990), ql.Date(1, 1, 2060)):
            settings.evaluationDate = day
            assert measures(TREASURY, 0.05, on=SPRING) == wanted
            assert payments(TREASURY)[0].on == date(2023, 5, 15)
            assert yield_from_price(TREASURY, wanted.clean, on=SPRING) == pytest.approx(0.05, abs=1e-12)
            assert settings.evaluationDate == day
            with pytest.raises(NoYield):
                yield_from_price(TREASURY, -5.0, on=SPRING)
            assert settings.evaluationDate == day
    finally:
        settings.evaluationDate = before


def test_threads_do_not_meet() -> None:
    days = [date(2023, 1 + month, 1) for month in range(12)] * 4
    alone = [measures(TREASURY, 0.05, on=day) for day in days]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda day: measures(TREASURY, 0.05, on=day), days)) == alone


def test_the_discounted_price_is_quantlibs() -> None:
    curve = zero_curve(years=[0.25, 1, 5, 10, 30], rates=[0.051, 0.048, 0.041, 0.042, 0.045])
    flows = flows_after(payments(TREASURY), on=SPRING)
    found = discount(flows, curve, spread=0.007)
    today = ql.Date(1, 3, 2023)
    # Nodes on whole days, and one more at either end: QuantLib's curve begins today and does not go beyond its end.
    days = [0, 91, 365, 1825, 3650, 10950, 12000]
    nodes = zero_curve(years=np.array(days) / 365, rates=[0.051, 0.051, 0.048, 0.041, 0.042, 0.045, 0.045])
    rates = ql.ZeroCurve([today + day for day in days], list(nodes.rates), ql.Actual365Fixed())
    spread = ql.ZeroSpreadedTermStructure(ql.YieldTermStructureHandle(rates), ql.QuoteHandle(ql.SimpleQuote(0.007)))
    expected = sum(
        amount * spread.discount(today + round(years * 365))
        for years, amount in zip(flows.years, flows.amounts, strict=True)
    )
    assert discount(flows, nodes, spread=0.007).dirty == pytest.approx(expected, rel=1e-12)
    assert found.dirty == pytest.approx(expected, rel=1e-4)
    assert spread_from_price(flows, nodes, expected) == pytest.approx(0.007, abs=1e-12)


def test_key_rates_are_moves_of_single_nodes() -> None:
    curve = zero_curve(years=[1, 5, 10, 30], rates=[0.048, 0.041, 0.042, 0.045])
    flows = flows_after(payments(TREASURY), on=SPRING)
    found = discount(flows, curve)
    for node in range(4):
        ends = []
        for way in (1e-5, -1e-5):
            rates = curve.rates.copy()
            rates[node] += way
            ends.append(discount(flows, zero_curve(years=curve.years, rates=rates)).dirty)
        assert found.key_rate_dv01[node] == pytest.approx((ends[1] - ends[0]) / 2e-5 * 1e-4, rel=1e-6)


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="coupons_per_year"):
        BondTerms(0.04, 3, DayCount.ACT_ACT, date(2022, 1, 1), date(2024, 1, 1))
    with pytest.raises(InvalidInput, match="coupons_per_year"):
        BondTerms(0.04, 0, DayCount.ACT_ACT, date(2022, 1, 1), date(2024, 1, 1))
    with pytest.raises(InvalidInput, match="coupon_rate"):
        BondTerms(-0.01, 2, DayCount.ACT_ACT, date(2022, 1, 1), date(2024, 1, 1))
    with pytest.raises(InvalidInput, match="matures_on"):
        BondTerms(0.04, 2, DayCount.ACT_ACT, date(2024, 1, 1), date(2024, 1, 1))
    for day in (date(2022, 11, 14), date(2052, 11, 15)):
        with pytest.raises(NotOutstanding):
            measures(TREASURY, 0.05, on=day)
    for bond_yield in (float("nan"), -2.0):
        with pytest.raises(InvalidInput, match="bond_yield"):
            measures(TREASURY, bond_yield, on=SPRING)
    with pytest.raises(NoSpread):
        spread_from_price(flows_after(payments(TREASURY), on=SPRING), flat_curve(0.03), 0.0)
    with pytest.raises(InvalidInput):
        discount(Flows(np.array([]), np.array([])), flat_curve(0.03))
    with pytest.raises(InvalidInput, match="years"):
        zero_curve(years=[1, 1], rates=[0.01, 0.02])
