"""Implied volatility: textbook, the far corners, and the prices that no volatility gives."""

import numpy as np
import pytest

from lakehouse.pricing import (
    InvalidInput,
    PriceOutsideBounds,
    implied_volatility,
    option_market,
    option_terms,
    price,
    price_bounds,
    within_bounds,
)


def test_the_textbook_example_of_hull() -> None:
    # Hull, section 15.11: a call at 1.875 implies 23.5 % a year.
    terms = option_terms(right="call", strike=20, years=0.25)
    assert implied_volatility(terms, 1.875, spot=21.0, rate=0.1) == pytest.approx(0.235, abs=0.0005)


def test_prices_of_every_size_come_back() -> None:
    strike = np.geomspace(20, 500, 60)[:, None, None]
    years = np.array([1 / 365, 0.1, 1.0, 10.0])[:, None]
    volatility = np.array([0.01, 0.05, 0.2, 0.8, 3.0])
    terms = option_terms(right="call", strike=strike, years=years)
    prices = price(terms, option_market(spot=100.0, volatility=volatility, rate=0.03, dividend_yield=0.01))
    lower, upper = price_bounds(terms, spot=100.0, rate=0.03, dividend_yield=0.01)
    solvable = (prices > lower) & (prices < upper)
    found = implied_volatility(terms, np.where(solvable, prices, lower), spot=100.0, rate=0.03, dividend_yield=0.01)
    again = price(terms, option_market(spot=100.0, volatility=found, rate=0.03, dividend_yield=0.01))
    np.testing.assert_allclose(again, np.where(solvable, prices, lower), rtol=2e-11, atol=1e-12 * 100)
    tiny = solvable & (lower == 0) & (prices > 1e-300)
    assert (prices[tiny] < 1e-100).any()
    wanted = np.broadcast_to(volatility, found.shape)
    np.testing.assert_allclose(found[tiny & (prices < 50)], wanted[tiny & (prices < 50)], rtol=1e-9)


def test_the_lower_bound_is_a_volatility_of_zero() -> None:
    terms = option_terms(right=["call", "put"], strike=90, years=1.0)
    lower, _ = price_bounds(terms, spot=100.0, rate=0.05)
    np.testing.assert_array_equal(implied_volatility(terms, lower, spot=100.0, rate=0.05), [0.0, 0.0])


def test_prices_out_of_bounds_are_refused_by_place_and_bounds() -> None:
    terms = option_terms(right="call", strike=[90.0, 100.0, 110.0], years=1.0)
    quotes = np.array([20.0, 100.0, 3.0])
    np.testing.assert_array_equal(within_bounds(terms, quotes, spot=100.0), [True, False, True])
    with pytest.raises(PriceOutsideBounds) as refused:
        implied_volatility(terms, quotes, spot=100.0)
    assert (refused.value.index, refused.value.price, refused.value.lower, refused.value.upper) == (
        (1,), 100.0, 0.0, 100.0)  # fmt: skip
    with pytest.raises(PriceOutsideBounds):
        implied_volatility(terms, 9.99, spot=100.0)


def test_an_option_that_expires_now_has_no_volatility() -> None:
    with pytest.raises(InvalidInput, match="years"):
        implied_volatility(option_terms(right="call", strike=1, years=0), 0.5, spot=1.0)
    with pytest.raises(InvalidInput, match="price"):
        implied_volatility(option_terms(right="call", strike=1, years=1), np.nan, spot=1.0)
