"""American options through QuantLib: one price an option, in a loop, and Greeks by differences of those prices.

Only volatility^2 x years, rate x years and dividend yield x years matter to a price. They are handed to QuantLib over
one fixed year, so that no time to expiry is rounded to whole days and no calendar date has a say.
Engine: Andersen, Lake and Offengenden, "High-performance American option pricing" (2016). Where it does not apply
(both rates negative with two exercise boundaries), finite differences on a 400 x 400 grid.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import QuantLib as ql

from lakehouse.pricing.black_scholes import price as european_price
from lakehouse.pricing.checks import BoolArray, FloatArray, PriceOutsideBounds, PricingError, together
from lakehouse.pricing.options import OptionMarket, OptionTerms, growth, option_market
from lakehouse.pricing.quantlib_state import evaluation_on, to_quantlib

ANY_DAY = date(2020, 1, 1)
SMALLEST_DEVIATION = 1e-5  # volatility x sqrt(years): below it the underlying is taken to drift without noise
GRID = 400
LARGEST_VOLATILITY = 10.0


class EngineFailed(PricingError):
    """QuantLib has no price for an option. Carries its `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no engine prices this option ({reason}): its terms or market inputs are too extreme")


class Accuracy(StrEnum):
    """FAST: about 20 microseconds an option, mostly within 1e-5 of the strike (1e-4 at worst of 500 random ones).

    ACCURATE: about 250 microseconds, within 1e-6 of the strike. Both: 5 milliseconds on the grid.
    """

    FAST = "fast"
    ACCURATE = "accurate"


@dataclass(frozen=True, slots=True)
class AmericanGreeks:
    """Derivatives of an American option's price by central differences, in the units of `black_scholes.Greeks`."""

    delta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    theta: FloatArray
    rho: FloatArray
    psi: FloatArray


def american_price(terms: OptionTerms, market: OptionMarket, *, accuracy: Accuracy = Accuracy.ACCURATE) -> FloatArray:
    """Value of one American option on one unit, over the broadcast shape of both arguments.

    Never below the European value nor the exercise value. Without time: the exercise value; without volatility: the
    best discounted exercise on a path that only drifts. NaN policy: cannot occur.
    Raises InvalidInput, ShapesDiffer, EngineFailed.
    """
    inputs = _Inputs.of(terms, market)
    floor = np.maximum(european_price(terms, market).ravel(), _best_exercise(inputs))
    held = floor.copy()
    needed = (inputs.deviation > SMALLEST_DEVIATION) & (inputs.spot > 0.0) & ~_never_early(inputs)
    with evaluation_on(ANY_DAY):
        pricer = _Pricer(accuracy)
        for index in np.flatnonzero(needed):
            held[index] = pricer.value(inputs, int(index))
    value: FloatArray = np.maximum(held, floor).reshape(inputs.shape) + 0.0
    return value


def american_greeks(terms: OptionTerms, market: OptionMarket) -> AmericanGreeks:
    """First-order Greeks and gamma of American options by central differences of accurate prices: 13 prices each.

    Steps: 1 % of the spot, 0.001 of volatility, 0.0001 of a rate, half a day; where the input itself is smaller,
    half of it. Close to the exercise boundary, where gamma jumps, they are means over the step. Without time to
    expiry delta is that of the exercise value (half at the strike) and the others are 0.
    Raises InvalidInput, ShapesDiffer, EngineFailed.
    """
    shape = together(terms.shape, market.shape)
    years, spot = np.broadcast_to(terms.years, shape), np.broadcast_to(market.spot, shape)
    base = (market.spot, market.volatility, market.rate, market.dividend_yield)

    def bumped(which: int, step: FloatArray, years_step: FloatArray | float = 0.0) -> FloatArray:
        values = [value + (step if place == which else 0.0) for place, value in enumerate(base)]
        moved = OptionTerms(terms.sign, terms.strike, np.asarray(years + years_step))
        return american_price(moved, option_market(
            spot=values[0], volatility=values[1], rate=values[2], dividend_yield=values[3]))  # fmt: skip

    def slope(which: int, step: FloatArray) -> FloatArray:
        return (bumped(which, step) - bumped(which, -step)) / (2.0 * step)

    nothing = np.zeros(shape)
    jump = np.where(spot > 0, 0.01 * spot, 1.0)
    below = np.where(spot > 0, -jump, 0.0)
    up, here, down = bumped(0, jump), bumped(0, nothing), bumped(0, below)
    clock = np.where(years > 0, np.minimum(0.5 / 365.0, 0.5 * years), 1.0)
    soon = np.where(years > 0, clock, 0.0)
    small_rate = np.full(shape, 1e-4)
    shake = np.where(market.volatility > 0, np.minimum(1e-3, 0.5 * market.volatility), 1e-3) + nothing
    quiet = np.where(market.volatility > 0, -shake, 0.0)
    return AmericanGreeks(
        delta=(up - down) / (jump - below),
        gamma=np.where((years > 0) & (spot > 0), (up - 2.0 * here + down) / (jump * jump), 0.0),
        vega=(bumped(1, shake) - bumped(1, quiet)) / (shake - quiet),
        theta=(bumped(0, nothing, -soon) - bumped(0, nothing, soon)) / (2.0 * clock),
        rho=slope(2, small_rate),
        psi=slope(3, small_rate),
    )


def american_volatility(terms: OptionTerms, price: float, market: OptionMarket) -> float:
    """Volatility of a year at which `american_price` of one option is `price`; that of `market` is not read.

    Found by Brent's method to 1e-10 of it, within LARGEST_VOLATILITY. Where every volatility up to some gives the
    price, as where exercise at once is best, the price holds no volatility. Raises PriceOutsideBounds for one at or
    below what exercise brings or beyond what any volatility gives, InvalidInput, EngineFailed.
    """

    def value(volatility: float) -> float:
        moved = option_market(
            spot=market.spot, volatility=volatility, rate=market.rate, dividend_yield=market.dividend_yield
        )
        return float(american_price(terms, moved))

    lower, upper = value(0.0), value(LARGEST_VOLATILITY)
    if not lower < price < upper:
        raise PriceOutsideBounds((), price, (lower, upper))
    return float(ql.Brent().solve(lambda volatility: value(volatility) - price, 1e-10, 0.3, 0.0, LARGEST_VOLATILITY))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """M options laid out flat: everything that a price depends on, with time scaled out."""

    shape: tuple[int, ...]
    sign: FloatArray
    strike: FloatArray
    spot: FloatArray
    deviation: FloatArray
    owed: FloatArray  # rate x years
    paid_out: FloatArray  # dividend yield x years

    @classmethod
    def of(cls, terms: OptionTerms, market: OptionMarket) -> "_Inputs":
        shape = together(terms.shape, market.shape)
        deviation = market.volatility * np.sqrt(terms.years)
        owed = growth("rate", market.rate, terms.years)
        paid_out = growth("dividend_yield", market.dividend_yield, terms.years)
        arrays = (terms.sign, terms.strike, market.spot, deviation, owed, paid_out)
        return cls(shape, *(np.broadcast_to(np.asarray(array), shape).ravel() for array in arrays))


class _Pricer:
    """One option of QuantLib whose quotes are moved: building a new one takes longer than pricing it."""

    def __init__(self, accuracy: Accuracy) -> None:
        start, end = to_quantlib(ANY_DAY), to_quantlib(ANY_DAY + timedelta(days=365))
        count = ql.Actual365Fixed()
        self._quotes = [ql.SimpleQuote(0.1) for _ in range(4)]
        spot, deviation, owed, paid_out = (ql.QuoteHandle(quote) for quote in self._quotes)
        process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(start, paid_out, count)),
            ql.YieldTermStructureHandle(ql.FlatForward(start, owed, count)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(start, ql.NullCalendar(), deviation, count)),
        )
        schemes = ql.QdFpAmericanEngine
        scheme = schemes.fastScheme() if accuracy is Accuracy.FAST else schemes.accurateScheme()
        self._boundary, self._grid = schemes(process, scheme), ql.FdBlackScholesVanillaEngine(process, GRID, GRID)
        exercise = ql.AmericanExercise(start, end)
        # Strikes are scaled out too: an option is worth its strike times that of one unit.
        self._options = {
            sign: ql.VanillaOption(ql.PlainVanillaPayoff(kind, 1.0), exercise)
            for sign, kind in ((1.0, ql.Option.Call), (-1.0, ql.Option.Put))
        }

    def value(self, inputs: _Inputs, index: int) -> float:
        """Price of option `index`; finite differences where rates and yields have two exercise boundaries."""
        strike, sign = float(inputs.strike[index]), float(inputs.sign[index])
        owed, paid_out = float(inputs.owed[index]), float(inputs.paid_out[index])
        moved = (float(inputs.spot[index]) / strike, float(inputs.deviation[index]), owed, paid_out)
        for quote, number in zip(self._quotes, moved, strict=True):
            quote.setValue(number)
        option = self._options[sign]
        twice = paid_out < owed < 0.0 if sign < 0 else owed < paid_out < 0.0
        engines = (self._grid,) if twice else (self._boundary, self._grid)
        return strike * _first_number(option, engines)


def _first_number(option: ql.VanillaOption, engines: tuple[ql.PricingEngine, ...]) -> float:
    """The price by the first engine that has one: extreme terms are beyond some. Raises EngineFailed."""
    reason = "not a number"
    for engine in engines:
        option.setPricingEngine(engine)
        try:
            value = float(option.NPV())
        except RuntimeError as error:
            reason = str(error)
            continue
        if np.isfinite(value):
            return value
    raise EngineFailed(reason)


def _never_early(inputs: _Inputs) -> BoolArray:
    """Exercise before the end gains nothing: a call whose underlying pays nothing, a put that earns no interest."""
    call = (inputs.sign > 0) & (inputs.paid_out <= 0.0) & (inputs.owed >= inputs.paid_out)
    put = (inputs.sign < 0) & (inputs.owed <= 0.0) & (inputs.paid_out >= inputs.owed)
    return call | put


def _best_exercise(inputs: _Inputs) -> FloatArray:
    """Best discounted exercise value along the path without noise: now, at the end, or at a turning point between."""
    with np.errstate(all="ignore"):
        ratio = (inputs.owed * inputs.strike) / (inputs.paid_out * inputs.spot)
        turn = np.log(ratio) / (inputs.owed - inputs.paid_out)
    best = np.zeros_like(inputs.spot)
    for share in (np.zeros_like(turn), np.ones_like(turn), np.clip(np.nan_to_num(turn), 0.0, 1.0)):
        asset = inputs.spot * np.exp(-inputs.paid_out * share)
        bond = inputs.strike * np.exp(-inputs.owed * share)
        best = np.maximum(best, inputs.sign * (asset - bond))
    return best
