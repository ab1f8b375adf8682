"""Stress tests: windows against what the index is known to have done, shocks by name, and the worst scenarios."""

from datetime import date

import numpy as np
import pytest
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from lakehouse.risk.checks import InvalidParameter, NonFinite, ShapeMismatch
from lakehouse.risk.hypotheticals import CALIBRATED_FROM, HYPOTHETICALS, MARKET, SECTORS, sector_named
from lakehouse.risk.scenarios import WINDOWS, Hypothetical, Shock, Target, Window, uniform
from lakehouse.risk.stress import (
    Universe,
    UnknownTarget,
    WindowNotCovered,
    expected_moves,
    historical_stress,
    hypothetical_moves,
    stress_pnl,
    through_betas,
    window_moves,
)
from lakehouse.risk.vectors import worst_scenarios

BY_NAME = {window.name: window for window in WINDOWS}
BY_SHOCKS = {scenario.name: scenario for scenario in HYPOTHETICALS}
UNIVERSE = Universe(
    symbols=("AAA", "BBB", "CCC"),
    sectors=("tech", "tech", "energy"),
    factors=("market", "oil"),
    betas=np.array([[1.2, 0.0], [0.8, -0.1], [0.9, 0.7]]),
)


def test_windows_are_named_once_dated_and_sourced() -> None:
    assert len(BY_NAME) == len(WINDOWS) == 11
    assert [window.first for window in WINDOWS] == sorted(window.first for window in WINDOWS)
    assert all(window.source and window.title for window in WINDOWS)
    with pytest.raises(InvalidParameter):
        Window("backward", "", date(2020, 1, 2), date(2020, 1, 2), "")


@pytest.mark.parametrize(
    ("name", "fall"),
    # S&P 500 closing highs to closing lows as S&P Dow Jones Indices states them (49.1, 56.8, 19.8, 33.9, 25.4 %);
    # the others from the closes themselves: 1,251.70 to 752.44; 1,165.87 to 1,128.15; 1,345.02 to 1,119.46;
    # 2,104.18 to 1,867.61; 1,186.75 to 959.44.
    [
        ("dot_com_2000", 0.491), ("financial_crisis_2007", 0.568), ("q4_2018", 0.198), ("covid_2020", 0.339),
        ("rates_2022", 0.254), ("lehman_2008", 0.399), ("flash_crash_2010", 0.032), ("us_downgrade_2011", 0.168),
        ("china_2015", 0.112), ("ltcm_1998", 0.192),
    ],
)  # fmt: skip
def test_windows_are_the_falls_that_they_are_known_for(name: str, fall: float) -> None:
    index = load_sp500_index()
    found = historical_stress(
        BY_NAME[name], dates=index.index.to_numpy(), prices=index.to_numpy(), exposures=[[1e6], ]
    )  # fmt: skip
    assert found.pnl[0] == pytest.approx(-fall * 1e6, abs=500)
    assert (found.first, found.last) == (BY_NAME[name].first, BY_NAME[name].last)
    assert found.worst_pnl[0] <= found.pnl[0]


def test_the_lowest_close_on_the_way_is_dated() -> None:
    index = load_sp500_index()
    found = historical_stress(
        BY_NAME["ltcm_1998"], dates=index.index.to_numpy(), prices=index.to_numpy(), exposures=[[1e6, -1e6]]
    )
    assert found.worst_on[0] == np.datetime64("1998-08-31")
    assert found.worst_pnl[0] == pytest.approx(1e6 * (957.28 / 1186.75 - 1))
    # A short gains all the way: its worst is the start.
    assert found.worst_pnl[1] == 0.0
    assert found.worst_on[1] == np.datetime64("1998-07-17")


def test_holdings_are_bought_and_held() -> None:
    prices = load_sp500_dataset()
    held = np.linspace(-1e5, 3e5, prices.shape[1])[:, None]
    window = BY_NAME["covid_2020"]
    found = historical_stress(window, dates=prices.index.to_numpy(), prices=prices.to_numpy(), exposures=held)
    ends = prices.loc[["2020-02-19", "2020-03-23"]].to_numpy()
    assert found.pnl[0] == pytest.approx(float((ends[1] / ends[0] - 1) @ held[:, 0]), rel=1e-12)


