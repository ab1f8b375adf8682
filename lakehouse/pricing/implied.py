"""Implied volatility: the one volatility at which Black, Scholes and Merton give a price, in bulk.

The price is turned into its out-of-the-money time value as a fraction of sqrt(forward x strike), and the deviation w
of Black's normalised price is found by Halley's iteration inside a bracket. Below the point of inflection at
sqrt(2 |ln(F/K)|), where prices fall like exp(-c / w^2), the iteration works on the reciprocal of the logarithm of the
price; above it, on the price. Idea of both: Jaeckel, "Let's Be Rational", Wilmott (2015), chapters 3 and 4.
"""

import numpy as np
from scipy.special import ndtri

from lakehouse.pricing.black_scholes import LARGEST_MONEYNESS, normalised
from lakehouse.pricing.checks import BoolArray, FloatArray, PriceOutsideBounds, finite, positive, together
from lakehouse.pricing.options import OptionTerms, growth, option_market

ITERATIONS = 80  # the bracket alone would need about 60; Halley's steps need 3 to 8
STEP_TOLERANCE = 4e-16
WIDEST = 40.0  # a deviation beyond every price that float64 tells from its upper bound


def price_bounds(
    terms: OptionTerms,
    *,
    spot: FloatArray | float,
    rate: FloatArray | float = 0.0,
    dividend_yield: FloatArray | float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Prices of a European option lie in [lower, upper): intrinsic value of the forward, and the price at infinite
    volatility (discounted spot of a call, discounted strike of a put). Raises InvalidInput, ShapesDiffer."""
    market = option_market(spot=spot, volatility=0.0, rate=rate, dividend_yield=dividend_yield)
    asset = market.spot * np.exp(-growth("dividend_yield", market.dividend_yield, terms.years))
    bond = terms.strike * np.exp(-growth("rate", market.rate, terms.years))
    together(terms.shape, market.shape)
    lower = np.maximum(terms.sign * (asset - bond), 0.0)
    return lower, np.where(terms.sign > 0, asset, bond)


def within_bounds(
    terms: OptionTerms,
    price: FloatArray | float,
    *,
    spot: FloatArray | float,
    rate: FloatArray | float = 0.0,
    dividend_yield: FloatArray | float = 0.0,
) -> BoolArray:
    """Which prices a volatility exists for: those that `implied_volatility` accepts. Raises InvalidInput."""
    lower, upper = price_bounds(terms, spot=spot, rate=rate, dividend_yield=dividend_yield)
    quoted = finite("price", price)
    inside: BoolArray = (quoted >= lower) & (quoted < upper)
    return inside


def implied_volatility(
    terms: OptionTerms,
    price: FloatArray | float,
    *,
    spot: FloatArray | float,
    rate: FloatArray | float = 0.0,
    dividend_yield: FloatArray | float = 0.0,
) -> FloatArray:
    """Volatility of a year at which `black_scholes.price` gives `price`, over the broadcast shape of all arguments.

    At the lower bound it is 0. The price comes back to a few units of float64's last place of the spot; far in the
    money a price holds that much of the volatility and no more.
    Raises PriceOutsideBounds (the first price that is), InvalidInput (options that expire now have no volatility,
    spots must be positive), ShapesDiffer. NaN policy: refused.
    """
    spots = positive("spot", spot)
    positive("years", terms.years)
    quoted, (lower, upper) = (
        finite("price", price),
        price_bounds(terms, spot=spots, rate=rate, dividend_yield=dividend_yield),
    )
    shape = together(quoted.shape, lower.shape, upper.shape)
    _refuse_arbitrage(quoted, lower, upper, shape)
    market = option_market(spot=spots, volatility=0.0, rate=rate, dividend_yield=dividend_yield)
    owed = growth("rate", market.rate, terms.years)
    paid_out = growth("dividend_yield", market.dividend_yield, terms.years)
    moneyness = np.log(spots / terms.strike) + (owed - paid_out)
    scale = np.sqrt(spots * np.exp(-paid_out)) * np.sqrt(terms.strike * np.exp(-owed))
    target = np.broadcast_to((quoted - lower) / scale, shape).ravel()
    distance = np.broadcast_to(np.maximum(-np.abs(moneyness), -LARGEST_MONEYNESS), shape).ravel()
    deviation = _solve(np.ascontiguousarray(distance), np.ascontiguousarray(target)).reshape(shape)
    return deviation / np.sqrt(terms.years)


def _refuse_arbitrage(quoted: FloatArray, lower: FloatArray, upper: FloatArray, shape: tuple[int, ...]) -> None:
    low, high, seen = (np.broadcast_to(value, shape) for value in (lower, upper, quoted))
    bad = (seen < low) | (seen >= high)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise PriceOutsideBounds(first, float(seen[first]), (float(low[first]), float(high[first])))


def _solve(moneyness: FloatArray, target: FloatArray) -> FloatArray:
    """The deviation at which `normalised(moneyness, deviation)` is `target`, element by element; 0 where target is."""
    turn = np.sqrt(2.0 * np.abs(moneyness))
    low = target < normalised(moneyness, turn)
    found = np.where(low, 0.5 * turn, _high_start(moneyness, target, turn))
    bottom, top = np.where(low, 0.0, turn), np.where(low, turn, turn + WIDEST)
    found[target <= 0.0] = 0.0
    active = np.flatnonzero(target > 0.0)
    for _ in range(ITERATIONS):
        if not len(active):
            break
        at = found[active]
        gap, step = _halley(moneyness[active], target[active], at, low[active])
        bottom[active] = np.where(gap < 0.0, at, bottom[active])
        top[active] = np.where(gap > 0.0, at, top[active])
        moved = at - step
        outside = ~((moved > bottom[active]) & (moved < top[active]))  # NaN is outside too
        moved = np.where(outside, 0.5 * (bottom[active] + top[active]), moved)
        moved = np.where(gap == 0.0, at, moved)
        found[active] = moved
        active = active[np.abs(moved - at) > STEP_TOLERANCE * moved]
    return found


def _high_start(moneyness: FloatArray, target: FloatArray, turn: FloatArray) -> FloatArray:
    """Exact at the money; elsewhere a start above the point of inflection."""
    share = np.minimum(target * np.exp(-0.5 * moneyness), 1.0 - 1e-16)
    with np.errstate(divide="ignore"):
        start = -2.0 * ndtri(0.5 * (1.0 - share))
    clipped: FloatArray = np.clip(start, turn + 1e-300, turn + WIDEST)
    return clipped


def _halley(
    moneyness: FloatArray, target: FloatArray, deviation: FloatArray, low: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """How far the price is above its target (sign of it), and the step to subtract from the deviation."""
    with np.errstate(all="ignore"):
        value = normalised(moneyness, deviation)
        ratio = moneyness / deviation
        slope = np.exp(-0.5 * (ratio * ratio + 0.25 * deviation * deviation)) / np.sqrt(2.0 * np.pi)
        bend = ratio * ratio / deviation - 0.25 * deviation  # second derivative over the first
        logarithm, speed = np.log(value), slope / value
        gap = np.where(low, 1.0 / np.log(target) - 1.0 / logarithm, value - target)
        newton = np.where(low, gap * logarithm * logarithm / speed, gap / slope)
        curve = np.where(low, bend - speed - 2.0 * speed / logarithm, bend)
        step = newton / np.maximum(1.0 - 0.5 * newton * curve, 0.5)
    return np.where(np.isfinite(gap), gap, -1.0), step
