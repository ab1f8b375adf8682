"""European options against textbooks and QuantLib, and what they are worth at the limits."""

from datetime import date

import numpy as np
import pytest
import QuantLib as ql

from lakehouse.pricing import (
    InvalidInput,
    OptionMarket,
    OptionTerms,
    ShapesDiffer,
    greeks,
    option_market,
    option_terms,
    price,
    years_to,
)
from lakehouse.pricing.checks import FloatArray
from lakehouse.pricing.quantlib_state import evaluation_on


def one(
    right: str, spot: float, strike: float, years: float, rate: float, dividend: float, volatility: float
) -> tuple[OptionTerms, OptionMarket]:
    terms = option_terms(right=right, strike=strike, years=years)
    return terms, option_market(spot=spot, volatility=volatility, rate=rate, dividend_yield=dividend)


def test_the_textbook_example_of_hull() -> None:
    # Hull, "Options, Futures and Other Derivatives", example 15.6.
    assert price(*one("call", 42, 40, 0.5, 0.1, 0.0, 0.2)) == pytest.approx(4.76, abs=0.005)
    assert price(*one("put", 42, 40, 0.5, 0.1, 0.0, 0.2)) == pytest.approx(0.81, abs=0.005)
    # Example 17.1: an index that yields 3 %.
    assert price(*one("call", 930, 900, 2 / 12, 0.08, 0.03, 0.2)) == pytest.approx(51.83, abs=0.005)


def test_the_greeks_of_hull_chapter_19() -> None:
    # 100,000 calls on a stock at 49: examples 19.1, 19.2, 19.4, 19.6 and 19.7.
    found = greeks(*one("call", 49, 50, 0.3846, 0.05, 0.0, 0.2))
    assert found.delta == pytest.approx(0.522, abs=0.0005)
    assert found.theta == pytest.approx(-4.31, abs=0.005)
    assert found.gamma == pytest.approx(0.066, abs=0.0005)
    assert found.vega == pytest.approx(12.1, abs=0.05)
    assert found.rho == pytest.approx(8.91, abs=0.005)


def test_the_examples_of_haug() -> None:
    # Haug, "The Complete Guide to Option Pricing Formulas", chapters 1 and 2; his b is rate - dividend yield. QuantLib
    # tests most of them too (test-suite/europeanoption.cpp).
    assert price(*one("put", 100, 95, 0.5, 0.1, 0.05, 0.2)) == pytest.approx(2.4648, abs=5e-5)
    assert greeks(*one("call", 105, 100, 0.5, 0.1, 0.1, 0.36)).delta == pytest.approx(0.5946, abs=5e-5)
    assert greeks(*one("put", 105, 100, 0.5, 0.1, 0.1, 0.36)).delta == pytest.approx(-0.3566, abs=5e-5)
    assert greeks(*one("call", 55, 60, 0.75, 0.1, 0.0, 0.3)).gamma == pytest.approx(0.0278, abs=5e-5)
    assert greeks(*one("call", 55, 60, 0.75, 0.1, 0.0, 0.3)).vega == pytest.approx(18.9358, abs=5e-5)
    assert greeks(*one("put", 430, 405, 1 / 12, 0.07, 0.05, 0.2)).theta == pytest.approx(-31.1924, abs=5e-5)
    assert greeks(*one("call", 72, 75, 1.0, 0.09, 0.0, 0.19)).rho == pytest.approx(38.7325, abs=5e-5)
    assert greeks(*one("put", 105, 90, 0.25, 0.14, 0.14, 0.24)).charm == pytest.approx(0.3700, abs=5e-5)
    assert greeks(*one("call", 90, 130, 0.75, 0.05, 0.05, 0.28)).volga == pytest.approx(92.3444, abs=5e-5)


def test_quantlib_agrees_in_bulk() -> None:
    rng = np.random.default_rng(5)
    days = rng.integers(1, 2000, 200)
    right = np.where(rng.random(200) < 0.5, "call", "put")
    terms = option_terms(right=list(right), strike=100 * np.exp(rng.normal(0, 0.3, 200)), years=days / 365.0)
    market = option_market(
        spot=rng.uniform(50, 150, 200),
        volatility=rng.uniform(0.02, 1.5, 200),
        rate=rng.uniform(-0.02, 0.1, 200),
        dividend_yield=rng.uniform(-0.02, 0.1, 200),
    )
    expected = np.array([quantlib(terms, market, int(day), index) for index, day in enumerate(days)])
    found = greeks(terms, market)
    ours = np.stack(
        [price(terms, market), found.delta, found.gamma, found.vega, found.theta, found.rho, found.psi,
         found.dual_delta], axis=1)  # fmt: skip
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


def quantlib(terms: OptionTerms, market: OptionMarket, days: int, index: int) -> list[float]:
    with evaluation_on(date(2024, 3, 1)):
        today, count = ql.Settings.instance().evaluationDate, ql.Actual365Fixed()
        flat = [
            ql.YieldTermStructureHandle(ql.FlatForward(today, float(rates[index]), count))
            for rates in (market.dividend_yield, market.rate)
        ]
        smile = ql.BlackConstantVol(today, ql.NullCalendar(), float(market.volatility[index]), count)
        spot = ql.QuoteHandle(ql.SimpleQuote(float(market.spot[index])))
        kind = ql.Option.Call if terms.sign[index] > 0 else ql.Option.Put
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(kind, float(terms.strike[index])), ql.EuropeanExercise(today + days)
        )
        process = ql.BlackScholesMertonProcess(spot, *flat, ql.BlackVolTermStructureHandle(smile))
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
        return [option.NPV(), option.delta(), option.gamma(), option.vega(), option.theta(), option.rho(),
                option.dividendRho(), option.strikeSensitivity()]  # fmt: skip


