"""The risk job's pure parts: money, the book, the pieces of work, the rows."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.gold import PORTFOLIO_RISK, VAR_BACKTEST
from lakehouse.contracts.tables.silver import POSITIONS
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cube import Groups, exposures_on_grid, normal_scenarios, scenario_pnl
from lakehouse.risk.methods import BATCH_METHODS, Method
from lakehouse.risk.var import historical_var
from spark_jobs.var_batch import simulation
from spark_jobs.var_batch.book import (
    Book,
    CurrencyMismatchError,
    HistoryTooShortError,
    NoHoldingsError,
    PriceMissingError,
    assemble,
)
from spark_jobs.var_batch.measure import measure
from spark_jobs.var_batch.parameters import Parameters, parse
from spark_jobs.var_batch.rows import backtest_rows, risk_rows
from spark_jobs.var_batch.simulation import Forecasts, Simulated, forecast, simulate
from spark_jobs.var_batch.valuation import decimal_column, exact_value, to_cents
from tests.factories.market import random_book

DAY = date(2022, 12, 28)
SMALL = Parameters(window_days=120, backtest_days=20, scenarios=300, block_rows=128)


def holdings(*lines: tuple[str, str, str, str]) -> pa.Table:
    names = ("portfolio_id", "portfolio_name", "base_currency", "symbol", "quantity")
    fields = [schema(POSITIONS).field(name) for name in names]
    rows = [(f"id-{name}", name, currency, symbol, Decimal(quantity)) for name, currency, symbol, quantity in lines]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], pa.schema(fields))


def closes(prices: dict[str, list[str]], currency: str = "USD") -> pa.Table:
    rows = [
        {"symbol": s, "business_date": DAY - timedelta(days=len(p) - 1 - n), "currency": currency, "close": Decimal(v)}
        for s, p in prices.items()
        for n, v in enumerate(p)
    ]
    types = [("symbol", pa.string()), ("business_date", pa.date32()), ("currency", pa.string())]
    return pa.Table.from_pylist(rows, pa.schema([*types, ("close", pa.decimal128(18, 8))]))


class TestMoney:
    def test_values_are_exact_and_rounded_once_half_to_even(self) -> None:
        assert exact_value([(Decimal("0.5"), Decimal("0.01"))]) == Decimal("0.00")
        assert exact_value([(Decimal("0.5"), Decimal("0.01")), (Decimal("1"), Decimal("0.01"))]) == Decimal("0.02")
        big, tiny = Decimal("12345678901234567890.12345678"), Decimal("0.00000001")
        assert exact_value([(big, Decimal(1)), (tiny, Decimal("12345678"))]) == Decimal("12345678901234567890.25")

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

    def test_a_date_that_one_name_lacks_is_dropped_for_all_before_returns_are_taken(self) -> None:
        prices = closes({"A": ["1", "2", "4", "8"], "B": ["1", "1", "1", "1"]})
        gap = prices.filter(
            pa.array(
                [not (r["symbol"] == "B" and r["business_date"] == DAY - timedelta(days=1)) for r in prices.to_pylist()]
            )
        )
        book = assemble(holdings(("P", "USD", "A", "1"), ("P", "USD", "B", "1")), gap, DAY, 2)
        np.testing.assert_allclose(book.returns[:, 0], [1.0, 3.0])
        assert book.dropped == 1

    @pytest.mark.parametrize(
        ("line", "closes_of_a", "error", "words"),
        [
            (("P", "USD", "Z", "1"), 3, PriceMissingError, "Z held but without a close on 2022-12-28"),
            (("P", "EUR", "A", "1"), 3, CurrencyMismatchError, "P reports in EUR but holds A, priced in USD"),
            (("P", "USD", "A", "1"), 2, HistoryTooShortError, "3 closes .*A has 2, 2022-12-27 to 2022-12-28"),
        ],
    )
    def test_what_is_doubtful_is_refused_by_name(
        self, line: tuple[str, str, str, str], closes_of_a: int, error: type[Exception], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            assemble(holdings(line), closes({"A": ["1", "2", "3"][:closes_of_a]}), DAY, 2)

    def test_nothing_held_is_an_error_and_not_a_value_of_zero(self) -> None:
        with pytest.raises(NoHoldingsError, match="holds no position as of 2022-12-28"):
            assemble(holdings(), closes({"A": ["1", "2", "3"]}), DAY, 2)


def simulated(book: Book, chosen: Parameters) -> Simulated:
    """What the workers do, in this process."""
    return simulate(None, book, chosen)


def assert_same(one: Forecasts, other: Forecasts) -> None:
    for name in ("var", "es", "component_var", "component_es"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


class TestWork:
    def test_forecasts_are_the_var_of_that_day_s_scenarios(self) -> None:
        book = random_book(returns=140)
        found = simulated(book, SMALL)
        exposures = exposures_on_grid(book.exposures.T)
        for number, day in enumerate(book.dates[-21:-1]):
            window = book.returns[number : number + 120]
            pnl = scenario_pnl(normal_scenarios(window, SMALL.simulation(day.toordinal())), exposures)
            for level in SMALL.levels:
                expected = historical_var(pnl.T, confidence=level)
                np.testing.assert_array_equal(found.forecasts[level].var[number], expected)

    def test_slabs_change_no_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        book = random_book(returns=140)
        whole = simulated(book, SMALL)
        monkeypatch.setattr(simulation, "SLAB_PORTFOLIOS", 2)
        parts = simulated(book, SMALL)
        for level in SMALL.levels:
            assert_same(whole.forecasts[level], parts.forecasts[level])

    def test_components_of_every_day_add_up(self) -> None:
        book = random_book(returns=140)
        groups = Groups(("first", "rest"), np.minimum(np.arange(len(book.symbols)), 1))
        for level, found in forecast(None, book, SMALL, groups=groups).items():
            assert found.component_es.shape == (20, len(book.portfolios), 2)
            np.testing.assert_allclose(found.component_es.sum(axis=2), found.es, rtol=1e-9)
            np.testing.assert_allclose(found.component_var.sum(axis=2), found.var, rtol=1e-9)
            np.testing.assert_array_equal(found.var, forecast(None, book, SMALL)[level].var)

    def test_parameters_survive_their_manifest(self) -> None:
        assert parse(SMALL.document()) == SMALL


class TestRows:
    def rows(self, book: Book) -> tuple[pa.Table, pa.Table]:
        found = tuple(measure(book, simulated(book, SMALL), SMALL))
        return risk_rows(book, found, DAY, "r"), backtest_rows(book, found, DAY, "r")

    def test_the_tables_are_the_contracts_and_agree_with_each_other(self) -> None:
        risk, backtest = self.rows(random_book(returns=140))
        assert risk.schema.equals(schema(PORTFOLIO_RISK))
        assert backtest.schema.equals(schema(VAR_BACKTEST))
        assert (risk.num_rows, backtest.num_rows) == (3 * 4 * 2, 3 * 4 * 2 * 20)
        tests = backtest.to_pylist()
        for row in risk.to_pylist():
            assert row["es_base"] >= row["var_base"]
            mine = [t for t in tests if all(t[k] == row[k] for k in ("portfolio_id", "method", "confidence"))]
            assert row["breaches"] == sum(t["pnl_base"] < -t["var_base"] for t in mine)
            assert all(t["is_breach"] == (t["pnl_base"] < -t["var_base"]) for t in mine)

    def test_a_portfolio_out_of_cornish_fisher_s_domain_has_no_row_by_it(self) -> None:
        risk, backtest = self.rows(jumpy(random_book(returns=140)))
        for rows in (risk.to_pylist(), backtest.to_pylist()):
            by_method = {row["method"] for row in rows if row["portfolio_id"] == "p0"}
            assert by_method == {str(m) for m in BATCH_METHODS if m is not Method.CORNISH_FISHER}


def jumpy(book: Book) -> Book:
    """The first portfolio holds one instrument that falls by half once, in every window, and hardly moves else."""
    returns: FloatArray = book.returns.copy()
    returns[:, 0] *= 1e-3
    returns[70, 0] = -0.5
    exposures = book.exposures.copy()
    exposures[:, 0] = 0.0
    exposures[0, 0] = 1_000_000.0
    return Book(book.portfolios, book.symbols, book.dates, returns, exposures, book.values, 0)
