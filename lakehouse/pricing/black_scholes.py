"""European options by Black, Scholes and Merton: prices, every first and second order Greek, in bulk and in NumPy.

Prices are made from the out-of-the-money value and the intrinsic value of the forward, so that put-call parity holds
to the last bits and no price falls below its bound. Limits are defined, never NaN: without time or volatility an
option is worth its discounted intrinsic value, its Greeks are those of a forward (in the money), of nothing (out of
it) or half of the former (at the kink), and what would be infinite at the kink is given as 0.
Sources: Hull, "Options, Futures and Other Derivatives", chapters 15, 17 and 19; Haug, "The Complete Guide to Option
Pricing Formulas" (2007), chapters 1 and 2; the out-of-the-money form from Jaeckel, "Let's Be Rational" (2015).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.special import erfcx, ndtr

from lakehouse.pricing.checks import FloatArray, together
from lakehouse.pricing.options import OptionMarket, OptionTerms, growth

FAR = 1e6  # deviations beyond which nothing is left of a normal density, and whose products stay finite
LARGEST_MONEYNESS = 1400.0  # its exponential is still a float64, and that of a spot of 0 is cut off to it
SMALLEST_DEVIATION = 1e-40  # of the log price until expiry: below it an option is its intrinsic value
HALF_ROOT = float(np.sqrt(0.5))
DENSITY_AT_ZERO = float(1.0 / np.sqrt(2.0 * np.pi))


@dataclass(frozen=True, slots=True)
class Greeks:
    """Derivatives of the price V of one option on one unit, element by element.

    Units: per 1.00 of the input, never per point: volatility from 0.20 to 0.21 moves the price by vega x 0.01, a rate
    by one basis point by rho x 0.0001. Time is calendar years passing, so theta (dV/dt) is mostly negative; a day is
    theta / 365. First order: delta dV/dS, vega dV/dsigma, theta dV/dt, rho dV/dr, psi dV/dq, dual_delta dV/dK.
    Second order: gamma d2V/dS2, vanna d2V/dS dsigma, charm d2V/dS dt, volga d2V/dsigma2, veta d2V/dsigma dt,
    vera d2V/dr dsigma, dual_gamma d2V/dK2.
    """

    delta: FloatArray
    vega: FloatArray
    theta: FloatArray
    rho: FloatArray
    psi: FloatArray
    dual_delta: FloatArray
    gamma: FloatArray
    vanna: FloatArray
    charm: FloatArray
    volga: FloatArray
    veta: FloatArray
    vera: FloatArray
    dual_gamma: FloatArray

    def scaled(self, quantity: FloatArray) -> "Greeks":
        """Greeks of a position: `quantity` x multiplier, negative for a short."""
        return replace(self, **{field.name: getattr(self, field.name) * quantity for field in fields(self)})


@dataclass(frozen=True, slots=True)
class _State:
    """What price and Greeks share; every array has the broadcast shape and is contiguous."""

    sign: FloatArray
    years: FloatArray
    volatility: FloatArray
    asset: FloatArray  # spot discounted by its dividends
    bond: FloatArray  # strike discounted by the rate
    moneyness: FloatArray  # ln(forward / strike), cut off where nothing depends on it any more
    deviation: FloatArray  # volatility x sqrt(years)


def price(terms: OptionTerms, market: OptionMarket) -> FloatArray:
    """Value of one option on one unit, in the currency of the spot, over the broadcast shape of both arguments.

    Raises InvalidInput where a rate times the years would overflow, ShapesDiffer. NaN policy: cannot occur.
    """
    state = _state(terms, market)
    intrinsic = np.maximum(state.sign * (state.asset - state.bond), 0.0)
    value: FloatArray = intrinsic + time_value(state.asset, state.bond, state.moneyness, state.deviation)
    return value


def greeks(terms: OptionTerms, market: OptionMarket) -> Greeks:
    """Every first and second order Greek, over the broadcast shape of both arguments; units: see `Greeks`.

    Raises InvalidInput where a rate times the years would overflow, ShapesDiffer. NaN policy: cannot occur.
    """
    state = _state(terms, market)
    shape = state.sign.shape
    rate, dividend = (np.broadcast_to(value, shape) for value in (market.rate, market.dividend_yield))
    spot, strike = np.broadcast_to(market.spot, shape), np.broadcast_to(terms.strike, shape)
    sign, years, asset, bond = state.sign, state.years, state.asset, state.bond
    alive = state.deviation > SMALLEST_DEVIATION
    # Divisors of an option without time or volatility are 1: the density above them is 0 there.
    width, clock, sigma = (np.where(alive, value, 1.0) for value in (state.deviation, state.years, state.volatility))
    upper, lower = _deviates(state)
    with np.errstate(under="ignore"):
        peak = np.exp(-0.5 * upper * upper) * DENSITY_AT_ZERO
    density = np.where(alive, peak, 0.0)
    # asset x density(d1) = bond x density(d2): one product serves both.
    weight = asset * density
    bump = sign * ndtr(sign * upper)
    owed = sign * ndtr(sign * lower)
    carry = (rate - dividend) / width
    vega = asset * peak * np.sqrt(years)
    drift = carry - 0.5 * lower / clock
    owned = np.exp(-dividend * years)
    paid = np.exp(-rate * years)
    held = np.where(spot > 0, spot, 1.0)
    return Greeks(
        delta=owned * bump,
        vega=vega,
        theta=-0.5 * weight * sigma / np.sqrt(clock) + dividend * asset * bump - rate * bond * owed,
        rho=years * bond * owed,
        psi=-years * asset * bump,
        dual_delta=-paid * owed,
        gamma=weight / (held * held * width),
        vanna=-owned * density * lower / sigma,
        charm=owned * (dividend * bump - density * drift),
        volga=np.where(alive, vega * upper * lower / sigma, 0.0),
        veta=np.where(alive, vega * (dividend + upper * drift - 0.5 / clock), 0.0),
        vera=-years * weight * upper / sigma,
        dual_gamma=weight / (strike * strike * width),
    )


def time_value(asset: FloatArray, bond: FloatArray, moneyness: FloatArray, deviation: FloatArray) -> FloatArray:
    """Value of the out-of-the-money one of call and put: sqrt(asset x bond) times Black's normalised price."""
    return np.sqrt(asset) * np.sqrt(bond) * normalised(-np.abs(moneyness), deviation)


