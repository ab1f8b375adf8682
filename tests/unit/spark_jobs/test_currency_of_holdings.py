"""Foreign holdings in risk and stress: returns of price and rate together, by line and by currency, and what lacks."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.domain.money import float_cents
from lakehouse.portfolio.fx import Quoted, Rates, line, pair_of, symbol_of
from lakehouse.risk.linear import portfolio_pnl
from lakehouse.risk.methods import Method, estimate
from lakehouse.risk.scenarios import Hypothetical, Shock, Target, Window
from serving.risk.history import Closes
from serving.risk.measuring import Ask, Holding, compute
from spark_jobs.kit.holdings import Copied, Unmeasured, valued
from spark_jobs.kit.rates import NO_RATES, rates_on
from spark_jobs.stress_explain.market import Close, TwoCloses
from spark_jobs.stress_explain.parameters import Scenarios
from spark_jobs.stress_explain.past import Past, Series
from spark_jobs.stress_explain.stress import stress_rows
from spark_jobs.var_batch.book import NothingMeasurableError, assemble
from spark_jobs.var_batch.components import component_table
from spark_jobs.var_batch.estimates import estimates, market
from spark_jobs.var_batch.parameters import Parameters
from tests.factories.market import DAY, closes, holdings

D = Decimal
CRASH = Window("crash", "Crash", DAY - timedelta(days=2), DAY, "made up")


def rates(*quoted: tuple[str, int, str]) -> Rates:
    """(pair, days before DAY, rate)."""
    return Rates(Quoted(pair[:3], pair[3:], DAY - timedelta(days=ago), D(rate)) for pair, ago, rate in quoted)


class TestLines:
    def test_a_line_names_its_pair_where_there_is_one(self) -> None:
        assert line("SAP", "USD", "USD") == "SAP"
        foreign = line("BRK.B", "EUR", "USD")
        assert (symbol_of(foreign), pair_of(foreign)) == ("BRK.B", ("EUR", "USD"))
        assert (symbol_of("SAP"), pair_of("SAP")) == ("SAP", None)

    def test_a_day_without_a_rate_has_the_newest_before_it_for_a_week(self) -> None:
        known = rates(("EURUSD", 7, "1.10"), ("EURUSD", 1, "1.20"))
        days = [DAY - timedelta(days=ago) for ago in (7, 2, 1, 0)]
        np.testing.assert_allclose(rates_on(known, ("EUR", "USD"), days), [1.1, 1.1, 1.2, 1.2])
        np.testing.assert_allclose(rates_on(known, ("USD", "EUR"), days[:1]), [1 / 1.1])
        with pytest.raises(Unmeasured, match=r"no rate of EUR to USD of 2022-12-20.*PUT /api/v1/fx-rates and run posi"):
            rates_on(known, ("EUR", "USD"), [DAY - timedelta(days=8)])


class TestBook:
    RATES = rates(("EURUSD", 2, "1.00"), ("EURUSD", 1, "1.10"), ("EURUSD", 0, "1.21"))

    def test_returns_compound_price_and_rate_and_values_are_in_base_currency(self) -> None:
        held = holdings(("P", "EUR", "A", "10"), ("Q", "USD", "A", "10"))
        book = assemble(held, closes({"A": ["100", "110", "99"]}), DAY, 2, rates=self.RATES)
        assert book.symbols == ("A", "A USD/EUR")
        np.testing.assert_allclose(book.returns[:, 0], [0.1, -0.1])
        np.testing.assert_allclose(book.returns[:, 1], [1.1 / 1.1 - 1, 0.9 / 1.1 - 1], atol=1e-15)
        assert book.values == (D("818.18"), D("990.00"))
        np.testing.assert_allclose(book.exposures, [[0.0, 990.0], [990 / 1.21, 0.0]])
        assert book.rates == {"A USD/EUR": pytest.approx(1 / 1.21)}

    def test_a_book_of_one_currency_has_the_same_bytes_with_rates_and_without(self) -> None:
        held, prices = holdings(("P", "USD", "A", "10")), closes({"A": ["100", "110", "99"]})
        one, other = assemble(held, prices, DAY, 2), assemble(held, prices, DAY, 2, rates=self.RATES)
        assert one.returns.tobytes() == other.returns.tobytes()
        assert (one.labels, one.values, one.rates) == (other.labels, other.values, {})

    def test_a_rate_that_lacks_in_the_past_unmeasures_its_holder_alone(self) -> None:
        held = holdings(("P", "EUR", "A", "10"), ("Q", "USD", "A", "10"))
        prices = closes({"A": [str(100 + n) for n in range(30)]})
        book = assemble(held, prices, DAY, 29, rates=rates(("EURUSD", 5, "1.1"), ("EURUSD", 0, "1.1")))
        assert [each.name for each in book.portfolios] == ["Q"]
        (without,) = book.unmeasured
        assert without.reason.startswith("there is no rate of USD to EUR of 2022-11-29, nor of the 7 days before: put")
        assert (without.value, without.exposures) == (None, {})
        with pytest.raises(NothingMeasurableError, match="no rate of USD to EUR"):
            assemble(holdings(("P", "EUR", "A", "10")), prices, DAY, 29, rates=NO_RATES)

    def test_components_by_currency_are_of_the_price_s_currency_and_sum_to_the_whole(self) -> None:
        random = np.random.default_rng(5)
        paths = {name: np.round(100 * np.exp(random.normal(0, 0.01, 141).cumsum()), 2) for name in "AB"}
        usd = closes({"A": [f"{price:.2f}" for price in paths["A"]]})
        eur = closes({"B": [f"{price:.2f}" for price in paths["B"]]}, currency="EUR")
        moved = np.round(1.1 * np.exp(random.normal(0, 0.005, 141).cumsum()), 6)
        known = rates(*(("EURUSD", 140 - n, str(rate)) for n, rate in enumerate(moved)))
        held = holdings(("P", "USD", "A", "10"), ("P", "USD", "B", "10"))
        small = Parameters(window_days=120, backtest_days=20, scenarios=300, block_rows=128, horizons=(1,))
        book = assemble(held, pa.concat_tables([usd, eur]), DAY, small.returns_needed, rates=known)
        today = market(book, book.returns @ book.exposures, small)
        found = component_table(today, tuple(estimates(today, small)), small, DAY, "run").to_pylist()
        one = [row for row in found if (row["method"], row["confidence"]) == (Method.HISTORICAL, D("0.99"))]
        by = {kind: [row for row in one if row["grouping"] == kind] for kind in ("currency", "instrument")}
        assert [row["group_name"] for row in by["currency"]] == ["EUR", "USD"]
        assert [row["group_name"] for row in by["instrument"]] == ["A", "B"]
        sums = {kind: sum(row["component_var_base"] for row in rows) for kind, rows in by.items()}
        assert sums["currency"] == sums["instrument"]
        assert sum(row["exposure_base"] for row in by["currency"]) == book.values[0]


def test_the_batch_and_the_api_measure_a_foreign_holding_alike() -> None:
    random = np.random.default_rng(9)
    prices = [D(f"{price:.2f}") for price in 100 * np.exp(random.normal(0, 0.01, 141).cumsum())]
    known = rates(*(("EURUSD", ago, f"{rate:.6f}") for ago, rate in enumerate(1.1 + random.normal(0, 0.01, 141))))
    table = closes({"A": [str(price) for price in prices]}, currency="EUR")
    book = assemble(holdings(("P", "USD", "A", "10")), table, DAY, 140, rates=known)
    batch = estimate(Method.HISTORICAL, portfolio_pnl(book.returns, book.exposures), confidence=D("0.95"))
    days = [DAY - timedelta(days=140 - n) for n in range(141)]
    ask = Ask(method=Method.HISTORICAL, confidence=D("0.95"), horizon_days=1, window_days=140)
    found = compute([Holding("A", "EUR", D(1), D(10))], {"A": Closes("A", days, prices)}, "USD", ask, rates=known)
    assert (found.value, found.value_at_risk) == (book.values[0], float_cents(float(batch.var[0])))
    assert found.expected_shortfall == float_cents(float(batch.es[0]))


class TestStress:
    SERIES = Series(
        np.array([DAY - timedelta(days=ago) for ago in (2, 1, 0)], dtype="datetime64[D]"),
        np.array([DAY - timedelta(days=ago) for ago in (3, 2, 1)], dtype="datetime64[D]"),
        np.array([0.0, -0.1, -0.1]),
    )
    RATES = rates(("EURUSD", 2, "1.00"), ("EURUSD", 1, "0.90"), ("EURUSD", 0, "0.90"))

    def told(self, known: Rates, *shocks: Shock) -> list[tuple[str, Decimal | None, str]]:
        close = {"A": Close(DAY, D(100), "EUR")}
        held = TwoCloses(None, DAY, {}, close, self.RATES, {})
        book = valued([Copied("p", "P", "USD", {"A": D(10)})], held.worth, held.line)
        made_up = (Hypothetical("made_up", "Made up", shocks),) if shocks else ()
        past = Past({"A": self.SERIES}, known)
        rows = stress_rows(book, past, Scenarios((CRASH,), made_up))
        return [(row["kind"], row.get("pnl_base"), row["reason"]) for row in rows]

    def test_a_crisis_moves_price_and_rate_and_a_shock_the_price_alone(self) -> None:
        shock = Shock(Target.SYMBOL, -0.5, "A")
        (crisis, lost, _), (_, shocked, _), _ = self.told(self.RATES, shock)
        assert (crisis, lost) == ("historical", D("-243.90"))  # 900 USD x (0.9 x 0.9 x 0.9 - 1)
        assert shocked == D("-450.00")

    def test_a_missing_rate_is_the_reason_with_pair_and_date(self) -> None:
        (_, lost, why), (_, reverse, _) = self.told(rates(("EURUSD", 0, "0.90")))
        assert (lost, reverse) == (None, None)
        assert why.startswith(f"there is no rate of EUR to USD of {date(2022, 12, 26)}")
