"""American options against published tables, and where they are worth what the European ones are, or more."""

import numpy as np
import pytest

from lakehouse.pricing import greeks, option_market, option_terms, price
from lakehouse.pricing.american import Accuracy, american_greeks, american_price


def test_the_table_of_geske_and_johnson() -> None:
    # Geske and Johnson (1984), table I; here the values by a binomial tree of 10,000 steps that Ju (1998),
    # "Pricing an American option by approximating its early exercise boundary", prints in its column "true".
    expected = np.array(
        [[[0.0062, 0.8522, 5.0000], [0.2004, 1.5798, 5.0883], [0.4328, 1.9904, 5.2670]],
         [[0.0774, 1.3099, 5.0597], [0.6975, 2.4825, 5.7056], [1.2198, 3.1696, 6.2436]],
         [[0.2466, 1.7681, 5.2868], [1.3460, 3.3874, 6.5099], [2.1549, 4.3526, 7.3830]]]
    )  # fmt: skip
    terms = option_terms(right="put", strike=[35.0, 40.0, 45.0], years=np.array([0.0833, 0.3333, 0.5833])[:, None])
    volatility = np.array([0.2, 0.3, 0.4])[:, None, None]
    found = american_price(terms, option_market(spot=40.0, volatility=volatility, rate=0.0488))
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_the_premium_of_andersen_lake_and_offengenden() -> None:
    # "High-performance American option pricing" (2016), section 6: premium of an at-the-money put, r = q = 5 %.
    terms = option_terms(right="put", strike=100.0, years=1.0)
    market = option_market(spot=100.0, volatility=0.25, rate=0.05, dividend_yield=0.05)
    assert american_price(terms, market) - price(terms, market) == pytest.approx(0.106952702747, abs=1e-8)


def test_fast_is_close_to_accurate() -> None:
    rng = np.random.default_rng(3)
    terms = option_terms(right="put", strike=rng.uniform(70, 140, 40), years=rng.uniform(0.01, 3, 40))
    market = option_market(
        spot=100.0, volatility=rng.uniform(0.05, 0.8, 40), rate=rng.uniform(0.005, 0.1, 40), dividend_yield=0.02
    )
    fast, accurate = (american_price(terms, market, accuracy=chosen) for chosen in Accuracy)
    np.testing.assert_allclose(fast, accurate, atol=1e-4 * 140)


def test_no_early_exercise_is_the_european_price() -> None:
    terms = option_terms(right=["call", "put"], strike=40.0, years=0.5)
    market = option_market(spot=42.0, volatility=0.2, rate=np.array([0.1, 0.0]))
    np.testing.assert_array_equal(american_price(terms, market), price(terms, market))


def test_two_exercise_boundaries_are_priced_on_a_grid() -> None:
    # A put with yields below negative rates; its symmetric call has the same value (McDonald and Schroder 1998).
    put = american_price(
        option_terms(right="put", strike=40.0, years=1.0),
        option_market(spot=40.0, volatility=0.2, rate=-0.01, dividend_yield=-0.02),
    )
    call = american_price(
        option_terms(right="call", strike=40.0, years=1.0),
        option_market(spot=40.0, volatility=0.2, rate=-0.02, dividend_yield=-0.01),
    )
    assert put == pytest.approx(3.0501, abs=3e-4)
    assert put == pytest.approx(float(call), abs=2e-4)


def test_the_limits_without_time_volatility_or_worth() -> None:
    terms = option_terms(right="put", strike=40.0, years=np.array([0.0, 1.0, 1.0]))
    market = option_market(spot=[35.0, 40.0, 0.0], volatility=[0.3, 0.0, 0.3], rate=0.06, dividend_yield=[0, 0.1, 0])
    drifting = 40 * np.exp(-0.06) - 40 * np.exp(-0.1)
    np.testing.assert_allclose(american_price(terms, market), [5.0, drifting, 40.0], rtol=1e-12)
    call = option_terms(right="call", strike=100.0, years=2.0)
    peak = option_market(spot=100.0, volatility=0.0, rate=0.2, dividend_yield=0.1)
    path = np.linspace(0, 2, 200_001)
    best = np.max(100 * np.exp(-0.1 * path) - 100 * np.exp(-0.2 * path))
    assert american_price(call, peak) == pytest.approx(best, rel=1e-9)


def test_greeks_without_early_exercise_are_those_of_black_and_scholes() -> None:
    terms = option_terms(right="call", strike=[35.0, 40.0, 45.0], years=0.5)
    market = option_market(spot=40.0, volatility=0.3, rate=0.05)
    american, european = american_greeks(terms, market), greeks(terms, market)
    for name, tolerance in (("delta", 1e-3), ("gamma", 1e-3), ("vega", 1e-3), ("theta", 1e-3), ("rho", 1e-3)):
        np.testing.assert_allclose(getattr(american, name), getattr(european, name), rtol=0, atol=tolerance * 40)


def test_greeks_in_the_exercise_region_are_those_of_the_exercise_value() -> None:
    found = american_greeks(
        option_terms(right="put", strike=40.0, years=np.array([0.5, 0.0])),
        option_market(spot=20.0, volatility=0.2, rate=0.08),
    )
    np.testing.assert_allclose(found.delta, [-1.0, -1.0], atol=1e-12)
    for name in ("gamma", "vega", "theta", "rho", "psi"):
        np.testing.assert_allclose(getattr(found, name), [0.0, 0.0], atol=1e-9)
