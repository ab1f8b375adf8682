"""What a bond's price means: pure work for a thread. QuantLib is loaded by the first of them, not at the start."""

from dataclasses import dataclass
from datetime import date

from lakehouse.pricing import bond_terms
from serving.bonds.schemas import BondOut, BondValuation, BondValuationQuery
from serving.kit.pricing import digits


@dataclass(frozen=True, slots=True)
class BondValue:
    """A bond's terms and its price on a day, ready to be measured."""

    bond: BondOut
    on: date
    query: BondValuationQuery

    def __call__(self) -> BondValuation:
        """The valuation. Raises PricingError, NotPriceable."""
        from lakehouse.pricing.bonds import measures, yield_from_price

        terms = bond_terms.BondTerms(
            coupon_rate=float(self.bond.coupon_rate),
            coupons_per_year=self.bond.coupons_per_year,
            day_count=bond_terms.DayCount(self.bond.day_count.value),
            issued_on=self.bond.issued_on,
            matures_on=self.bond.matures_on,
        )
        rule = bond_terms.YieldRule(self.query.yield_rule.value)
        found_yield = yield_from_price(terms, float(self.query.clean_price), on=self.on, rule=rule)
        found = measures(terms, found_yield, on=self.on, rule=rule)
        return BondValuation(
            bond_id=self.bond.id,
            symbol=self.bond.symbol,
            currency=self.bond.currency,
            on=self.on,
            yield_rule=self.query.yield_rule,
            bond_yield=found.bond_yield,
            clean_price=digits(found.clean),
            accrued_interest=digits(found.accrued),
            dirty_price=digits(found.dirty),
            unit_value=digits(found.dirty * float(self.bond.face_value) / 100.0),
            macaulay_years=found.macaulay_years,
            modified_years=found.modified_years,
            convexity=found.convexity,
            dv01=digits(found.dv01),
        )
