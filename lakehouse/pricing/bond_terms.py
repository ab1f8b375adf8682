"""What a bond is: its terms, the conventions it is counted by, and its payments, without an engine."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from lakehouse.pricing.checks import FloatArray, InvalidInput, PricingError
from lakehouse.pricing.options import DAYS_IN_YEAR

BASIS_POINT = 1e-4
PAYMENTS_A_YEAR = (0, 1, 2, 4, 12)


class NotOutstanding(PricingError):
    """A bond has no price on a day: not issued yet, or repaid. Carries `on`, `issued_on` and `matures_on`."""

    def __init__(self, on: date, issued_on: date, matures_on: date) -> None:
        self.on, self.issued_on, self.matures_on = on, issued_on, matures_on
        super().__init__(f"no price on {on}: the bond is outstanding from {issued_on} until before {matures_on}")


class DayCount(StrEnum):
    """How days of interest are counted; the values of app.bond.

    30/360: ISDA's bond basis. act/360, act/365: actual days over 360 or 365. act/act: ISMA's rule 251 (a period is
    its coupon whatever its days); ISDA's for a bond without coupons.
    """

    THIRTY_360 = "30/360"
    ACT_360 = "act/360"
    ACT_365 = "act/365"
    ACT_ACT = "act/act"


class BusinessCalendar(StrEnum):
    """Days on which payments can be made."""

    EVERY_DAY = "every_day"
    WEEKDAYS = "weekdays"
    TARGET = "target"
    UNITED_KINGDOM = "united_kingdom"
    US_GOVERNMENT_BOND = "us_government_bond"


class Roll(StrEnum):
    """Where a payment goes whose day is no business day."""

    UNADJUSTED = "unadjusted"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"


class YieldRule(StrEnum):
    """How a yield discounts: compounded as often as coupons are paid (once a year without coupons); simple in the last
    such period and compounded before it (the money market's and the US Treasury's rule); or continuously."""

    COMPOUNDED = "compounded"
    SIMPLE_THEN_COMPOUNDED = "simple_then_compounded"
    CONTINUOUS = "continuous"


@dataclass(frozen=True, slots=True)
class BondTerms:
    """Terms of a bond with a fixed rate or none, as stored in app.bond. Raises InvalidInput where they contradict.

    `coupon_rate` of a year on the face (0.04 is 4 %); coupons are counted back from maturity, a first one may be
    short; payments roll by `roll` on `calendar`, interest does not. A right of the issuer to repay early is not
    valued: neither its days nor its prices are known.
    """

    coupon_rate: float
    coupons_per_year: int
    day_count: DayCount
    issued_on: date
    matures_on: date
    calendar: BusinessCalendar = BusinessCalendar.EVERY_DAY
    roll: Roll = Roll.UNADJUSTED

    def __post_init__(self) -> None:
        if self.coupons_per_year not in PAYMENTS_A_YEAR:
            raise InvalidInput("coupons_per_year", 1, (), f"{self.coupons_per_year} is none of {PAYMENTS_A_YEAR}")
        if not np.isfinite(self.coupon_rate) or self.coupon_rate < 0:
            raise InvalidInput("coupon_rate", 1, (), f"{self.coupon_rate} must be finite and not negative")
        if self.coupon_rate > 0 and self.coupons_per_year == 0:
            raise InvalidInput(
                "coupons_per_year", 1, (), f"a rate of {self.coupon_rate} must be paid some times a year"
            )
        if self.matures_on <= self.issued_on:
            raise InvalidInput("matures_on", 1, (), f"{self.matures_on} is not after the issue on {self.issued_on}")

    def require_outstanding(self, on: date) -> None:
        """Raises NotOutstanding before the issue and from maturity on."""
        if not self.issued_on <= on < self.matures_on:
            raise NotOutstanding(on, self.issued_on, self.matures_on)


@dataclass(frozen=True, slots=True)
class Payment:
    """What a bond pays on a day, per 100 of face: interest, or the repayment."""

    on: date
    amount: float
    is_repayment: bool


@dataclass(frozen=True, slots=True)
class Flows:
    """Payments still to come, as arrays: `years` (C,) from a day, actual days over 365; `amounts` (C,) per 100."""

    years: FloatArray
    amounts: FloatArray


def flows_after(payments: tuple[Payment, ...], *, on: date) -> Flows:
    """The payments later than `on`; those of the day itself belong to who held it before."""
    later = [payment for payment in payments if payment.on > on]
    return Flows(
        years=np.array([(payment.on - on).days / DAYS_IN_YEAR for payment in later], dtype=np.float64),
        amounts=np.array([payment.amount for payment in later], dtype=np.float64),
    )
