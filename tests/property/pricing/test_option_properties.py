"""What must hold for every option: parity, bounds, the way back from a price, Greeks as differences of prices."""

import numpy as np
from hypothesis import assume, given, settings, strategies as st

from lakehouse.pricing import (
    OptionMarket,
    OptionTerms,
    greeks,
    implied_volatility,
    option_market,
    option_terms,
    price,
    price_bounds,
    within_bounds,
)
from lakehouse.pricing.american import Accuracy, american_price

RIGHT = st.sampled_from(["call", "put"])
SPOT = st.floats(1.0, 1000.0)
MONEYNESS = st.floats(-1.5, 1.5)
YEARS = st.floats(1 / 365, 20.0)
VOLATILITY = st.floats(0.01, 2.0)
RATE = st.floats(-0.05, 0.2)
INPUTS = st.tuples(SPOT, MONEYNESS, YEARS, VOLATILITY, RATE, RATE)
Inputs = tuple[float, float, float, float, float, float]


def build(right: str, inputs: Inputs) -> tuple[OptionTerms, OptionMarket]:
    spot, moneyness, years, volatility, rate, dividend = inputs
    terms = option_terms(right=right, strike=spot * np.exp(moneyness), years=years)
    return terms, option_market(spot=spot, volatility=volatility, rate=rate, dividend_yield=dividend)


@settings(max_examples=150, deadline=None)
@given(INPUTS)
def test_put_call_parity(inputs: Inputs) -> None:
    terms, market = build("call", inputs)
    put = price(*build("put", inputs))
    forward = market.spot * np.exp(-market.dividend_yield * terms.years) - terms.strike * np.exp(
        -market.rate * terms.years
    )
    scale = float(market.spot + terms.strike) * np.exp(0.05 * float(terms.years))
    assert abs(float(price(terms, market) - put - forward)) <= 1e-14 * scale


@settings(max_examples=150, deadline=None)
@given(RIGHT, INPUTS)
def test_prices_stay_within_their_bounds_and_rise_with_volatility(right: str, inputs: Inputs) -> None:
    terms, market = build(right, inputs)
    lower, upper = price_bounds(terms, spot=market.spot, rate=market.rate, dividend_yield=market.dividend_yield)
    value = price(terms, market)
    assert lower <= value <= upper * (1 + 1e-15)
    higher = price(*build(right, (*inputs[:3], inputs[3] + 0.01, *inputs[4:])))
    assert higher >= value - 1e-13 * float(upper)


@settings(max_examples=200, deadline=None)
@given(RIGHT, INPUTS)
def test_the_volatility_of_a_price_gives_the_price(right: str, inputs: Inputs) -> None:
    terms, market = build(right, inputs)
    value = price(terms, market)
    known = {"spot": market.spot, "rate": market.rate, "dividend_yield": market.dividend_yield}
    assume(within_bounds(terms, value, **known))
    found = implied_volatility(terms, value, **known)
    again = price(terms, option_market(volatility=found, **known))
    np.testing.assert_allclose(again, value, rtol=1e-11, atol=1e-13 * float(market.spot + terms.strike))


@settings(max_examples=150, deadline=None)
@given(RIGHT, st.tuples(SPOT, st.floats(-0.5, 0.5), st.floats(0.1, 5.0), st.floats(0.1, 1.0), RATE, RATE))
def test_greeks_are_central_differences(right: str, inputs: Inputs) -> None:
    terms, market = build(right, inputs)
    found = greeks(terms, market)
    spot, strike, years, volatility, rate, dividend = (
        float(market.spot), float(terms.strike), float(terms.years), float(market.volatility), float(market.rate),
        float(market.dividend_yield),
    )  # fmt: skip
    start = {"spot": spot, "strike": strike, "years": years, "volatility": volatility, "rate": rate, "q": dividend}

    def at(name: str, shift: float) -> tuple[OptionTerms, OptionMarket]:
        moved = {**start, name: start[name] + shift}
        return option_terms(right=right, strike=moved["strike"], years=moved["years"]), option_market(
            spot=moved["spot"], volatility=moved["volatility"], rate=moved["rate"], dividend_yield=moved["q"]
        )

    def difference(name: str, step: float, of: str = "") -> float:
        ends = [getattr(greeks(*at(name, way)), of) if of else price(*at(name, way)) for way in (step, -step)]
        return float(ends[0] - ends[1]) / (2 * step)

    width, tall = 1e-5 * spot, spot + strike
    first = {
        "delta": (difference("spot", width), 1.0),
        "vega": (difference("volatility", 1e-5), tall),
        "theta": (-difference("years", 1e-5), tall),
        "rho": (difference("rate", 1e-5), tall),
        "psi": (difference("q", 1e-5), tall),
        "dual_delta": (difference("strike", 1e-5 * strike), 1.0),
    }
    second = {
        "gamma": (difference("spot", width, "delta"), 1 / spot),
        "vanna": (difference("spot", width, "vega"), 1.0),
        "charm": (-difference("years", 1e-5, "delta"), 1.0),
        "volga": (difference("volatility", 1e-5, "vega"), tall),
        "veta": (-difference("years", 1e-5, "vega"), tall),
        "vera": (difference("volatility", 1e-5, "rho"), tall),
        "dual_gamma": (difference("strike", 1e-5 * strike, "dual_delta"), 1 / strike),
    }
    for name, (expected, scale) in (first | second).items():
        assert abs(float(getattr(found, name)) - expected) <= 2e-6 * (scale + abs(expected)), name


@settings(max_examples=60, deadline=None)
@given(RIGHT, st.tuples(SPOT, st.floats(-0.7, 0.7), st.floats(0.01, 3), st.floats(0.05, 1), st.floats(0, 0.1), RATE))
def test_early_exercise_is_never_worth_less_than_nothing(right: str, inputs: Inputs) -> None:
    terms, market = build(right, inputs)
    value = american_price(terms, market, accuracy=Accuracy.FAST)
    assert value >= price(terms, market)
    assert value >= terms.sign * (market.spot - terms.strike)
    # Nothing that can be had at once and kept: with r >= 0 an American put is worth its strike at most, a call the spot
    # unless holding the underlying costs (a negative yield).
    if right == "put":
        assert value <= terms.strike * (1 + 1e-9)
    elif market.dividend_yield >= 0:
        assert value <= market.spot * (1 + 1e-9)