def test_a_window_without_data_is_refused_by_name() -> None:
    index = load_sp500_index()
    with pytest.raises(WindowNotCovered, match=r"black_monday_1987.*not a loss of 0") as refused:
        window_moves(BY_NAME["black_monday_1987"], dates=index.index.to_numpy(), prices=index.to_numpy())
    assert refused.value.available == ("1990-01-02", "2022-12-28")
    # Neither a history that ends before the window does nor a hole at its start passes for one.
    short = index.loc[:"2022-09-30"]
    with pytest.raises(WindowNotCovered):
        window_moves(BY_NAME["rates_2022"], dates=short.index.to_numpy(), prices=short.to_numpy())
    holed = index.drop(index.loc["2020-02-01":"2020-02-25"].index)
    with pytest.raises(WindowNotCovered):
        window_moves(BY_NAME["covid_2020"], dates=holed.index.to_numpy(), prices=holed.to_numpy())


def test_a_close_stands_for_a_few_days_after_it() -> None:
    days = np.array(["2020-02-18", "2020-03-02", "2020-03-20"], dtype="datetime64[D]")
    found = window_moves(BY_NAME["covid_2020"], dates=days, prices=[[100.0], [90.0], [70.0]])
    np.testing.assert_allclose(found.path, [[-0.1], [-0.3]])
    assert (found.first, found.last) == (date(2020, 2, 18), date(2020, 3, 20))


def test_prices_that_cannot_be_are_refused() -> None:
    days = np.array(["2020-02-19", "2020-03-23"], dtype="datetime64[D]")
    with pytest.raises(NonFinite):
        window_moves(BY_NAME["covid_2020"], dates=days, prices=[[100.0], [np.nan]])
    with pytest.raises(ShapeMismatch):
        window_moves(BY_NAME["covid_2020"], dates=days, prices=[[100.0]])
    with pytest.raises(InvalidParameter):
        window_moves(BY_NAME["covid_2020"], dates=days[::-1], prices=[[100.0], [90.0]])


def test_a_symbol_wins_over_its_sector_and_that_over_all() -> None:
    scenario = Hypothetical(
        "mixed", "", (Shock(Target.ALL, -0.1), Shock(Target.SECTOR, -0.3, "tech"), Shock(Target.SYMBOL, 0.2, "BBB"))
    )
    np.testing.assert_array_equal(hypothetical_moves(scenario, UNIVERSE), [-0.3, 0.2, -0.1])
    np.testing.assert_array_equal(hypothetical_moves(uniform("x", "", -0.2), UNIVERSE), [-0.2, -0.2, -0.2])


def test_shocks_of_sectors_are_what_their_names_did_in_the_set_that_they_are_calibrated_from() -> None:
    prices = load_sp500_dataset()
    assert sorted(name for names in CALIBRATED_FROM.values() for name in names) == sorted(prices.columns)
    days = {
        "sectors_as_dot_com": ("2000-03-24", "2002-10-09"),
        "sectors_as_banking_crisis": ("2007-10-09", "2009-03-09"),
        "sectors_as_oil_glut": ("2014-06-20", "2016-01-20"),
        "sectors_as_pandemic": ("2020-02-19", "2020-03-23"),
        "sectors_as_rate_rise": ("2022-01-03", "2022-10-12"),
    }
    assert [each.name for each in HYPOTHETICALS if each.name.startswith("sectors_")] == list(days)
    for name, (first, last) in days.items():
        moves = prices.loc[last] / prices.loc[first] - 1
        means = {sector: float(moves[list(names)].mean()) for sector, names in CALIBRATED_FROM.items()}
        shocks = {shock.key: shock.move for shock in BY_SHOCKS[name].shocks}
        assert shocks.pop("") == pytest.approx(np.mean(list(means.values())), abs=0.00501)
        assert shocks == pytest.approx(means, abs=0.00501)


def test_every_default_has_a_source_and_reaches_a_book_that_knows_nothing_of_it() -> None:
    assert all(each.source for each in HYPOTHETICALS)
    universe = Universe(("A", "B"), ("", "mine"), (MARKET,), np.array([[1.5], [-3.0]]), frozenset(SECTORS))
    for scenario in HYPOTHETICALS:
        moves = hypothetical_moves(scenario, universe)
        assert (moves != 0).all()
        assert (moves >= -1).all()
    fall = hypothetical_moves(BY_SHOCKS["market_down_50"], universe)
    np.testing.assert_allclose(fall, [-0.75, 1.5])


