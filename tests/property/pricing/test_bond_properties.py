"""What must hold for every bond: the way back from a price, and prices that fall as yields rise."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings, strategies as st

from lakehouse.pricing.bond_terms import BondTerms, DayCount, YieldRule, flows_after
from lakehouse.pricing.bonds import measures, payments, yield_from_price
from lakehouse.pricing.curve import flat_curve
from lakehouse.pricing.discounting import discount, spread_from_price

ISSUED = st.dates(date(1990, 1, 1), date(2030, 1, 1))
RULE = st.sampled_from(list(YieldRule))
YIELD = st.floats(-0.02, 0.3)


@st.composite
def bonds(draw: st.DrawFn) -> tuple[BondTerms, date]:
    """A bond, and a day on which it is outstanding."""
    issued = draw(ISSUED)
    days = draw(st.integers(30, 40 * 365))
    frequency = draw(st.sampled_from([0, 1, 2, 4, 12]))
    coupon = draw(st.floats(0.001, 0.2)) if frequency else 0.0
    terms = BondTerms(coupon, frequency, draw(st.sampled_from(list(DayCount))), issued, issued + timedelta(days=days))
    return terms, issued + timedelta(days=draw(st.integers(0, days - 20)))


@settings(max_examples=150, deadline=None)
@given(bonds(), YIELD, RULE)
def test_the_price_of_the_yield_of_a_price_is_the_price(
    bond: tuple[BondTerms, date], y: float, rule: YieldRule
) -> None:
    terms, on = bond
    clean = measures(terms, y, on=on, rule=rule).clean
    again = measures(terms, yield_from_price(terms, clean, on=on, rule=rule), on=on, rule=rule)
    assert abs(again.clean - clean) <= 1e-9 * max(1.0, abs(clean))


@settings(max_examples=100, deadline=None)
@given(bonds(), YIELD, RULE)
def test_prices_fall_and_are_convex_in_the_yield(bond: tuple[BondTerms, date], y: float, rule: YieldRule) -> None:
    terms, on = bond
    low, here, high = (measures(terms, y + shift, on=on, rule=rule) for shift in (0.0, 0.01, 0.02))
    assert low.dirty > here.dirty > high.dirty
    assert low.dirty + high.dirty >= 2 * here.dirty - 1e-10 * low.dirty
    assert here.dv01 > 0


@settings(max_examples=100, deadline=None)
@given(bonds(), st.floats(-0.02, 0.2), st.floats(-0.05, 0.3))
def test_the_spread_of_a_price_gives_the_price(bond: tuple[BondTerms, date], rate: float, spread: float) -> None:
    terms, on = bond
    flows, curve = flows_after(payments(terms), on=on), flat_curve(rate)
    dirty = discount(flows, curve, spread=spread).dirty
    assert abs(discount(flows, curve, spread=spread_from_price(flows, curve, dirty)).dirty / dirty - 1) <= 1e-11


@settings(max_examples=50, deadline=None)
@given(bonds())
def test_undiscounted_payments_are_the_coupons_and_the_face(bond: tuple[BondTerms, date]) -> None:
    terms, _ = bond
    paid = payments(terms)
    years = (terms.matures_on - terms.issued_on).days / 365.25
    interest = sum(payment.amount for payment in paid if not payment.is_repayment)
    np.testing.assert_allclose(
        interest, 100 * terms.coupon_rate * years, rtol=0.02, atol=100 * terms.coupon_rate * 0.03
    )
    assert paid[-1].is_repayment
    assert paid[-1].amount == 100.0
