"""The risk job's book: money, holdings and closes as matrices, and who is left unmeasured."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from spark_jobs.kit.holdings import Copied, Unmeasured, valued
from spark_jobs.var_batch.book import NoHoldingsError, NothingMeasurableError, assemble
from spark_jobs.var_batch.metrics import beside
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.valuation import decimal_column, to_cents
from tests.factories.market import DAY, closes, holdings

SMALL = Parameters(window_days=120, backtest_days=20, scenarios=300, block_rows=128)


class TestMoney:
    def test_values_are_exact_and_rounded_once_half_to_even(self) -> None:
        price = {"A": Decimal("0.01"), "B": Decimal("0.01"), "C": Decimal(1), "D": Decimal("12345678")}

        def value(**units: str) -> Decimal | None:
            copy = Copied("p", "P", "USD", {symbol: Decimal(text) for symbol, text in units.items()})
            (holder,) = valued([copy], lambda _, symbol, held: held * price[symbol]).holders
            return holder.value

        assert value(A="0.5") == Decimal("0.00")
        assert value(A="0.5", B="1") == Decimal("0.02")
        assert value(C="12345678901234567890.12345678", D="0.00000001") == Decimal("12345678901234567890.25")

    def test_a_portfolio_tells_what_it_lacks_and_keeps_no_other_from_its_value(self) -> None:
        def worth(_: Any, symbol: str, units: Decimal) -> Decimal:
            if symbol.startswith("Z"):
                raise Unmeasured(f"{symbol} is missing")
            return units

        copies = [Copied("p", "P", "USD", {"A": Decimal(1), **{f"Z{n}": Decimal(1) for n in range(5)}}),
                  Copied("q", "Q", "USD", {"A": Decimal(2)})]  # fmt: skip
        held = valued(copies, worth)
        assert (held.symbols, held.exposures.tolist()) == (("A",), [[0.0, 2.0]])
        assert held.holders[0].value is None
        assert held.holders[0].reason == "Z0 is missing; Z1 is missing; Z2 is missing; and 2 more holdings"

    @given(st.lists(st.integers(min_value=-(2**62), max_value=2**62)))
    def test_a_column_of_cents_is_the_decimals(self, cents: list[int]) -> None:
        found = decimal_column(np.array(cents, dtype=np.int64))
        assert found.to_pylist() == [Decimal(cent).scaleb(-2) for cent in cents]
        found.validate(full=True)

    def test_floats_round_half_to_even(self) -> None:
        assert to_cents(np.array([0.125, 0.375, -0.125, 1.0])).tolist() == [12, 38, -12, 100]


class TestBook:
    def test_exposures_values_and_returns(self) -> None:
        held = holdings(("P", "USD", "B", "2"), ("P", "USD", "A", "-1.5"), ("Q", "USD", "A", "1"))
        book = assemble(held, closes({"A": ["1", "10", "11"], "B": ["5", "4", "6"]}), DAY, 2)
        assert book.symbols == ("A", "B")
        assert [p.name for p in book.portfolios] == ["P", "Q"]
        assert book.values == (Decimal("-4.50"), Decimal("11.00"))
        np.testing.assert_array_equal(book.exposures, [[-16.5, 11.0], [12.0, 0.0]])
        np.testing.assert_allclose(book.returns, [[9.0, -0.2], [0.1, 0.5]])
        assert book.dates == (DAY - timedelta(days=1), DAY)

    def test_a_contract_is_worth_its_multiplier(self) -> None:
        told = replace(SMALL, multipliers={"B": "100.00000000"})
        held = holdings(("P", "USD", "B", "-2"), ("P", "USD", "A", "1"))
        prices = closes({"A": ["1", "10", "11"], "B": ["5", "4", "6.00000001"]})
        book = assemble(held, prices, DAY, 2, multiplier=told.multiplier)
        np.testing.assert_array_equal(book.exposures, [[11.0], [-1200.000002]])
        assert book.values == (Decimal("-1189.00"),)
        traded = {"symbol": "B", "business_date": DAY, "close": Decimal(6), "volume": 50}
        around = beside(book, pa.Table.from_pylist([traded]), {}, told)
        np.testing.assert_array_equal(around.traded, [np.nan, 30_000.0])

    def test_a_split_is_no_loss(self) -> None:
        rows = closes({"A": ["9", "10", "5"]})
        split = rows.set_column(rows.schema.get_field_index("simple_return"), "simple_return", [[0.0, 1 / 9, 0.0]])
        book = assemble(holdings(("P", "USD", "A", "2")), split, DAY, 2)
        np.testing.assert_allclose(book.returns[:, 0], [1 / 9, 0.0])
        assert book.values == (Decimal("10.00"),)

    def test_a_date_that_one_name_lacks_is_dropped_for_all_before_returns_are_taken(self) -> None:
        prices = closes({"A": ["1", "2", "4", "8"], "B": ["1", "1", "1", "1"]})
        missing = DAY - timedelta(days=1)
        gap = [row for row in prices.to_pylist() if (row["symbol"], row["business_date"]) != ("B", missing)]
        gap[-1]["previous_date"] = missing - timedelta(days=1)  # the return of B's last close is over two days
        table = pa.Table.from_pylist(gap, prices.schema)
        book = assemble(holdings(("P", "USD", "A", "1"), ("P", "USD", "B", "1")), table, DAY, 2)
        np.testing.assert_allclose(book.returns[:, 0], [1.0, 3.0])
        assert book.dropped == 1

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            (("Q", "USD", "Z", "1"), "Z has no close of 2022-12-28: ingest the bar"),
            (("Q", "EUR", "A", "1"), "there is no rate of USD to EUR of 2022-12-28, nor of the 7 days before: put it"),
            (("Q", "USD", "N", "1"), "N has 2 closes, 2022-12-27 to 2022-12-28, and 3 are needed: ingest a longer"),
        ],
    )
    def test_what_is_doubtful_is_unmeasured_by_name_and_the_others_are_measured(
        self, line: tuple[str, str, str, str], words: str
    ) -> None:
        prices = closes({"A": ["1", "2", "3"], "N": ["1", "2"]})
        book = assemble(holdings(line, ("P", "USD", "A", "1")), prices, DAY, 2)
        alone = assemble(holdings(("P", "USD", "A", "1")), closes({"A": ["1", "2", "3"]}), DAY, 2)
        assert [each.name for each in book.unmeasured] == ["Q"]
        assert book.unmeasured[0].reason.startswith(words)
        assert (book.symbols, book.values, book.dates) == (alone.symbols, alone.values, alone.dates)
        np.testing.assert_array_equal(book.returns, alone.returns)
        np.testing.assert_array_equal(book.exposures, alone.exposures)

    def test_a_name_without_days_in_common_unmeasures_its_holders_alone(self) -> None:
        """W trades every fourth day, a hundred times, and so has more closes than the others in all."""
        prices = closes({"A": [str(10 + n) for n in range(40)], "B": [str(50 - n) for n in range(40)]})
        rare = closes({"W": [str(5 + n) for n in range(400)]}).to_pylist()[3::4]
        for before, row in pairwise(rare):
            row["previous_date"] = before["business_date"]
        held = holdings(("P", "USD", "A", "1"), ("Q", "USD", "B", "1"), ("Q", "USD", "W", "1"), ("R", "USD", "B", "2"))
        table = pa.concat_tables([prices, pa.Table.from_pylist(rare, prices.schema)])
        book = assemble(held, table, DAY, 30)
        assert [each.name for each in book.portfolios] == ["P", "R"]
        assert (len(book.dates), book.dropped) == (30, 0)
        (without,) = book.unmeasured
        assert (without.name, without.value, without.exposures) == ("Q", None, {})
        assert without.reason.startswith("W has closes on 10 of the 40 days that most holdings have: with it 10 dates")
        assert "31 are needed" in without.reason
        with pytest.raises(NothingMeasurableError, match="W has closes on 10 of the 40 days"):
            assemble(holdings(("Q", "USD", "A", "1"), ("Q", "USD", "B", "1"), ("Q", "USD", "W", "1")), table, DAY, 30)

    def test_a_day_without_any_price_is_an_error_of_the_run(self) -> None:
        held = holdings(("P", "USD", "Z", "1"), ("Q", "USD", "Y", "1"))
        with pytest.raises(NothingMeasurableError, match=r"none of 2 portfolios .* as of 2022-12-28: Z has no close"):
            assemble(held, closes({"A": ["1", "2", "3"]}), DAY, 2)

    def test_nothing_held_is_an_error_and_not_a_value_of_zero(self) -> None:
        with pytest.raises(NoHoldingsError, match="holds no position as of 2022-12-28"):
            assemble(holdings(), closes({"A": ["1", "2", "3"]}), DAY, 2)
