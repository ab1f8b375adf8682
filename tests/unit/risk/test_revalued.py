"""Portfolios of shares, options and bonds: delta, delta-gamma and full revaluation, alone and against each other."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import QuantLib as ql

from lakehouse.pricing import option_market, option_terms
from lakehouse.pricing.american import american_greeks, american_price, american_volatility
from lakehouse.pricing.bond_terms import BondTerms, DayCount, flows_after
from lakehouse.pricing.bonds import accrued_interest, accrued_on, payments
from lakehouse.pricing.checks import PriceOutsideBounds
from lakehouse.pricing.curve import flat_curve, zero_curve
from lakehouse.pricing.discounting import spread_from_price, yields_from_prices
from lakehouse.pricing.quantlib_state import evaluation_on
from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch
from lakehouse.risk.delta_gamma import delta_normal_es, delta_normal_var
from lakehouse.risk.methods import Conventions
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.revaluation import BondBook, LinearBook, Money, OptionBook, in_base_currency, revalue, slopes_of
from lakehouse.risk.revalued import FactorHistory, Recipe, RevaluedRisk, Source, Valuation, joined, revalued_risk
from lakehouse.risk.slopes import NONE, closed_form, expansion_pnl
from lakehouse.risk.var import historical_var

SHARE, YIELD, FX, RATE = range(4)
TERMS = BondTerms(0.04, 2, DayCount.ACT_ACT, date(2022, 5, 15), date(2032, 5, 15))
ON = date(2023, 3, 1)
FLOWS = flows_after(payments(TERMS), on=ON)
DRAWS = Simulation(7, 4_000)
UNITS = np.array([10.0, -3.0, 5.0, 4.0])


def index(*places: int) -> np.ndarray:
    return np.array(places, dtype=np.intp)


SHARES = LinearBook(np.array([100.0]), index(SHARE), in_base_currency(1))
OPTIONS = OptionBook(
    option_terms(right=["call", "put"], strike=[105.0, 95.0], years=[0.5, 0.25]),
    option_market(spot=100.0, volatility=[0.22, 0.27], rate=0.03),
    np.array([100.0, 10.0]), index(SHARE, SHARE), index(NONE, NONE), index(NONE, NONE), in_base_currency(2),
)  # fmt: skip
BONDS = BondBook(
    (FLOWS,), flat_curve(0.0), np.array([1000.0]), index(NONE), np.array([0.045]), index(YIELD), in_base_currency(1)
)
BOOKS = (SHARES, OPTIONS, BONDS)


def history(scale: float = 1.0, days: int = 500) -> FactorHistory:
    draws: FloatArray = np.random.default_rng(4).standard_t(5, size=(days, 2)) * [0.01, 0.0006] * scale
    return FactorHistory(draws, np.array([True, False]))


def risk(
    valuation: Valuation, source: Source = Source.HISTORICAL, scale: float = 1.0, chosen: Conventions | None = None
) -> RevaluedRisk:
    return revalued_risk(
        history(scale), BOOKS, UNITS, Recipe(valuation, source), confidence=0.99, simulation=DRAWS,
        conventions=chosen or Conventions(),
    )  # fmt: skip


class TestSlopes:
    def test_they_are_those_of_quantlib(self) -> None:
        """European Greeks by QuantLib's analytic engine; a bond's by moving a flat continuous curve."""
        today = ql.Date(1, 3, 2023)
        with evaluation_on(ON):
            count, calendar = ql.Actual365Fixed(), ql.NullCalendar()
            process = ql.BlackScholesMertonProcess(
                ql.QuoteHandle(ql.SimpleQuote(100.0)), ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, count)),
                ql.YieldTermStructureHandle(ql.FlatForward(today, 0.03, count)),
                ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, calendar, 0.2, count)),
            )  # fmt: skip
            option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call, 105.0), ql.EuropeanExercise(today + 365))
            option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
            wanted = [option.delta() * 10_000, option.vega() * 100, option.rho() * 100]
            bend = option.gamma() * 10_000 * 100 / 2
        book = OptionBook(
            option_terms(right=["call"], strike=[105.0], years=[1.0]),
            option_market(spot=100.0, volatility=0.2, rate=0.03),
            np.array([100.0]), index(0), index(1), index(2), in_base_currency(1),
        )  # fmt: skip
        known = slopes_of([book])
        np.testing.assert_allclose(known.first, wanted, rtol=1e-10)
        np.testing.assert_allclose(known.second, [bend], rtol=1e-10)
        assert (known.by.tolist(), known.left.tolist(), known.right.tolist()) == ([0, 1, 2], [0], [0])

    def test_second_order_is_what_revaluation_bends_by_in_every_pair_of_factors(self) -> None:
        curve = zero_curve(years=[1.0, 5.0, 10.0], rates=[0.03, 0.035, 0.04])
        bond = BondBook(
            (FLOWS,), curve, np.array([1000.0]), index(0, 1, 2), np.array([0.01]), index(3),
            Money(np.array([1.1]), index(4)),
        )  # fmt: skip
        known, step = slopes_of([bond]), 1e-4
        moves = np.array([[a, b, c, d, e] for a in (0, step) for b in (0, -step) for c in (0, step) for d in (0, step)
                          for e in (0, -step)])  # fmt: skip
        full = revalue(moves, [bond])
        linear = expansion_pnl(moves, known, 1, is_curved=False)
        curved = expansion_pnl(moves, known, 1, is_curved=True)
        assert np.abs(full - curved).max() < 1e-6
        assert np.abs(full - linear).max() > 1e-4

    def test_a_share_of_another_currency_moves_with_both(self) -> None:
        book = LinearBook(np.array([40.0]), index(0), Money(np.array([1.1]), index(1)))
        moves = np.array([[0.1, -0.05], [-0.2, 0.3]])
        found = expansion_pnl(moves, slopes_of([book]), 1, is_curved=True)
        np.testing.assert_allclose(found, revalue(moves, [book]), rtol=1e-12)

    def test_an_american_option_has_its_own(self) -> None:
        terms = option_terms(right=["put"], strike=[110.0], years=[1.0])
        market = option_market(spot=100.0, volatility=0.2, rate=0.06)
        book = OptionBook(terms, market, np.array([1.0]), index(0), index(NONE), index(NONE), in_base_currency(1),
                          american_price, american_greeks)  # fmt: skip
        moves = np.array([[0.005], [-0.005]])
        curved = expansion_pnl(moves, slopes_of([book]), 1, is_curved=True)
        np.testing.assert_allclose(curved, revalue(moves, [book]), atol=2e-3)


class TestRisk:
    @pytest.mark.parametrize("source", [Source.HISTORICAL, Source.MONTE_CARLO_NORMAL, Source.MONTE_CARLO_T_COPULA])
    def test_delta_gamma_becomes_full_revaluation_as_moves_become_small(self, source: Source) -> None:
        gaps = []
        for scale in (1.0, 0.1):
            full = risk(Valuation.FULL, source, scale)
            gaps.append([abs(risk(each, source, scale).var / full.var - 1) for each in
                         (Valuation.DELTA_GAMMA, Valuation.DELTA)])  # fmt: skip
        # What is left out is of third order, and of second: relative to a linear loss a hundredth and a tenth of it.
        (curved, linear), (small_curved, small_linear) = gaps
        assert curved < linear
        assert small_curved < curved / 30
        assert small_linear < linear / 5

    @pytest.mark.parametrize("source", list(Source))
    @pytest.mark.parametrize("valuation", list(Valuation))
    @pytest.mark.parametrize("days", [1, 10])
    def test_components_add_up_and_shortfall_is_beyond(self, valuation: Valuation, source: Source, days: int) -> None:
        if (valuation, source) == (Valuation.FULL, Source.PARAMETRIC):
            with pytest.raises(InvalidParameter, match="needs scenarios"):
                risk(valuation, source)
            return
        found = risk(valuation, source, chosen=Conventions(horizon_days=days))
        assert found.es >= found.var > 0
        assert found.component_var.sum() == pytest.approx(found.var, rel=1e-6)
        assert found.component_es.sum() == pytest.approx(found.es, rel=1e-6)
        assert f"valuation={valuation};" in found.convention
        assert f"horizon={days}d" in found.convention

    def test_without_curvature_delta_gamma_is_delta(self) -> None:
        units = np.array([10.0, 0.0, 0.0, 0.0])
        for source in Source:
            linear, curved = (
                revalued_risk(history(), BOOKS, units, Recipe(each, source), confidence=0.99, simulation=DRAWS)
                for each in (Valuation.DELTA, Valuation.DELTA_GAMMA)
            )
            assert (linear.var, linear.es) == (curved.var, curved.es)

    def test_delta_without_scenarios_is_delta_normal(self) -> None:
        found = risk(Valuation.DELTA, Source.PARAMETRIC)
        covariance = np.cov(history().moves.T)
        known = slopes_of(BOOKS)
        delta = np.zeros((2, 1))
        np.add.at(delta[:, 0], known.by, known.first * UNITS[known.of])
        assert found.var == pytest.approx(delta_normal_var(covariance, delta, confidence=0.99)[0], rel=1e-12)
        assert found.es == pytest.approx(delta_normal_es(covariance, delta, confidence=0.99)[0], rel=1e-12)
        deviation = np.sqrt(delta[:, 0] @ covariance @ delta[:, 0])
        slope = covariance @ delta[:, 0] / deviation
        own = [slope[known.by[known.of == n]] @ known.first[known.of == n] * UNITS[n] for n in range(4)]
        np.testing.assert_allclose(found.component_var / found.var, own / deviation, rtol=1e-6)

    def test_the_quantile_is_the_one_that_is_asked_for(self) -> None:
        pnl = revalue(history().moves, BOOKS) @ UNITS
        for quantile in Quantile:
            found = risk(Valuation.FULL, chosen=Conventions(quantile=quantile))
            assert found.var == pytest.approx(historical_var(pnl[:, None], confidence=0.99, quantile=quantile)[0])
            assert f"quantile={quantile};" in found.convention

    def test_prices_compound_over_days_and_yields_add(self) -> None:
        moves = np.array([[0.1, 0.001], [-0.5, 0.002], [1.0, -0.004]])
        found = joined(FactorHistory(moves, np.array([True, False])), horizon_days=2)
        np.testing.assert_allclose(found, [[1.1 * 0.5 - 1, 0.003], [0.5 * 2 - 1, -0.002]])

    def test_a_short_straddle_loses_either_way_and_delta_does_not_see_it(self) -> None:
        straddle = OptionBook(
            option_terms(right=["call", "put"], strike=[100.0, 100.0], years=[0.1, 0.1]),
            option_market(spot=100.0, volatility=0.2), np.array([100.0, 100.0]), index(SHARE, SHARE),
            index(NONE, NONE), index(NONE, NONE), in_base_currency(2),
        )  # fmt: skip
        small, full = (
            revalued_risk(history(), [straddle], [-1.0, -1.0], Recipe(each, Source.HISTORICAL), confidence=0.99,
                          simulation=DRAWS).var
            for each in (Valuation.DELTA, Valuation.FULL)
        )  # fmt: skip
        assert full > 3 * small

    @pytest.mark.parametrize("source", [Source.MONTE_CARLO_NORMAL, Source.MONTE_CARLO_T_COPULA])
    def test_a_drawn_move_takes_no_price_below_zero(self, source: Source) -> None:
        """Over 250 days of four percent each a hundredth of the sums lies below -1; what is no price may move so."""
        wild, chosen, recipe = history(3.0), Conventions(horizon_days=250), Recipe(Valuation.DELTA, source)
        few = Simulation(7, 1_000)
        price, other = (
            revalued_risk(each, [SHARES], [1.0], recipe, confidence=0.99, simulation=few, conventions=chosen)
            for each in (wild, replace(wild, relative=np.array([False, False])))
        )
        assert [price.var, price.es] == pytest.approx([100.0, 100.0])
        assert other.var > 110.0

    def test_what_does_not_fit_is_refused(self) -> None:
        recipe = Recipe(Valuation.FULL, Source.HISTORICAL)
        with pytest.raises(ShapeMismatch, match="one for each"):
            revalued_risk(history(), BOOKS, [1.0], recipe, confidence=0.99, simulation=DRAWS)
        with pytest.raises(ShapeMismatch, match="more instruments"):
            closed_form(np.eye(2), slopes_of(BOOKS), np.ones(2), confidence=0.99, is_curved=False)


class TestImplied:
    def test_an_american_price_tells_its_volatility(self) -> None:
        terms = option_terms(right="put", strike=100.0, years=0.5)
        market = option_market(spot=95.0, volatility=0.25, rate=0.05)
        found = american_volatility(
            terms, float(american_price(terms, market)), replace(market, volatility=np.array(9.0))
        )
        assert found == pytest.approx(0.25, abs=1e-8)
        with pytest.raises(PriceOutsideBounds):
            american_volatility(terms, 5.0, market)

    def test_yields_of_many_days_are_those_of_each(self) -> None:
        days = [date(2023, 3, 1), date(2023, 5, 15), date(2024, 2, 29)]
        clean = np.array([98.0, 101.0, 96.5])
        accrued = accrued_on(TERMS, days)
        np.testing.assert_array_equal(accrued, [accrued_interest(TERMS, on=day) for day in days])
        found = yields_from_prices(payments(TERMS), clean + accrued, days=days)
        alone = [
            spread_from_price(flows_after(payments(TERMS), on=day), flat_curve(0.0), price)
            for day, price in zip(days, clean + accrued, strict=True)
        ]
        np.testing.assert_allclose(found, alone, atol=1e-14)
