"""Instruments under scenarios: the same as pricing each scenario alone, and what happens at the edges."""

from datetime import date

import numpy as np
import pytest

from lakehouse.pricing import ShapesDiffer, greeks, option_market, option_terms, price
from lakehouse.pricing.american import Accuracy, american_price
from lakehouse.pricing.bond_terms import BondTerms, DayCount, Flows, flows_after
from lakehouse.pricing.bonds import payments
from lakehouse.pricing.curve import flat_curve, zero_curve
from lakehouse.pricing.discounting import discount
from lakehouse.pricing.options import OptionMarket, OptionTerms
from lakehouse.pricing.revaluation import bond_pnl, option_pnl, option_shocks

TERMS = option_terms(right=["call", "put", "put"], strike=[100.0, 90.0, 120.0], years=[0.5, 0.25, 2.0])
MARKET = option_market(spot=100.0, volatility=[0.2, 0.3, 0.25], rate=0.03, dividend_yield=0.01)
ON = date(2023, 3, 1)
FLOWS = [
    flows_after(payments(BondTerms(rate, 2, DayCount.ACT_ACT, date(2022, 5, 15), date(year, 5, 15))), on=ON)
    for rate, year in ((0.03, 2025), (0.04, 2032), (0.05, 2052))
]
CURVE = zero_curve(years=[1, 5, 10, 30], rates=[0.048, 0.041, 0.042, 0.045])


def test_every_scenario_is_priced_as_if_it_were_alone() -> None:
    rng = np.random.default_rng(7)
    spot, volatility, rate = rng.normal(0, 0.2, (50, 3)), rng.normal(0, 0.02, 50), rng.normal(0, 0.01, 50)
    found = option_pnl(TERMS, MARKET, option_shocks(spot=spot, volatility=volatility, rate=rate), years_forward=0.1)
    assert found.shape == (50, 3)
    for index in range(50):
        for column in range(3):
            alone = OptionTerms(TERMS.sign[column], TERMS.strike[column], TERMS.years[column] - 0.1)
            moved = option_market(
                spot=100.0 * (1 + spot[index, column]),
                volatility=MARKET.volatility[column] + volatility[index],
                rate=0.03 + rate[index],
                dividend_yield=0.01,
            )
            expected = price(alone, moved) - price(TERMS, MARKET)[column]
            assert found[index, column] == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


def test_blocks_of_scenarios_have_the_bytes_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    spot, rate = rng.normal(0, 0.1, 400), rng.normal(0, 0.01, 400)
    whole = option_pnl(TERMS, MARKET, option_shocks(spot=spot, rate=rate))
    parts = [
        option_pnl(TERMS, MARKET, option_shocks(spot=spot[cut], rate=rate[cut]))
        for cut in (slice(0, 7), slice(7, 200), slice(200, 400))
    ]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    monkeypatch.setattr("lakehouse.pricing.revaluation.BLOCK_VALUES", 9)
    assert option_pnl(TERMS, MARKET, option_shocks(spot=spot, rate=rate)).tobytes() == whole.tobytes()
    bonds = bond_pnl(FLOWS, CURVE, rate_shifts=rate)
    assert bond_pnl(FLOWS[1:2], CURVE, rate_shifts=rate[30:33]).tobytes() == bonds[30:33, 1:2].tobytes()


def test_small_shocks_are_delta_gamma_vega_and_theta() -> None:
    shocks = option_shocks(spot=[0.002], volatility=[0.0005], rate=[0.0001])
    found, held = option_pnl(TERMS, MARKET, shocks, years_forward=0.0002)[0], greeks(TERMS, MARKET)
    move = 100.0 * 0.002
    expected = held.delta * move + 0.5 * held.gamma * move**2 + held.vega * 0.0005 + held.rho * 0.0001
    np.testing.assert_allclose(found, expected + held.theta * 0.0002, atol=2e-4)  # what is left is vanna


def test_spot_and_volatility_end_at_zero_and_expiry_is_exercise() -> None:
    shocks = option_shocks(spot=[-1.0, -1.7, 0.1], volatility=[0.0, -5.0, 0.0])
    found = option_pnl(TERMS, MARKET, shocks, years_forward=3.0) + price(TERMS, MARKET)
    np.testing.assert_allclose(found, [[0, 90, 120], [0, 90, 120], [10, 0, 10]], atol=1e-12)


def test_american_options_are_revalued_by_their_own_pricer() -> None:
    def pricer(terms: OptionTerms, market: OptionMarket) -> np.ndarray:
        return american_price(terms, market, accuracy=Accuracy.FAST)

    shocks = option_shocks(spot=[-0.3, 0.0, 0.3])
    american, european = option_pnl(TERMS, MARKET, shocks, pricer=pricer), option_pnl(TERMS, MARKET, shocks)
    np.testing.assert_array_equal(american[1], np.zeros(3))
    assert american[0, 2] + pricer(TERMS, MARKET)[2] >= 50.0
    assert abs(american[0, 0] - european[0, 0]) < 0.05


def test_bonds_are_discounted_on_the_moved_curve() -> None:
    shifts = np.array([-0.01, 0.0, 0.02])
    found = bond_pnl(FLOWS, CURVE, rate_shifts=shifts, spreads=[0.0, 0.01, 0.02], spread_shifts=[0.0, 0.0, 0.005])
    for column, spread in enumerate((0.0, 0.01, 0.02)):
        now = discount(FLOWS[column], CURVE, spread=spread).dirty
        for row, more in enumerate((0.0, 0.0, 0.005)):
            moved = zero_curve(years=CURVE.years, rates=CURVE.rates + shifts[row])
            then = discount(FLOWS[column], moved, spread=spread + more).dirty
            assert found[row, column] == pytest.approx(then - now, abs=1e-10)
    np.testing.assert_allclose(found[1], np.zeros(3), atol=1e-12)


def test_nodes_of_the_curve_move_alone() -> None:
    shifts = np.eye(4) * 1e-6
    found = bond_pnl(FLOWS, CURVE, rate_shifts=shifts)
    for column, flows in enumerate(FLOWS):
        np.testing.assert_allclose(-found[:, column] * 100, discount(flows, CURVE).key_rate_dv01, rtol=1e-4, atol=1e-9)


def test_what_is_paid_meanwhile_counts_as_cash() -> None:
    flows = [Flows(np.array([0.5, 1.0]), np.array([3.0, 103.0]))]
    found = bond_pnl(flows, flat_curve(0.05), rate_shifts=[0.0], years_forward=0.75)
    now = 3 * np.exp(-0.025) + 103 * np.exp(-0.05)
    assert found[0, 0] == pytest.approx(3 + 103 * np.exp(-0.05 * 0.25) - now, rel=1e-12)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapesDiffer):
        option_shocks(spot=np.zeros(3), rate=np.zeros(4))
    with pytest.raises(ShapesDiffer):
        option_pnl(TERMS, MARKET, option_shocks(spot=np.zeros((3, 2))))
    with pytest.raises(ShapesDiffer):
        bond_pnl(FLOWS, CURVE, rate_shifts=np.zeros((3, 2)))
    with pytest.raises(ShapesDiffer):
        bond_pnl(FLOWS, CURVE, rate_shifts=np.zeros(3), spread_shifts=np.zeros(4))
