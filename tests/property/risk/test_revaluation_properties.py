"""What holds for every book of options: curvature that vanishes, small moves, parity, order and size of positions."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lakehouse.pricing import option_market, option_terms
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.revaluation import LinearBook, OptionBook, in_base_currency, revalue, slopes_of
from lakehouse.risk.revalued import FactorHistory, Recipe, RevaluedRisk, Source, Valuation, revalued_risk
from lakehouse.risk.slopes import NONE, expansion_pnl

Terms = tuple[str, float, float, float]
DRAWS = Simulation(3, 500)
HISTORY = FactorHistory(np.random.default_rng(9).normal(0, 0.012, (300, 1)), np.array([True]))
options = st.lists(
    st.tuples(
        st.sampled_from(["call", "put"]), st.floats(70, 140), st.floats(0.05, 2.0), st.floats(0.1, 0.6)
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


def book(terms: list[Terms]) -> OptionBook:
    rights, strikes, years, volatilities = zip(*terms, strict=True)
    count = len(terms)
    still, moves = np.full(count, NONE, dtype=np.intp), np.zeros(count, dtype=np.intp)
    return OptionBook(
        option_terms(right=list(rights), strike=strikes, years=years),
        option_market(spot=100.0, volatility=volatilities, rate=0.02),
        np.full(count, 100.0), moves, still, still, in_base_currency(count),
    )  # fmt: skip


def risk(books: list[LinearBook | OptionBook], units: FloatArray, valuation: Valuation) -> RevaluedRisk:
    recipe = Recipe(valuation, Source.HISTORICAL)
    return revalued_risk(HISTORY, books, units, recipe, confidence=0.95, simulation=DRAWS)


@settings(max_examples=40, deadline=None)
@given(options)
def test_delta_gamma_nears_full_revaluation_faster_than_the_moves_shrink(terms: list[Terms]) -> None:
    held = book(terms)
    known, count = slopes_of([held]), len(terms)

    def gap(size: float) -> FloatArray:
        moves = np.linspace(-size, size, 41)[:, None]
        curved = expansion_pnl(moves, known, count, is_curved=True)
        worst: FloatArray = np.abs(revalue(moves, [held]) - curved).max(axis=0)
        return worst

    # Of third order: moves a tenth as large leave a thousandth; a hundredth allows for the orders beyond it.
    assert (gap(0.002) <= gap(0.02) / 100 + 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(options, st.floats(0.0, 5.0))
def test_without_gamma_delta_gamma_is_delta(terms: list[Terms], size: float) -> None:
    share = LinearBook(np.array([100.0]), np.zeros(1, dtype=np.intp), in_base_currency(1))
    books: list[LinearBook | OptionBook] = [share, book(terms)]
    units = np.array([50.0, *[-size] * len(terms)])
    linear, curved = (risk(books, units, each) for each in (Valuation.DELTA, Valuation.DELTA_GAMMA))
    known = slopes_of(books)
    bend = np.abs(known.second * units[known.bent]).sum() * float(np.square(HISTORY.moves).max())
    assert abs(curved.var - linear.var) <= bend + 1e-9
    assert abs(curved.es - linear.es) <= bend + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.floats(70, 140), st.floats(0.05, 2.0), st.floats(0.1, 0.6), st.floats(-9.0, 9.0))
def test_a_call_less_its_put_is_linear_however_it_is_valued(
    strike: float, years: float, volatility: float, units: float
) -> None:
    held: list[LinearBook | OptionBook] = [
        book([("call", strike, years, volatility), ("put", strike, years, volatility)])
    ]
    found = [risk(held, np.array([units, -units]), each).var for each in Valuation]
    expected = float(np.quantile(-HISTORY.moves * 10_000 * units, 0.95, method="inverted_cdf"))
    assert found == pytest.approx([expected] * 3, rel=1e-6, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(options, st.sampled_from(list(Valuation)), st.floats(0.1, 20.0))
def test_risk_grows_with_the_position_and_its_parts_add_up(
    terms: list[Terms], valuation: Valuation, factor: float
) -> None:
    units = np.linspace(-2.0, 3.0, len(terms))
    one, more = (risk([book(terms)], held, valuation) for held in (units, units * factor))
    assert more.var == pytest.approx(one.var * factor, rel=1e-9, abs=1e-6)
    assert one.component_var.sum() == pytest.approx(one.var, abs=1e-6)
    assert one.component_es.sum() == pytest.approx(one.es, abs=1e-6)
    assert one.es >= one.var
