"""Bonds through QuantLib: payments, accrued interest, price from yield and back, duration, convexity and DV01.

Every price is per 100 of face, as markets quote it; an amount of money is price x face / 100. Days are settlement
days: what is bought `on` a day earns interest from that day and gets the payments after it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import QuantLib as ql

from lakehouse.pricing.bond_terms import (
    BASIS_POINT,
    BondTerms,
    BusinessCalendar,
    DayCount,
    Payment,
    Roll,
    YieldRule,
)
from lakehouse.pricing.checks import FloatArray, InvalidInput, PricingError
from lakehouse.pricing.quantlib_state import evaluation_on, from_quantlib, to_quantlib

YIELD_ACCURACY = 1e-13
YIELD_ITERATIONS = 500

_CALENDARS = {
    BusinessCalendar.EVERY_DAY: ql.NullCalendar(),
    BusinessCalendar.WEEKDAYS: ql.WeekendsOnly(),
    BusinessCalendar.TARGET: ql.TARGET(),
    BusinessCalendar.UNITED_KINGDOM: ql.UnitedKingdom(ql.UnitedKingdom.Settlement),
    BusinessCalendar.US_GOVERNMENT_BOND: ql.UnitedStates(ql.UnitedStates.GovernmentBond),
}
_ROLLS = {
    Roll.UNADJUSTED: ql.Unadjusted,
    Roll.FOLLOWING: ql.Following,
    Roll.MODIFIED_FOLLOWING: ql.ModifiedFollowing,
    Roll.PRECEDING: ql.Preceding,
}
_COMPOUNDING = {
    YieldRule.COMPOUNDED: ql.Compounded,
    YieldRule.SIMPLE_THEN_COMPOUNDED: ql.SimpleThenCompounded,
    YieldRule.CONTINUOUS: ql.Continuous,
}


class NoYield(PricingError):
    """No yield gives a price. Carries `clean` and `on`."""

    def __init__(self, clean: float, on: date) -> None:
        self.clean, self.on = clean, on
        super().__init__(f"no yield gives the clean price {clean!r} on {on}: check that it is per 100 of face")


@dataclass(frozen=True, slots=True)
class BondMeasures:
    """What a bond is worth at a yield and how that moves; prices per 100 of face.

    dirty = clean + accrued. `macaulay_years`: mean time of the payments by present value. `modified_years`:
    -dP/dy / P. `convexity`: d2P/dy2 / P, years squared. `dv01`: what the price falls by for a rise of the yield of one
    basis point, -dP/dy x 0.0001. All with P the dirty price.
    """

    bond_yield: float
    clean: float
    dirty: float
    accrued: float
    macaulay_years: float
    modified_years: float
    convexity: float
    dv01: float


def payments(terms: BondTerms) -> tuple[Payment, ...]:
    """Everything that the bond ever pays, oldest first, per 100 of face."""
    with evaluation_on(terms.issued_on):
        bond = _bond(terms)
        redemptions = {flow.date().serialNumber() for flow in bond.redemptions()}
        found = [(flow.date(), float(flow.amount()), ql.as_coupon(flow) is None) for flow in bond.cashflows()]
    return tuple(
        Payment(from_quantlib(day), amount, is_repayment and day.serialNumber() in redemptions)
        for day, amount, is_repayment in found
    )


def accrued_interest(terms: BondTerms, *, on: date) -> float:
    """Interest earned since the last coupon, per 100 of face. Raises NotOutstanding."""
    terms.require_outstanding(on)
    with evaluation_on(on):
        return float(_bond(terms).accruedAmount(to_quantlib(on)))


def accrued_on(terms: BondTerms, days: Sequence[date]) -> FloatArray:
    """`accrued_interest` on each of `days` (D,), of one bond made once. Raises NotOutstanding."""
    for day in days:
        terms.require_outstanding(day)
    with evaluation_on(terms.issued_on):
        bond = _bond(terms)
        return np.array([float(bond.accruedAmount(to_quantlib(day))) for day in days])


def measures(terms: BondTerms, bond_yield: float, *, on: date, rule: YieldRule = YieldRule.COMPOUNDED) -> BondMeasures:
    """Price, accrued interest, durations, convexity and DV01 at a yield of a year (0.05 is 5 %).

    Raises NotOutstanding, InvalidInput for a yield that is not finite, or at or below -100 % a period.
    """
    terms.require_outstanding(on)
    with evaluation_on(on):
        bond, day = _bond(terms), to_quantlib(on)
        rate = _rate(terms, bond_yield, rule)
        clean, accrued = float(ql.BondFunctions.cleanPrice(bond, rate, day)), float(bond.accruedAmount(day))
        modified = float(ql.BondFunctions.duration(bond, rate, ql.Duration.Modified, day))
        macaulay = float(ql.BondFunctions.duration(bond, rate, ql.Duration.Simple, day))
        convexity = float(ql.BondFunctions.convexity(bond, rate, day))
    if not all(math.isfinite(value) for value in (clean, modified, macaulay, convexity)):
        raise InvalidInput("bond_yield", 1, (), f"{bond_yield} is too extreme for this bond")
    return BondMeasures(
        bond_yield=bond_yield,
        clean=clean,
        dirty=clean + accrued,
        accrued=accrued,
        macaulay_years=macaulay,
        modified_years=modified,
        convexity=convexity,
        dv01=modified * (clean + accrued) * BASIS_POINT,
    )


def yield_from_price(terms: BondTerms, clean: float, *, on: date, rule: YieldRule = YieldRule.COMPOUNDED) -> float:
    """Yield of a year at which the clean price, per 100 of face, is `clean`. Raises NotOutstanding, NoYield."""
    terms.require_outstanding(on)
    with evaluation_on(on):
        bond, day = _bond(terms), to_quantlib(on)
        accrued = float(bond.accruedAmount(day))
        if not 0.0 < clean + accrued < float("inf"):
            raise NoYield(clean, on)
        price = ql.BondPrice(clean, ql.BondPrice.Clean)
        rate = _rate(terms, 0.05, rule)
        try:
            return float(
                ql.BondFunctions.bondYield(
                    bond, price, rate.dayCounter(), rate.compounding(), rate.frequency(), day,
                    YIELD_ACCURACY, YIELD_ITERATIONS, max(terms.coupon_rate, 0.01),
                )
            )  # fmt: skip
        except RuntimeError as error:
            raise NoYield(clean, on) from error


def is_business_day(calendar: BusinessCalendar, day: date) -> bool:
    """Whether payments can be made on `day`."""
    return bool(_CALENDARS[calendar].isBusinessDay(to_quantlib(day)))


def roll_day(calendar: BusinessCalendar, day: date, *, roll: Roll, business_days: int = 0) -> date:
    """`day` moved to a business day, then on by `business_days` (a settlement lag). Raises InvalidInput if negative."""
    if business_days < 0:
        raise InvalidInput("business_days", 1, (), f"{business_days} must not be negative")
    days = _CALENDARS[calendar]
    rolled = days.adjust(to_quantlib(day), _ROLLS[roll])
    return from_quantlib(days.advance(rolled, business_days, ql.Days) if business_days else rolled)


def year_fraction(day_count: DayCount, start: date, end: date) -> float:
    """Years from `start` to `end`; act/act by ISDA's rule, since no coupon period is given."""
    return float(_counter(day_count, None).yearFraction(to_quantlib(start), to_quantlib(end)))


