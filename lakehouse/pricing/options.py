"""What an option is and what it is priced from: arrays of terms and arrays of market inputs, checked once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lakehouse.pricing.checks import FloatArray, InvalidInput, at_least_zero, finite, positive, refuse, together

DAYS_IN_YEAR = 365.0
LARGEST_EXPONENT = 500.0  # exp() of more would overflow once it is squared


class Right(StrEnum):
    """What may be done at the strike: buy (call) or sell (put)."""

    CALL = "call"
    PUT = "put"


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """Terms of N options, as `option_terms` made them.

    `sign` (N,) +1.0 for a call, -1.0 for a put; `strike` (N,) above 0, currency per unit of the underlying;
    `years` (N,) to expiry, 0 on it.
    """

    sign: FloatArray
    strike: FloatArray
    years: FloatArray

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the terms broadcast to."""
        return together(self.sign.shape, self.strike.shape, self.years.shape)


@dataclass(frozen=True, slots=True)
class OptionMarket:
    """What options are priced from, as `option_market` made it; each array broadcasts against the terms.

    `spot` at least 0; `volatility` of a year (0.2 is 20 %); `rate` and `dividend_yield` of a year, continuous.
    """

    spot: FloatArray
    volatility: FloatArray
    rate: FloatArray
    dividend_yield: FloatArray

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the inputs broadcast to."""
        return together(self.spot.shape, self.volatility.shape, self.rate.shape, self.dividend_yield.shape)


def option_terms(*, right: str | Sequence[str], strike: npt.ArrayLike, years: npt.ArrayLike) -> OptionTerms:
    """Terms of N options. `right`: "call" or "put", one for all or one for each. Raises InvalidInput, ShapesDiffer."""
    names = np.asarray(right, dtype=np.str_)
    refuse("right", ~np.isin(names, [Right.CALL.value, Right.PUT.value]), "must be call or put")
    sign = np.asarray(np.where(names == Right.CALL.value, 1.0, -1.0), dtype=np.float64)
    terms = OptionTerms(sign=sign, strike=positive("strike", strike), years=at_least_zero("years", years))
    together(terms.shape)
    return terms


def option_market(
    *,
    spot: npt.ArrayLike,
    volatility: npt.ArrayLike,
    rate: npt.ArrayLike = 0.0,
    dividend_yield: npt.ArrayLike = 0.0,
) -> OptionMarket:
    """Market inputs, scalars or arrays. A spot of 0 (a total loss) is priced. Raises InvalidInput, ShapesDiffer."""
    market = OptionMarket(
        spot=at_least_zero("spot", spot),
        volatility=at_least_zero("volatility", volatility),
        rate=finite("rate", rate),
        dividend_yield=finite("dividend_yield", dividend_yield),
    )
    together(market.shape)
    return market


def years_to(expiry: date, *, on: date) -> float:
    """Years from `on` to `expiry`, actual days over 365. Raises InvalidInput if it has expired."""
    days = (expiry - on).days
    if days < 0:
        raise InvalidInput("expiry", 1, (), f"{expiry} is before {on}: an expired option has no value left to compute")
    return days / DAYS_IN_YEAR


def growth(name: str, rate: FloatArray, years: FloatArray) -> FloatArray:
    """rate x years, refused where its exponential would leave float64's range. Raises InvalidInput."""
    exponent = np.asarray(rate * years)
    refuse(name, np.abs(exponent) > LARGEST_EXPONENT, f"times years must lie within {LARGEST_EXPONENT:g}")
    return exponent
