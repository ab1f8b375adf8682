"""Returns and alignment: values by hand, and what is refused."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from lakehouse.risk import (
    DuplicatePrice,
    InsufficientHistory,
    InvalidPrice,
    NonFinite,
    ShapeMismatch,
    align,
    log_returns,
    overlapping_sums,
    portfolio_pnl,
    simple_returns,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.returns import comparable, unbroken


def test_returns_by_hand() -> None:
    prices = np.array([[100.0, 50.0], [110.0, 40.0], [99.0, 40.0]])
    np.testing.assert_allclose(simple_returns(prices), [[0.1, -0.2], [-0.1, 0.0]], rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(log_returns(prices), np.log([[1.1, 0.8], [0.9, 1.0]]), rtol=1e-14)


@pytest.mark.parametrize("measure", [simple_returns, log_returns])
def test_bad_prices_are_refused(measure: Callable[[npt.ArrayLike], FloatArray]) -> None:
    with pytest.raises(InsufficientHistory) as short:
        measure(np.ones((1, 3)))
    assert (short.value.observations, short.value.required) == (1, 2)
    with pytest.raises(NonFinite) as holes:
        measure([[1.0, 2.0], [1.0, np.nan]])
    assert (holes.value.count, holes.value.first) == (1, (1, 1))
    with pytest.raises(InvalidPrice, match="row 1, column 0"):
        measure([[1.0, 2.0], [0.0, 2.0]])
    with pytest.raises(ShapeMismatch):
        measure([1.0, 2.0])


def test_align_keeps_the_dates_that_all_have() -> None:
    aligned = align(
        symbols=["B", "A", "A", "B", "A", "B"],
        dates=["2022-01-05", "2022-01-03", "2022-01-04", "2022-01-03", "2022-01-05", "2022-01-06"],
        prices=[12.0, 1.0, 2.0, 10.0, 3.0, 13.0],
    )
    assert aligned.symbols == ("A", "B")
    assert [str(day) for day in aligned.dates] == ["2022-01-03", "2022-01-05"]
    np.testing.assert_array_equal(aligned.prices, [[1.0, 10.0], [3.0, 12.0]])
    assert aligned.dropped == 2


def test_align_refuses() -> None:
    with pytest.raises(DuplicatePrice, match="A has more than one price on 2022-01-03"):
        align(symbols=["A", "A"], dates=["2022-01-03"] * 2, prices=[1.0, 2.0])
    with pytest.raises(InsufficientHistory) as short:
        align(symbols=["A", "B"], dates=["2022-01-03", "2022-01-04"], prices=[1.0, 2.0])
    assert short.value.observations == 0
    with pytest.raises(InsufficientHistory):
        align(symbols=[], dates=[], prices=[])
    with pytest.raises(ShapeMismatch):
        align(symbols=["A"], dates=["2022-01-03", "2022-01-04"], prices=[1.0, 2.0])
    with pytest.raises(NonFinite):
        align(symbols=["A", "A"], dates=["2022-01-03", "2022-01-04"], prices=[1.0, np.nan])
    with pytest.raises(InvalidPrice):
        align(symbols=["A", "A"], dates=["2022-01-03", "2022-01-04"], prices=[1.0, -2.0])


def test_portfolio_pnl_by_hand() -> None:
    pnl = portfolio_pnl([[0.01, -0.02], [0.0, 0.03]], [[1000.0, 0.0], [500.0, -200.0]])
    np.testing.assert_allclose(pnl, [[0.0, 4.0], [15.0, -6.0]], atol=1e-12)
    with pytest.raises(ShapeMismatch, match="2 instruments in returns, 3 in exposures"):
        portfolio_pnl([[0.01, -0.02]], np.ones((3, 1)))
    with pytest.raises(NonFinite, match="exposures"):
        portfolio_pnl([[0.01]], [[np.inf]])


def test_overlapping_sums() -> None:
    np.testing.assert_array_equal(overlapping_sums([[1.0], [2.0], [4.0], [8.0]], horizon_days=3), [[7.0], [14.0]])
    with pytest.raises(InsufficientHistory):
        overlapping_sums([[1.0], [2.0]], horizon_days=3)


class TestComparable:
    DAYS = ("2022-12-21", "2022-12-22", "2022-12-23", "2022-12-27")
    BEFORE = ("2022-12-20", *DAYS[:-1])

    def of(self, prices: list[float], returns: list[float], before: tuple[str, ...] = BEFORE) -> list[float]:
        names = ["A"] * len(prices)
        found = comparable(symbols=names, dates=self.DAYS, previous=before, prices=prices, returns=returns)
        return list(map(float, found))

    def test_prices_without_an_event_keep_every_bit(self) -> None:
        prices = [10.1, 10.3, 9.7, 9.9]
        assert self.of(prices, [0.0, 10.3 / 10.1 - 1, 9.7 / 10.3 - 1, 9.9 / 9.7 - 1]) == prices

    def test_a_split_and_a_dividend_are_no_loss(self) -> None:
        # Two for one before the 23rd; 1.00 a unit before the 27th, whose return counts it.
        found = self.of([100.0, 110.0, 55.0, 54.0], [0.0, 0.1, 0.0, 54.0 / 54.0 - 1])
        np.testing.assert_allclose(found, [49.0909090909, 54.0, 54.0, 54.0])

    def test_a_return_from_another_day_says_nothing(self) -> None:
        before = (*self.BEFORE[:2], "2022-12-01", self.BEFORE[3])
        assert self.of([100.0, 110.0, 55.0, 55.0], [0.0, 0.1, 0.0, 0.0], before) == [100.0, 110.0, 55.0, 55.0]

    def test_rows_may_come_in_any_order_and_symbols_do_not_meet(self) -> None:
        order = [3, 0, 2, 1, 5, 4]
        rows = [
            ("A", 0, 100.0, 0.0),
            ("A", 1, 50.0, 0.0),
            ("A", 2, 50.0, 0.0),
            ("B", 0, 7.0, 0.0),
            ("B", 1, 7.0, 0.0),
            ("B", 2, 14.0, 1.0),
        ]
        mixed = [rows[place] for place in order]
        found = comparable(
            symbols=[row[0] for row in mixed],
            dates=[self.DAYS[row[1]] for row in mixed],
            previous=[self.BEFORE[row[1]] for row in mixed],
            prices=[row[2] for row in mixed],
            returns=[row[3] for row in mixed],
        )
        assert dict(zip(order, found.tolist(), strict=True)) == {0: 50.0, 1: 50.0, 2: 50.0, 3: 7.0, 4: 7.0, 5: 14.0}

    def test_lists_of_different_lengths_are_refused(self) -> None:
        with pytest.raises(ShapeMismatch):
            comparable(symbols=["A"], dates=self.DAYS, previous=self.BEFORE, prices=[1.0], returns=[0.0])


class TestUnbroken:
    def test_a_series_that_begins_anew_is_its_newest_part(self) -> None:
        """Two years without a price: what was before them says nothing of what comes after."""
        days = ["2015-12-30", "2015-12-31", "2018-01-03", "2018-01-04"]
        before = ["2015-12-29", "2015-12-30", "2018-01-02", "2018-01-03"]
        found = unbroken(symbols=["AAA"] * 4, dates=days, previous=before)
        assert found.tolist() == [False, False, True, True]

    def test_rows_may_come_in_any_order_and_symbols_do_not_meet(self) -> None:
        rows = [
            ("BBB", "2022-12-28", "2022-12-27"),
            ("AAA", "2022-12-28", "2022-12-01"),
            ("BBB", "2022-12-27", "2022-12-23"),
            ("AAA", "2022-12-27", "2022-12-23"),
        ]
        symbols, days, before = (list(column) for column in zip(*rows, strict=True))
        assert unbroken(symbols=symbols, dates=days, previous=before).tolist() == [True, True, True, False]

    def test_nothing_is_nothing_and_lists_of_different_lengths_are_refused(self) -> None:
        assert unbroken(symbols=[], dates=[], previous=[]).tolist() == []
        with pytest.raises(ShapeMismatch, match="2 symbols"):
            unbroken(symbols=["A", "B"], dates=["2022-12-28"], previous=["2022-12-27"])