def test_without_time_or_volatility_an_option_is_its_discounted_intrinsic_value() -> None:
    spot = np.array([90.0, 100.0, 110.0])
    terms = option_terms(right="call", strike=100, years=0.0)
    market = option_market(spot=spot, volatility=0.2, rate=0.05)
    np.testing.assert_array_equal(price(terms, market), [0.0, 0.0, 10.0])
    np.testing.assert_array_equal(greeks(terms, market).delta, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(greeks(terms, market).vega, np.zeros(3))
    np.testing.assert_array_equal(greeks(terms, market).gamma, np.zeros(3))
    still = option_market(spot=spot, volatility=0.0, rate=0.05)
    later = option_terms(right="put", strike=100, years=1.0)
    np.testing.assert_allclose(price(later, still), np.maximum(100 * np.exp(-0.05) - spot, 0), rtol=1e-14)
    np.testing.assert_array_equal(greeks(later, still).delta, [-1.0, 0.0, 0.0])


def test_a_still_option_at_the_kink_keeps_its_one_sided_vega() -> None:
    terms, market = one("call", 100, 100, 1.0, 0.0, 0.0, 0.0)
    found = greeks(terms, market)
    rise = price(*one("call", 100, 100, 1.0, 0.0, 0.0, 1e-6)) / 1e-6
    assert found.vega == pytest.approx(float(rise), rel=1e-9)
    assert [float(value) for value in (found.gamma, found.volga, found.theta)] == [0.0, 0.0, 0.0]


def test_a_worthless_underlying_leaves_the_discounted_strike() -> None:
    terms = option_terms(right=["call", "put"], strike=40, years=1.0)
    market = option_market(spot=0.0, volatility=0.3, rate=0.05)
    np.testing.assert_allclose(price(terms, market), [0.0, 40 * np.exp(-0.05)], rtol=1e-15)
    found = greeks(terms, market)
    np.testing.assert_array_equal(found.delta, [0.0, -1.0])
    assert all(np.isfinite(getattr(found, name)).all() for name in type(found).__slots__)


def test_nothing_is_nan_where_inputs_are_extreme() -> None:
    values = np.array([1e-12, 1e-3, 1.0, 1e3, 1e9])
    tiny = np.array([0.0, 1e-300, 1e-30, 1e-9, 1e-3, 1.0, 30.0])
    grid = np.meshgrid(values, values, tiny, tiny, indexing="ij")
    spot, strike, years, volatility = (axis.ravel() for axis in grid)
    for right in ("call", "put"):
        terms = option_terms(right=right, strike=strike, years=years)
        market = option_market(spot=spot, volatility=volatility, rate=-0.03, dividend_yield=0.02)
        found = greeks(terms, market)
        assert np.isfinite(price(terms, market)).all()
        assert (price(terms, market) >= 0).all()
        for name in type(found).__slots__:
            assert np.isfinite(getattr(found, name)).all(), name


def test_one_value_serves_all_and_a_part_has_the_bytes_of_the_whole() -> None:
    spot = np.linspace(50, 150, 41)[:, None]
    strike = np.linspace(80, 120, 13)
    terms = option_terms(right="put", strike=strike, years=0.7)
    whole = price(terms, option_market(spot=spot, volatility=0.25, rate=0.02))
    assert whole.shape == (41, 13)
    part = price(terms, option_market(spot=spot[17:20], volatility=0.25, rate=0.02))
    assert part.tobytes() == whole[17:20].tobytes()
    column = price(option_terms(right="put", strike=strike[5], years=0.7),
                   option_market(spot=spot[:, 0], volatility=0.25, rate=0.02))  # fmt: skip
    assert column.tobytes() == np.ascontiguousarray(whole[:, 5]).tobytes()


def test_a_position_has_its_quantity_times_the_greeks() -> None:
    found = greeks(*one("call", 49, 50, 0.3846, 0.05, 0.0, 0.2))
    held = found.scaled(np.array(-100_000.0))
    assert held.delta == -100_000.0 * found.delta
    assert held.volga == -100_000.0 * found.volga


@pytest.mark.parametrize(
    ("name", "value"),
    [("spot", -1.0), ("spot", np.nan), ("volatility", -0.1), ("rate", np.inf), ("dividend_yield", np.nan)],
)
def test_a_market_that_cannot_be_is_refused_by_name(name: str, value: float) -> None:
    inputs: dict[str, FloatArray | float] = {"spot": 100.0, "volatility": 0.2, name: np.array([1.0, value])}
    with pytest.raises(InvalidInput) as refused:
        option_market(**inputs)
    assert (refused.value.name, refused.value.first) == (name, (1,))


def test_terms_that_cannot_be_are_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="right"):
        option_terms(right="straddle", strike=1, years=1)
    with pytest.raises(InvalidInput, match="strike"):
        option_terms(right="call", strike=0, years=1)
    with pytest.raises(InvalidInput, match="years"):
        option_terms(right="call", strike=1, years=-0.1)
    with pytest.raises(ShapesDiffer):
        option_terms(right="call", strike=[1, 2], years=[1, 2, 3])
    with pytest.raises(InvalidInput, match="rate"):
        price(*one("call", 1, 1, 1000.0, 0.9, 0.0, 0.2))


def test_years_are_actual_days_over_365() -> None:
    assert years_to(date(2025, 3, 1), on=date(2024, 3, 1)) == 1.0
    assert years_to(date(2024, 3, 1), on=date(2024, 3, 1)) == 0.0
    with pytest.raises(InvalidInput, match="expiry"):
        years_to(date(2024, 2, 29), on=date(2024, 3, 1))