def normalised(moneyness: FloatArray, deviation: FloatArray) -> FloatArray:
    """Black's price of an out-of-the-money option, as a fraction of sqrt(forward x strike).

    moneyness: -|ln(forward / strike)|; deviation: volatility x sqrt(years). In the far tail the two terms are nearly
    equal: there the scaled complementary error function keeps the digits that their difference would lose.
    """
    alive = deviation > SMALLEST_DEVIATION
    width = np.where(alive, deviation, 1.0)
    centre = np.maximum(moneyness / width, -FAR)
    half = 0.5 * width
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        far = 0.5 * np.exp(-0.5 * (centre * centre + half * half))
        far = far * (erfcx(-(centre + half) * HALF_ROOT) - erfcx((half - centre) * HALF_ROOT))
        root = np.exp(0.5 * moneyness)
        near = root * ndtr(centre + half) - ndtr(centre - half) / root
    return np.where(alive, np.maximum(np.where(centre + half < 0.0, far, near), 0.0), 0.0)


def _state(terms: OptionTerms, market: OptionMarket) -> _State:
    shape = together(terms.shape, market.shape)
    sign, strike, years, spot, volatility, rate, dividend = (
        np.ascontiguousarray(np.broadcast_to(value, shape)).reshape(shape)
        for value in (
            terms.sign, terms.strike, terms.years, market.spot, market.volatility, market.rate, market.dividend_yield
        )
    )  # fmt: skip
    owed, paid_out = growth("rate", rate, years), growth("dividend_yield", dividend, years)
    with np.errstate(divide="ignore"):
        moneyness = np.log(spot / strike) + (owed - paid_out)
    return _State(
        sign=sign,
        years=years,
        volatility=volatility,
        asset=spot * np.exp(-paid_out),
        bond=strike * np.exp(-owed),
        moneyness=np.clip(moneyness, -LARGEST_MONEYNESS, LARGEST_MONEYNESS),
        deviation=volatility * np.sqrt(years),
    )


def _deviates(state: _State) -> tuple[FloatArray, FloatArray]:
    """d1 and d2; without time or volatility far out on their side, or 0 at the kink."""
    alive = state.deviation > SMALLEST_DEVIATION
    width = np.where(alive, state.deviation, 1.0)
    centre = np.where(alive, state.moneyness / width, np.sign(state.moneyness) * FAR)
    half = np.where(alive, 0.5 * width, 0.0)
    return np.clip(centre + half, -FAR, FAR), np.clip(centre - half, -FAR, FAR)
