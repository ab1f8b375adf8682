"""Time-weighted and money-weighted returns against examples worked by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from lakehouse.portfolio.returns import Cut, NoReturn, time_weighted
from lakehouse.portfolio.xirr import NoRate, Payment, xirr

START = date(2020, 12, 31)


def day(after: int) -> date:
    return START + timedelta(days=after)


class TestTimeWeighted:
    def test_a_deposit_in_the_middle_does_not_count_as_gain(self) -> None:
        # 1,000.00 grows to 1,100.00 (10 %); 900.00 come in; 2,000.00 fall to 1,900.00 (-5 %): 1.10 * 0.95 - 1.
        cuts = [Cut(day(0), 0, 0, 100_000), Cut(day(100), 110_000, 0, 90_000), Cut(day(200), 190_000)]
        assert time_weighted(cuts).total == Decimal("0.045")

    def test_a_withdrawal_counts_until_the_end_of_its_day(self) -> None:
        # 1,000.00 grow to 1,200.00, all of which leaves: 20 %, and then nothing is invested.
        cuts = [Cut(day(0), 0, 0, 100_000), Cut(day(10), 0, 120_000), Cut(day(20), 0)]
        found = time_weighted(cuts)
        assert found.total == Decimal("0.2")
        assert [period.growth for period in found.periods] == [Decimal("1.2"), 1]

    def test_a_year_is_annualised_and_less_is_not(self) -> None:
        cuts = [Cut(day(0), 100_000), Cut(day(730), 121_000)]
        found = time_weighted(cuts)
        assert found.annualised is not None
        assert round(found.annualised, 12) == Decimal("0.1")
        assert time_weighted([Cut(day(0), 100_000), Cut(day(364), 121_000)]).annualised is None

    def test_one_unknown_value_makes_the_whole_unknown(self) -> None:
        cuts = [Cut(day(0), 100_000), Cut(day(1), None), Cut(day(2), 121_000)]
        found = time_weighted(cuts)
        assert (found.total, found.reason) == (None, NoReturn.VALUE_UNKNOWN)
        assert [period.growth for period in found.periods] == [None, None]

    def test_debt_has_no_return(self) -> None:
        found = time_weighted([Cut(day(0), -100), Cut(day(1), 50)])
        assert (found.total, found.reason) == (None, NoReturn.NOTHING_INVESTED)

    def test_nothing_at_all_has_no_return_rather_than_zero(self) -> None:
        found = time_weighted([Cut(day(0), 0), Cut(day(1), 0)])
        assert (found.total, found.reason) == (None, NoReturn.NOTHING_INVESTED)

    def test_more_than_everything_can_be_lost(self) -> None:
        found = time_weighted([Cut(day(0), 100), Cut(day(800), -50)])
        assert (found.total, found.annualised) == (Decimal("-1.5"), None)


class TestMoneyWeighted:
    def test_the_example_of_spreadsheets(self) -> None:
        # The worked example of the XIRR function's public documentation: 37.34 %.
        paid = [
            Payment(date(2008, 1, 1), -10_000),
            Payment(date(2008, 3, 1), 2_750),
            Payment(date(2008, 10, 30), 4_250),
            Payment(date(2009, 2, 15), 3_250),
            Payment(date(2009, 4, 1), 2_750),
        ]
        assert xirr(paid).rate == pytest.approx(0.373362535, abs=1e-8)

    def test_one_year_is_the_simple_return(self) -> None:
        found = xirr([Payment(day(0), -100), Payment(day(365), 110)])
        assert found.rate == pytest.approx(0.1, abs=1e-12)
        assert found.period == pytest.approx(0.1, abs=1e-12)

    def test_two_rates_are_told_and_none_is_chosen(self) -> None:
        # -100 + 230/(1+r) - 132/(1+r)^2 = 0 at 10 % and at 20 %.
        found = xirr([Payment(day(0), -100), Payment(day(365), 230), Payment(day(730), -132)])
        assert (found.rate, found.reason) == (None, NoRate.MANY_ROOTS)
        assert found.roots == pytest.approx((0.1, 0.2), abs=1e-9)

    @pytest.mark.parametrize(
        ("payments", "reason"),
        [
            ([], NoRate.NO_FLOWS),
            ([Payment(day(0), 0.0), Payment(day(9), 0.0)], NoRate.NO_FLOWS),
            ([Payment(day(0), -100), Payment(day(0), 110)], NoRate.ONE_DAY),
            ([Payment(day(0), -100), Payment(day(1), -1)], NoRate.ONE_SIGN),
            # -100 + 150/(1+r) - 100/(1+r)^2 has no real root.
            ([Payment(day(0), -100), Payment(day(365), 150), Payment(day(730), -100)], NoRate.NO_ROOT),
        ],
    )
    def test_no_rate_is_explained(self, payments: list[Payment], reason: NoRate) -> None:
        found = xirr(payments)
        assert (found.rate, found.period, found.reason) == (None, None, reason)

    def test_a_total_loss_within_a_day_is_beyond_the_range(self) -> None:
        assert xirr([Payment(day(0), -1e6), Payment(day(1), 1e-3)]).reason is NoRate.NO_ROOT
