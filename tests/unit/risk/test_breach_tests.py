"""Tests of a VaR's record against published tables, and the records that trip careless formulas."""

import numpy as np
import pytest

from lakehouse.risk import InvalidParameter, ShapeMismatch, kupiec_pof
from lakehouse.risk.breach_tests import (
    LikelihoodRatio,
    Transitions,
    Zone,
    christoffersen_coverage,
    christoffersen_independence,
    first_breach,
    kupiec_tuff,
    traffic_light,
    transitions,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.var_backtest import Backtest

FIVE_PERCENT = 3.841  # of chi-squared(1)


def record(days: int, breaches: tuple[int, ...] = (), missing: tuple[int, ...] = ()) -> Backtest:
    """One portfolio; days count from 1."""
    pnl, var = np.zeros((days, 1)), np.ones((days, 1))
    pnl[[day - 1 for day in breaches]] = -2.0
    var[[day - 1 for day in missing]] = np.nan
    return Backtest(var, pnl, np.less(pnl, -var))


def counts(*numbers: int) -> Transitions:
    return Transitions(*(np.array([number]) for number in numbers))


@pytest.mark.parametrize(
    ("confidence", "accepted"),
    [
        # Kupiec (1995), table 5, as in Jorion (2007), table 6-2: breaches that do not reject at 5 %.
        # At 99 % and 255 days the table tells the upper end alone; without any breach the statistic is 5.1.
        (0.99, {255: (1, 6), 510: (2, 10), 1000: (5, 16)}),
        (0.975, {255: (3, 11), 510: (7, 20), 1000: (16, 35)}),
        (0.95, {255: (7, 20), 510: (17, 35), 1000: (38, 64)}),
        (0.925, {255: (12, 27), 510: (28, 50), 1000: (60, 91)}),
        (0.90, {255: (17, 35), 510: (39, 64), 1000: (82, 119)}),
    ],
)
def test_kupiecs_regions_of_the_share(confidence: float, accepted: dict[int, tuple[int, int]]) -> None:
    for days, region in accepted.items():
        tried = np.arange(days // 4)
        found = tried[kupiec_pof(tried, np.full(len(tried), days), confidence=confidence).statistic < FIVE_PERCENT]
        assert (found.min(), found.max()) == region


def test_kupiecs_region_of_the_first_failure() -> None:
    # Kupiec (1995): at p = 0.01 a first failure is in line with the model after day 6 and before day 439.
    fine = [
        day for day in range(1, 600) if kupiec_tuff(record(600, (day,)), confidence=0.99).statistic[0] < FIVE_PERCENT
    ]
    assert (fine[0], fine[-1]) == (7, 438)


def test_the_documented_first_failure() -> None:
    # MathWorks, documentation of varbacktest.tuff: first failure on day 58 of 1043 at 95 %: 1.7354, p 0.18773.
    found = kupiec_tuff(record(1043, (58, 900)), confidence=0.95)
    assert found.statistic[0] == pytest.approx(1.7354, abs=5e-5)
    assert found.p_value[0] == pytest.approx(0.18773, abs=5e-6)
    assert kupiec_tuff(record(10, (1,)), confidence=0.95).statistic[0] == pytest.approx(-2 * np.log(0.05))


def test_without_a_failure_the_wait_is_censored() -> None:
    found = kupiec_tuff(record(250), confidence=0.99)
    assert found.statistic[0] == pytest.approx(-2 * 250 * np.log(0.99))
    assert first_breach(record(250)).tolist() == [0]


def test_jorions_record_of_exceptions() -> None:
    # Jorion (2007), "Value at Risk", 3rd edition, table 6-5: 252 days at 95 %, 20 exceptions, 6 of them on the day
    # after one: LR 3.91 for coverage, 9.53 for independence, 13.44 together.
    independence = christoffersen_independence(counts(218, 14, 14, 6)).statistic[0]
    coverage = kupiec_pof([20], [252], confidence=0.95).statistic[0]
    assert independence == pytest.approx(9.53, abs=0.005)
    assert coverage == pytest.approx(3.91, abs=0.005)
    assert independence + coverage == pytest.approx(13.44, abs=0.01)


@pytest.mark.parametrize(
    "breaches", [(), (1,), (250,), (1, 250), (3, 4), tuple(range(1, 251)), tuple(range(1, 251, 2))]
)
def test_every_record_has_a_finite_statistic(breaches: tuple[int, ...]) -> None:
    held = record(250, breaches)
    tests: list[LikelihoodRatio] = [
        christoffersen_independence(transitions(held)),
        christoffersen_coverage(held, confidence=0.99),
        kupiec_tuff(held, confidence=0.99),
    ]
    for found in tests:
        assert np.isfinite(found.statistic).all()
        assert ((found.p_value >= 0) & (found.p_value <= 1)).all()
        assert (found.statistic >= 0).all()


def test_no_breach_shows_no_dependence() -> None:
    assert christoffersen_independence(transitions(record(250))).statistic[0] == 0.0
    assert christoffersen_independence(transitions(record(250))).p_value[0] == 1.0


def test_conditional_coverage_is_the_sum_on_two_degrees() -> None:
    held = record(250, (10, 11, 12, 200))
    found = christoffersen_coverage(held, confidence=0.99)
    share = kupiec_pof(held.breaches, held.forecasts, confidence=0.99).statistic
    assert found.statistic[0] == pytest.approx((share + christoffersen_independence(transitions(held)).statistic)[0])
    assert found.p_value[0] == pytest.approx(np.exp(-found.statistic[0] / 2))
    assert found.degrees == 2


def test_transitions_pair_neighbours_and_leave_out_days_without_a_forecast() -> None:
    found = transitions(record(6, (2, 3, 5)))
    assert [each.tolist() for each in (found.n00, found.n01, found.n10, found.n11)] == [[0], [2], [2], [1]]
    gap = transitions(record(6, (2, 5), missing=(3,)))
    assert [each.tolist() for each in (gap.n00, gap.n01, gap.n10, gap.n11)] == [[0], [2], [1], [0]]
    assert first_breach(record(6, (5,), missing=(1, 2))).tolist() == [3]


def test_the_basel_table() -> None:
    # Basel Committee (1996), tables 1 and 2: cumulative probability in per cent, zone and plus factor by exceptions
    # in 250 days at 99 %.
    table = {0: (8.11, 0), 1: (28.58, 0), 2: (54.32, 0), 3: (75.81, 0), 4: (89.22, 0), 5: (95.88, 0.40),
             6: (98.63, 0.50), 7: (99.60, 0.65), 8: (99.89, 0.75), 9: (99.97, 0.85), 10: (99.99, 1.0)}  # fmt: skip
    for breaches, (cumulative, plus) in table.items():
        found = traffic_light([breaches], [250], confidence=0.99)
        assert found.cumulative[0] * 100 == pytest.approx(cumulative, abs=0.0051)
        assert found.multiplier[0] == pytest.approx(3 + plus)
        zone = Zone.GREEN if breaches < 5 else Zone.YELLOW if breaches < 10 else Zone.RED
        assert found.zone[0] == zone


def test_zones_elsewhere_follow_the_general_rule() -> None:
    def zones(days: int, confidence: float) -> tuple[int, int]:
        tried = np.arange(days)
        found = traffic_light(tried, np.full(days, days), confidence=confidence)
        assert (np.diff(found.multiplier) >= 0).all()
        return int((found.zone == Zone.GREEN).sum()), int((found.zone != Zone.RED).sum())

    assert zones(250, 0.99) == (5, 10)
    # P(X <= x) of the binomial by its own table: first x at or above 95 % and at or above 99.99 %.
    assert zones(500, 0.99) == (9, 15)
    assert zones(250, 0.95) == (18, 27)


def test_the_general_multiplier_is_what_the_table_rounds() -> None:
    table = traffic_light(np.arange(5, 10), np.full(5, 250), confidence=0.99).multiplier
    general = traffic_light(np.arange(5, 10), np.full(5, 251), confidence=0.99).multiplier
    assert (np.abs(table - general) < 0.05).all()


def test_what_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        traffic_light([5], [4], confidence=0.99)
    with pytest.raises(ShapeMismatch):
        traffic_light([1, 2], [250], confidence=0.99)
    empty: FloatArray = np.full((3, 1), np.nan)
    nothing = Backtest(empty, np.zeros((3, 1)), np.zeros((3, 1), dtype=np.bool_))
    with pytest.raises(InvalidParameter, match="no forecast"):
        kupiec_tuff(nothing, confidence=0.99)
