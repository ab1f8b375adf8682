"""Regimes, smooth steps, bands, due dates and tax lots, against cases solved by hand."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from lakehouse.construction.model import ConstructionError
from lakehouse.construction.policy import Bands, Frequency, Pace, Policy, Taxes, outside, towards
from lakehouse.construction.regime import Regime, RegimeRule, read_regime
from lakehouse.construction.schedule import UnknownCalendar, next_due
from lakehouse.construction.taxes import TaxLot, cheapest, is_long_term, tax_due
from lakehouse.risk.checks import FloatArray, InsufficientHistory, InvalidParameter
from lakehouse.risk.returns import InvalidPrice

DAY = date(2022, 12, 28)


def path(daily: float, days: int, swing: float = 0.001) -> FloatArray:
    """Closes that grow by `daily`, up and down by `swing` in turn."""
    steps = daily + swing * np.where(np.arange(days) % 2, 1.0, -1.0)
    return np.asarray(100 * np.exp(np.cumsum(steps)), dtype=np.float64)


def test_a_calm_rise_is_a_bull_and_a_fall_a_bear() -> None:
    assert read_regime(path(0.001, 900)).regime is Regime.BULL
    fall = np.concatenate([path(0.001, 840), path(0.001, 840)[-1] * np.exp(np.cumsum(np.tile([-0.02, 0.004], 30)))])
    assert read_regime(fall).regime is Regime.BEAR


def test_a_flat_market_is_sideways() -> None:
    assert read_regime(path(0.0, 900)).regime is Regime.SIDEWAYS


def test_a_panic_is_a_bear_above_the_mean_too() -> None:
    wild = np.concatenate([path(0.001, 840), path(0.001, 840)[-1] * np.exp(np.cumsum(np.tile([0.05, -0.045], 30)))])
    found = read_regime(wild)
    assert found.trend > 1
    assert found.stress >= 2
    assert found.regime is Regime.BEAR


def test_a_regime_does_not_know_what_comes_after_its_day() -> None:
    closes = path(0.0005, 1000, 0.01)
    assert read_regime(closes[:800]) == read_regime(np.concatenate([closes[:800], closes[800:] * 0.2])[:800])


def test_a_regime_needs_its_history_and_positive_closes() -> None:
    with pytest.raises(InsufficientHistory):
        read_regime(path(0.0, RegimeRule().days_needed - 1))
    with pytest.raises(InvalidPrice):
        read_regime(np.zeros(300))


def test_a_step_is_on_the_straight_line_and_not_longer_than_allowed() -> None:
    before, target = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.5, 0.4])
    np.testing.assert_allclose(towards(before, target, Pace(rate=0.5)), [0.3, 0.5, 0.2])
    np.testing.assert_allclose(towards(before, target, Pace(max_step=0.2)), [0.4, 0.5, 0.1])
    np.testing.assert_array_equal(towards(before, target, Pace()), target)


def test_the_narrower_band_counts() -> None:
    # The 5/25 rule: 40 % may move by 5 points, 8 % by a quarter of itself, 2 points.
    target = np.array([0.4, 0.08])
    beyond = outside(np.array([0.46, 0.055]), target, Bands())
    np.testing.assert_allclose(beyond, [0.01, -0.005])
    assert not outside(np.array([0.44, 0.07]), target, Bands()).any()


@pytest.mark.parametrize(
    ("frequency", "after", "due"),
    [
        (Frequency.MONTHLY, date(2023, 1, 31), date(2023, 2, 28)),
        (Frequency.MONTHLY, date(2023, 2, 28), date(2023, 3, 31)),
        (Frequency.QUARTERLY, date(2023, 1, 31), date(2023, 5, 1)),  # 30 April 2023 is a Sunday
        (Frequency.BIANNUAL, date(2023, 1, 31), date(2023, 7, 31)),
        (Frequency.ANNUAL, date(2023, 1, 31), date(2024, 1, 31)),
        (Frequency.WEEKLY, date(2023, 7, 1), date(2023, 7, 5)),  # Tuesday is the 4th of July
        (Frequency.DAILY, date(2023, 7, 3), date(2023, 7, 5)),
    ],
)
def test_due_dates_are_sessions_counted_from_the_anchor(frequency: Frequency, after: date, due: date) -> None:
    assert next_due(date(2023, 1, 31), after, frequency) == due


def test_one_run_does_for_all_dates_that_were_missed() -> None:
    assert next_due(date(2012, 6, 1), DAY, Frequency.MONTHLY) == date(2023, 1, 3)


def test_an_unknown_exchange_is_refused() -> None:
    with pytest.raises(UnknownCalendar):
        next_due(DAY, DAY, Frequency.DAILY, "NOWHERE")


def lot(number: int, opened: date, quantity: str, cost: str) -> TaxLot:
    return TaxLot(UUID(int=number), opened, Decimal(quantity), Decimal(cost))


def test_losses_are_taken_first_then_the_gains_that_are_taxed_least() -> None:
    rates = Taxes(Decimal("0.37"), Decimal("0.20"))
    lots = [
        lot(1, date(2022, 6, 1), "10", "800"),  # short-term gain of 20 a unit: 7.40 of tax
        lot(2, date(2020, 6, 1), "10", "700"),  # long-term gain of 30 a unit: 6.00 of tax
        lot(3, date(2022, 3, 1), "10", "1200"),  # a loss of 20 a unit
    ]
    sale = cheapest(lots, Decimal(15), Decimal(100), on=DAY, rates=rates)
    assert sale.picks == ((UUID(int=3), Decimal(10)), (UUID(int=2), Decimal(5)))
    assert (sale.short_gain, sale.long_gain) == (Decimal("-200.00"), Decimal("150.00"))
    assert not sale.wash_sale
    assert tax_due(sale.short_gain, sale.long_gain, rates) == 0


def test_a_loss_with_units_bought_within_30_days_is_a_wash_sale() -> None:
    lots = [lot(1, date(2022, 3, 1), "10", "1200"), lot(2, date(2022, 12, 1), "10", "900")]
    assert cheapest(lots, Decimal(10), Decimal(100), on=DAY, rates=Taxes()).wash_sale
    older = [lots[0], lot(2, date(2022, 11, 27), "10", "900")]
    assert not cheapest(older, Decimal(10), Decimal(100), on=DAY, rates=Taxes()).wash_sale


@pytest.mark.parametrize(
    ("short", "long", "due"),
    [("100", "100", "57.00"), ("-50", "100", "10.00"), ("100", "-40", "22.20"), ("-10", "-10", "0.00")],
)
def test_losses_of_one_kind_are_set_off_against_gains_of_the_other(short: str, long: str, due: str) -> None:
    rates = Taxes(Decimal("0.37"), Decimal("0.20"))
    assert tax_due(Decimal(short), Decimal(long), rates) == Decimal(due)


def test_long_term_begins_after_the_day_a_year_later() -> None:
    assert not is_long_term(date(2021, 12, 28), DAY)
    assert is_long_term(date(2021, 12, 27), DAY)
    assert is_long_term(date(2020, 2, 29), date(2021, 3, 1))
    assert not is_long_term(date(2020, 2, 29), date(2021, 2, 28))


def test_more_than_the_lots_hold_is_refused() -> None:
    with pytest.raises(ConstructionError):
        cheapest([lot(1, DAY, "1", "1")], Decimal(2), Decimal(1), on=DAY, rates=Taxes())


def test_a_policy_without_an_aim_for_a_regime_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        Policy(aims={})