def test_sectors_are_known_by_their_usual_names() -> None:
    assert {sector_named(text) for text in ("Technology", "information technology", " IT ")} == {
        "Information Technology"
    }
    assert sector_named("Healthcare") == "Health Care"
    assert (sector_named("Shipping"), sector_named("")) == ("Shipping", "")


def test_factors_reach_through_betas_what_nothing_else_names() -> None:
    scenario = Hypothetical("oil", "", (Shock(Target.FACTOR, -0.5, "oil"), Shock(Target.SYMBOL, 0.0, "CCC")))
    np.testing.assert_allclose(hypothetical_moves(scenario, UNIVERSE), [0.0, 0.05, 0.0])
    np.testing.assert_allclose(through_betas([[2.0, 0.5]], [[-0.9, 0.1]]), [[-1.0]])


def test_unnamed_factors_move_as_the_named_ones_let_expect() -> None:
    # Two variables: E[y | x] = rho s_y / s_x x.
    covariance = np.array([[0.04, 0.018], [0.018, 0.09]])
    np.testing.assert_allclose(expected_moves(covariance, shocked={0: -0.2}), [-0.2, 0.018 / 0.04 * -0.2])
    scenario = Hypothetical("market", "", (Shock(Target.FACTOR, -0.2, "market"),))
    alone, together = hypothetical_moves(scenario, UNIVERSE), hypothetical_moves(
        scenario, UNIVERSE, covariance=covariance)  # fmt: skip
    np.testing.assert_allclose(alone, [-0.24, -0.16, -0.18])
    np.testing.assert_allclose(together, UNIVERSE.betas @ [-0.2, -0.09])
    with pytest.raises(InvalidParameter, match="move together"):
        expected_moves(np.ones((2, 2)), shocked={0: 0.1, 1: 0.2})
    with pytest.raises(InvalidParameter):
        expected_moves(covariance, shocked={2: 0.1})


def test_shocks_that_name_nothing_are_refused() -> None:
    for shock in (Shock(Target.SYMBOL, 0.1, "ZZZ"), Shock(Target.SECTOR, 0.1, "banks"), Shock(Target.FACTOR, 0.1, "x")):
        with pytest.raises(UnknownTarget) as refused:
            hypothetical_moves(Hypothetical("s", "", (shock,)), UNIVERSE)
        assert refused.value.shock is shock
    for target, move, key in ((Target.ALL, -1.1, ""), (Target.ALL, 0.1, "AAA"), (Target.SYMBOL, 0.1, "")):
        with pytest.raises(InvalidParameter):
            Shock(target, move, key)
    with pytest.raises(InvalidParameter):
        Hypothetical("twice", "", (Shock(Target.ALL, 0.1), Shock(Target.ALL, 0.2)))
    with pytest.raises(ShapeMismatch):
        Universe(symbols=("A",), sectors=("x", "y"))
    with pytest.raises(ShapeMismatch):
        Universe(symbols=("A",), factors=("x",))


def test_the_worst_scenarios_come_first_and_ties_in_order() -> None:
    pnl = np.array([[-1.0, 5.0], [-7.0, 5.0], [3.0, -2.0], [-7.0, 5.0]])
    found = worst_scenarios(pnl, count=3)
    np.testing.assert_array_equal(found.scenario, [[1, 2], [3, 0], [0, 1]])
    np.testing.assert_array_equal(found.pnl, [[-7.0, -2.0], [-7.0, 5.0], [-1.0, 5.0]])
    for count in (0, 5):
        with pytest.raises(InvalidParameter):
            worst_scenarios(pnl, count=count)


def test_many_scenarios_at_once() -> None:
    moves = np.stack([hypothetical_moves(scenario, UNIVERSE) for scenario in HYPOTHETICALS[:4]])
    np.testing.assert_allclose(stress_pnl(moves, [[100.0], [50.0], [-20.0]])[:, 0], [-13.0, -26.0, -52.0, 13.0])
