"""Books under scenarios of factors: the same numbers as pricing each instrument alone, and as the linear methods."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from lakehouse.pricing import greeks, option_market, option_terms, price
from lakehouse.pricing.bond_terms import BondTerms, DayCount, flows_after
from lakehouse.pricing.bonds import payments
from lakehouse.pricing.curve import zero_curve
from lakehouse.pricing.discounting import discount
from lakehouse.risk.checks import FloatArray, InvalidParameter, NonFinite, ShapeMismatch
from lakehouse.risk.linear import portfolio_pnl
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.revaluation import (
    BondBook,
    LinearBook,
    Money,
    OptionBook,
    in_base_currency,
    revalue,
    simulate_revaluation,
    simulated_blocks,
)
from lakehouse.risk.slopes import NONE
from lakehouse.risk.var import historical_var, parametric_normal_var

# Factors: two shares, the volatility of the first, a rate, a spread, an exchange rate.
SHARE, OTHER, VOLATILITY, RATE, SPREAD, FX = range(6)
DEVIATIONS = np.array([0.02, 0.015, 0.01, 0.0008, 0.0005, 0.006])
TERMS = option_terms(right=["call", "put"], strike=[105.0, 95.0], years=[0.5, 0.25])
MARKET = option_market(spot=100.0, volatility=[0.22, 0.27], rate=0.03)
CURVE = zero_curve(years=[1, 10], rates=[0.04, 0.045])
FLOWS = flows_after(
    payments(BondTerms(0.04, 2, DayCount.ACT_ACT, date(2022, 5, 15), date(2032, 5, 15))), on=date(2023, 3, 1)
)


def index(*places: int) -> np.ndarray:
    return np.array(places, dtype=np.intp)


SHARES = LinearBook(np.array([100.0, 40.0]), index(SHARE, OTHER), Money(np.array([1.0, 1.1]), index(NONE, FX)))
OPTIONS = OptionBook(
    TERMS, MARKET, np.array([100.0, 10.0]), index(SHARE, SHARE), index(VOLATILITY, NONE), index(RATE, RATE),
    in_base_currency(2),
)  # fmt: skip
BONDS = BondBook(
    (FLOWS,), CURVE, np.array([1000.0]), index(RATE), np.array([0.01]), index(SPREAD), Money(np.array([1.1]), index(FX))
)
BOOKS = (SHARES, OPTIONS, BONDS)


def history(seed: int = 4) -> FloatArray:
    draws: FloatArray = np.random.default_rng(seed).normal(size=(500, 6)) * DEVIATIONS
    return draws


def test_each_instrument_is_what_pricing_says() -> None:
    moves = history()[:20]
    found = revalue(moves, BOOKS, years_forward=0.02)
    assert found.shape == (20, 5)
    for row, (share, other, volatility, rate, spread, fx) in enumerate(moves):
        later = option_terms(right=["call", "put"], strike=[105.0, 95.0], years=[0.48, 0.23])
        moved = option_market(spot=100 * (1 + share), volatility=[0.22 + volatility, 0.27], rate=0.03 + rate)
        options = (price(later, moved) - price(TERMS, MARKET)) * [100, 10]
        curve = zero_curve(years=CURVE.years, rates=CURVE.rates + rate)
        then = discount(replace(FLOWS, years=FLOWS.years - 0.02), curve, spread=0.01 + spread).dirty * 10
        now = discount(FLOWS, CURVE, spread=0.01).dirty * 10
        expected = [
            100 * share, (40 * (1 + other) * (1 + fx) - 40) * 1.1, *options, (then * (1 + fx) - now) * 1.1
        ]  # fmt: skip
        np.testing.assert_allclose(found[row], expected, rtol=1e-9, atol=1e-9)


def test_nothing_moves_without_moves() -> None:
    np.testing.assert_allclose(revalue(np.zeros((2, 6)), BOOKS), np.zeros((2, 5)), atol=1e-10)
    assert revalue(np.zeros((2, 6)), ()).shape == (2, 0)


def test_scenarios_are_a_function_of_seed_and_place() -> None:
    simulation = Simulation(seed=9, scenarios=1500, block_rows=400)
    whole = simulate_revaluation(history(), BOOKS, simulation)
    assert whole.shape == (1500, 5)
    blocks = dict(simulated_blocks(history(), BOOKS, Simulation(seed=9, scenarios=900, block_rows=400)))
    assert np.concatenate([blocks[0], blocks[1], blocks[2]]).tobytes() == whole[:900].tobytes()
    alone = simulate_revaluation(history(), (OPTIONS,), simulation)
    assert alone.tobytes() == np.ascontiguousarray(whole[:, 2:4]).tobytes()


def test_a_linear_book_has_the_risk_of_the_normal_method() -> None:
    moves = history()
    simulated = simulate_revaluation(moves, (SHARES,), Simulation(seed=1, scenarios=40_000))
    units = np.array([[50.0], [20.0]])
    flat = replace(SHARES, money=in_base_currency(2))
    closed = parametric_normal_var(portfolio_pnl(revalue(moves, (flat,)), units), confidence=0.99)
    found = historical_var(
        portfolio_pnl(simulate_revaluation(moves, (flat,), Simulation(seed=1, scenarios=40_000)), units),
        confidence=0.99,
    )
    # The quantile's standard error is sqrt(p (1 - p) / n) / density: 1.1 % of a deviation here, 0.5 % of the VaR.
    assert found == pytest.approx(closed, rel=0.02)
    assert simulated.shape == (40_000, 2)


def test_small_moves_are_delta_and_gamma() -> None:
    moves = history()[:5] * 0.02
    moves[:, VOLATILITY:] = 0.0
    found = revalue(moves, (OPTIONS,))
    held, step = greeks(TERMS, MARKET), 100 * moves[:, :1]
    expected = (held.delta * step + 0.5 * held.gamma * step**2) * [100, 10]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_nodes_of_a_curve_can_move_alone() -> None:
    book = replace(BONDS, nodes=index(RATE, SPREAD), spread_factors=index(NONE), money=in_base_currency(1))
    moves = np.zeros((2, 6))
    moves[0, RATE], moves[1, SPREAD] = 1e-6, 1e-6
    found = revalue(moves, (book,))[:, 0]
    np.testing.assert_allclose(-found * 100, discount(FLOWS, CURVE, spread=0.01).key_rate_dv01 * 10, rtol=1e-4)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="factors"):
        revalue(np.zeros((2, 5)), BOOKS)
    with pytest.raises(NonFinite):
        revalue([[np.nan] * 6], BOOKS)
    with pytest.raises(ShapeMismatch):
        revalue(np.zeros((2, 6)), (replace(SHARES, money=in_base_currency(3)),))
    with pytest.raises(InvalidParameter):
        list(simulated_blocks(history(), BOOKS, Simulation(seed=1, scenarios=10), horizon_days=0))