def _schedule(terms: BondTerms) -> ql.Schedule:
    return ql.Schedule(
        to_quantlib(terms.issued_on),
        to_quantlib(terms.matures_on),
        ql.Period(12 // terms.coupons_per_year, ql.Months),
        _CALENDARS[terms.calendar],
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        _ends_a_month(terms.matures_on),
    )


def _bond(terms: BondTerms) -> ql.Bond:
    """A bond of face 100 that settles at once: the day is always handed in."""
    calendar, roll = _CALENDARS[terms.calendar], _ROLLS[terms.roll]
    if terms.coupons_per_year == 0:
        return ql.ZeroCouponBond(
            0, calendar, 100.0, to_quantlib(terms.matures_on), roll, 100.0, to_quantlib(terms.issued_on)
        )
    schedule = _schedule(terms)
    counter = _counter(terms.day_count, schedule)
    return ql.FixedRateBond(
        0, 100.0, schedule, [terms.coupon_rate], counter, roll, 100.0, to_quantlib(terms.issued_on), calendar
    )


def _counter(day_count: DayCount, schedule: ql.Schedule | None) -> ql.DayCounter:
    if day_count is DayCount.THIRTY_360:
        return ql.Thirty360(ql.Thirty360.BondBasis)
    if day_count is DayCount.ACT_360:
        return ql.Actual360()
    if day_count is DayCount.ACT_365:
        return ql.Actual365Fixed()
    if schedule is None:
        return ql.ActualActual(ql.ActualActual.ISDA)
    # Of a single period, QuantLib takes a short one for a whole one where it is given the schedule.
    return ql.ActualActual(ql.ActualActual.ISMA, *([schedule] if len(schedule) > 2 else []))


def _rate(terms: BondTerms, bond_yield: float, rule: YieldRule) -> ql.InterestRate:
    counter = _counter(terms.day_count, _schedule(terms) if terms.coupons_per_year else None)
    frequencies = {0: ql.Annual, 1: ql.Annual, 2: ql.Semiannual, 4: ql.Quarterly, 12: ql.Monthly}
    least = -float("inf") if rule is YieldRule.CONTINUOUS else -float(max(terms.coupons_per_year, 1))
    if not least < bond_yield < float("inf"):
        raise InvalidInput("bond_yield", 1, (), f"{bond_yield} must be finite and above {least:g}")
    return ql.InterestRate(bond_yield, counter, _COMPOUNDING[rule], frequencies[terms.coupons_per_year])


def _ends_a_month(day: date) -> bool:
    """A bond that matures on the last day of a month pays on last days."""
    return bool(ql.Date.isEndOfMonth(to_quantlib(day)))
