"""What an option is worth under market inputs: pure work for a thread. QuantLib is loaded by the first American one."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from lakehouse.pricing import (
    OptionMarket,
    OptionTerms,
    greeks,
    implied_volatility,
    option_market,
    option_terms,
    price,
    within_bounds,
    years_to,
)
from serving.kit.pricing import digits
from serving.options.schemas import ExerciseStyle, GreeksOut, OptionOut, OptionValuation, OptionValuationQuery, Pricing

NAMES = ("delta", "gamma", "vega", "theta", "rho", "psi")


@dataclass(frozen=True, slots=True)
class OptionValue:
    """An option's terms and market on a day, ready to be priced."""

    option: OptionOut
    on: date
    query: OptionValuationQuery

    def __call__(self) -> OptionValuation:
        """The valuation. Raises PricingError, NotPriceable."""
        asked, american = self.query, self.option.style is ExerciseStyle.AMERICAN
        terms = option_terms(
            right=self.option.option_right.value,
            strike=float(self.option.strike),
            years=years_to(self.option.expires_on, on=self.on),
        )
        market = option_market(
            spot=float(asked.spot),
            volatility=float(asked.volatility),
            rate=float(asked.rate),
            dividend_yield=float(asked.dividend_yield),
        )
        worth, sensitive = _american(terms, market) if american else _european(terms, market)
        return OptionValuation(
            option_id=self.option.id,
            symbol=self.option.symbol,
            currency=self.option.currency,
            on=self.on,
            years=float(terms.years),
            style=self.option.style,
            method=Pricing.ANDERSEN_LAKE_OFFENGENDEN if american else Pricing.BLACK_SCHOLES_MERTON,
            price=digits(worth),
            contract_value=digits(worth * float(self.option.multiplier)),
            greeks=sensitive,
            implied_volatility=None if american else self._implied(terms, market),
        )

    def _implied(self, terms: OptionTerms, market: OptionMarket) -> float | None:
        if self.query.quoted_price is None or not terms.years > 0:
            return None
        quoted = float(self.query.quoted_price)
        known = {"spot": market.spot, "rate": market.rate, "dividend_yield": market.dividend_yield}
        if not within_bounds(terms, quoted, **known):
            return None
        return float(implied_volatility(terms, quoted, **known))


def _european(terms: OptionTerms, market: OptionMarket) -> tuple[float, GreeksOut]:
    found = greeks(terms, market)
    return float(price(terms, market)), _greeks({name: float(getattr(found, name)) for name in NAMES})


def _american(terms: OptionTerms, market: OptionMarket) -> tuple[float, GreeksOut]:
    from lakehouse.pricing.american import american_greeks, american_price

    found = american_greeks(terms, market)
    return float(american_price(terms, market)), _greeks({name: float(getattr(found, name)) for name in NAMES})


def _greeks(values: dict[str, float]) -> GreeksOut:
    return GreeksOut(**{name: value if np.isfinite(value) else None for name, value in values.items()})
