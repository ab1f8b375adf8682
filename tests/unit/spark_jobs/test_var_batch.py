"""The risk job's pure parts: the pieces of work, the rows."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from lakehouse.contracts.jobs import VAR_BATCH
from lakehouse.contracts.render.arrow import schema
from lakehouse.risk.breach_tests import traffic_light
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.contributions import apportioned
from lakehouse.risk.cube import Groups, exposures_on_grid, normal_scenarios, scenario_pnl
from lakehouse.risk.linear import portfolio_pnl
from lakehouse.risk.methods import BATCH_METHODS, Method
from lakehouse.risk.monte_carlo import Labels
from lakehouse.risk.shortfall import historical_es, parametric_normal_es
from lakehouse.risk.simulated import SIMULATED
from lakehouse.risk.var import historical_var
from lakehouse.risk.var_backtest import kupiec_pof
from lakehouse.risk.vectors import total_pnl
from spark_jobs.kit.holdings import Holder
from spark_jobs.var_batch import simulation
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.estimates import market
from spark_jobs.var_batch.measure import measured
from spark_jobs.var_batch.metrics import Beside, beside
from spark_jobs.var_batch.parameters import Parameters, parse
from spark_jobs.var_batch.simulation import Forecasts, forecast
from spark_jobs.var_batch.vectors import outcomes
from tests.factories.market import DAY, random_book

SMALL = Parameters(window_days=120, backtest_days=20, scenarios=300, block_rows=128)


Found = dict[str, list[dict[str, Any]]]


def assert_same(one: Forecasts, other: Forecasts) -> None:
    for name in ("var", "es", "component_var", "component_es"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


class TestWork:
    def test_forecasts_are_the_var_of_that_day_s_scenarios(self) -> None:
        book = random_book(returns=140)
        found = forecast(None, book, SMALL)
        exposures = exposures_on_grid(book.exposures.T)
        for number in range(20):
            days = slice(number, number + 120)
            simulation = SMALL.simulation(Labels.of(book.symbols, book.dates[days]))
            pnl = scenario_pnl(normal_scenarios(book.returns[days], simulation), exposures)
            for level in SMALL.levels:
                expected = historical_var(pnl.T, confidence=level)
                np.testing.assert_array_equal(found[level].var[number], expected)

    def test_a_change_since_yesterday_is_of_the_market_and_not_of_the_draw(self) -> None:
        whole = random_book(returns=401, instruments=8)
        chosen = replace(SMALL, window_days=400, scenarios=4_000, horizons=(1,))
        exact, drawn = [], []
        for first in (0, 1):
            days = slice(first, first + 400)
            book = replace(whole, dates=whole.dates[days], returns=whole.returns[days])
            pnl = portfolio_pnl(book.returns, book.exposures)
            exact.append(parametric_normal_es(pnl, confidence=0.95))
            today = market(book, pnl, chosen)
            drawn.append([historical_es(today.simulated[method, 1].pnl.T, confidence=0.95) for method in SIMULATED])
        change = exact[1] / exact[0] - 1
        # The mean of 200 tail scenarios errs by some 2.5 % of itself: two draws would differ by 3.5 % for no reason.
        np.testing.assert_allclose(drawn[1][0] / drawn[0][0] - 1, change, atol=0.001)
        np.testing.assert_allclose(drawn[1][1] / drawn[0][1] - 1, change, atol=0.01)

    def test_slabs_change_no_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        book = random_book(returns=140)
        whole = forecast(None, book, SMALL)
        monkeypatch.setattr(simulation, "SLAB_PORTFOLIOS", 2)
        parts = forecast(None, book, SMALL)
        for level in SMALL.levels:
            assert_same(whole[level], parts[level])

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


def tables(book: Book, beside: Beside | None = None, chosen: Parameters = SMALL) -> dict[str, pa.Table]:
    around = beside or Beside(None, np.full(len(book.symbols), np.nan))
    return {table.short_name: rows for table, rows in measured(None, book, around, chosen, DAY, "r")}


@pytest.fixture(scope="module")
def found() -> Found:
    """Every table of a small book, as rows."""
    return {name: rows.to_pylist() for name, rows in tables(random_book(returns=140)).items()}


KINDS = len(BATCH_METHODS) * len(SMALL.levels)
KEY = ("portfolio_id", "method", "confidence")


class TestRows:
    def test_the_tables_are_the_contracts(self) -> None:
        made = measured(None, random_book(returns=140), Beside(None, np.full(5, np.nan)), SMALL, DAY, "r")
        assert sorted(table.name for table, _ in made) == sorted(VAR_BATCH.outputs)
        for table, rows in made:
            assert rows.schema.equals(schema(table))

    def test_every_method_is_there_at_every_confidence_and_horizon(self, found: Found) -> None:
        assert len(found["portfolio_risk_v1"]) == 3 * KINDS * len(SMALL.horizons)
        assert found["risk_unmeasured_v1"] == []
        lost = replace(random_book(returns=140), unmeasured=(Holder("q", "Q", "USD", None, {}, "Z has no close"),))
        made = {name: rows.to_pylist() for name, rows in tables(lost).items()}
        absent = made["risk_unmeasured_v1"]
        assert len(absent) == KINDS * len(SMALL.horizons)
        assert {(row["portfolio_id"], row["reason"]) for row in absent} == {("q", "Z has no close")}
        assert made["portfolio_risk_v1"] == found["portfolio_risk_v1"]
        assert all(row["es_base"] >= row["var_base"] for row in found["portfolio_risk_v1"])
        assert {row["horizon_days"] for row in found["portfolio_risk_v1"]} == {1, 10}
        assert all(f"horizon={row['horizon_days']}d" in row["convention"] for row in found["portfolio_risk_v1"])

    def test_breaches_follow_from_the_stored_amounts(self, found: Found) -> None:
        tests = found["var_backtest_v1"]
        assert len(tests) == 3 * KINDS * 20
        for row in found["portfolio_risk_v1"]:
            mine = [t for t in tests if all(t[k] == row[k] for k in KEY) and row["horizon_days"] == 1]
            assert row["backtest_days"] == len(mine)
            assert row["breaches"] == sum(t["pnl_base"] < -t["var_base"] for t in mine)
            assert all(t["is_breach"] == (t["pnl_base"] < -t["var_base"]) for t in mine)

    def test_a_portfolio_out_of_cornish_fisher_s_domain_has_no_row_by_it_and_the_reason_is_kept(self) -> None:
        made = {name: rows.to_pylist() for name, rows in tables(jumpy(random_book(returns=140))).items()}
        for name in ("portfolio_risk_v1", "var_backtest_v1", "var_backtest_tests_v1"):
            by_method = {row["method"] for row in made[name] if row["portfolio_id"] == "p0" and is_daily(row)}
            assert by_method == {str(m) for m in BATCH_METHODS if m is not Method.CORNISH_FISHER}
        absent = [row for row in made["risk_unmeasured_v1"] if row["horizon_days"] == 1]
        assert {row["method"] for row in absent} == {"cornish_fisher"}
        assert {row["confidence"] for row in absent if row["portfolio_id"] == "p0"} == set(SMALL.levels)
        assert all("outside the domain" in row["reason"] for row in absent)


def is_daily(row: dict[str, Any]) -> bool:
    return bool(row.get("horizon_days", 1) == 1)


class TestComponents:
    def test_they_sum_to_the_measure_to_the_cent_in_every_grouping(self, found: Found) -> None:
        risk = {tuple(row[k] for k in KEY): row for row in found["portfolio_risk_v1"] if is_daily(row)}
        sums: dict[tuple[Any, ...], list[Decimal]] = {}
        for row in found["component_risk_v1"]:
            total = sums.setdefault((*(row[k] for k in KEY), row["grouping"]), [Decimal(0)] * 3)
            for place, name in enumerate(("component_var_base", "component_es_base", "exposure_base")):
                total[place] += row[name]
        assert len(sums) == 3 * 5 * len(SMALL.levels) * 3
        for (*key, _), total in sums.items():
            whole = risk[tuple(key)]
            assert total == [whole["var_base"], whole["es_base"], whole["value_base"]]

    def test_without_everything_nothing_is_left(self, found: Found) -> None:
        whole = [row for row in found["component_risk_v1"] if row["grouping"] == "currency"]
        assert whole
        for row in whole:
            assert row["incremental_var_base"] == row["component_var_base"]
            assert row["incremental_es_base"] == row["component_es_base"]

    def test_a_marginal_is_the_component_of_a_unit(self, found: Found) -> None:
        for row in found["component_risk_v1"]:
            expected = row["marginal_es"] * float(row["exposure_base"])
            assert float(row["component_es_base"]) == pytest.approx(expected, abs=0.02)

    def test_a_sector_is_the_sum_of_its_instruments(self) -> None:
        chosen = replace(SMALL, sectors={"S0": "Energy", "S1": "Energy"}, confidences=("0.95",))
        rows = tables(random_book(returns=140), chosen=chosen)["component_risk_v1"].to_pylist()
        mine = [r for r in rows if (r["portfolio_id"], r["method"]) == ("p0", "historical")]
        by_name = {row["group_name"]: row["component_var_base"] for row in mine}
        assert {row["group_name"] for row in mine if row["grouping"] == "sector"} == {"Energy", "unclassified"}
        assert abs(by_name["Energy"] - by_name["S0"] - by_name["S1"]) <= Decimal("0.02")

    @given(
        st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30),
        st.integers(min_value=-5, max_value=5),
    )
    def test_apportioned_parts_sum_to_the_total_and_hardly_move(self, parts: list[float], gap: int) -> None:
        exact = np.array(parts)
        total = round(float(exact.sum()) * 100) + gap
        cents = apportioned(exact, total)
        assert int(cents.sum()) == total
        slack = 1.0 + abs(total - float((exact * 100.0).sum())) + 1e-3
        assert np.abs(cents - exact * 100.0).max() <= slack


class TestVerdicts:
    def test_they_are_those_of_the_risk_library(self, found: Found) -> None:
        assert len(found["var_backtest_tests_v1"]) == 3 * KINDS
        risk = {tuple(row[k] for k in KEY): row for row in found["portfolio_risk_v1"] if is_daily(row)}
        for row in found["var_backtest_tests_v1"]:
            whole = risk[tuple(row[k] for k in KEY)]
            assert (row["breaches"], row["forecasts"]) == (whole["breaches"], whole["backtest_days"])
            pof = kupiec_pof([row["breaches"]], [row["forecasts"]], confidence=row["confidence"])
            light = traffic_light([row["breaches"]], [row["forecasts"]], confidence=row["confidence"])
            assert row["pof_p_value"] == pof.p_value[0]
            assert (row["zone"], row["multiplier"]) == (light.zone[0], light.multiplier[0])
            assert (row["z1"] is None) == (row["breaches"] == 0)
            assert 0 <= row["z2_p_value"] <= 1

    def test_the_cadence_of_fits_is_told(self, found: Found) -> None:
        kept = {row["method"] for row in found["var_backtest_tests_v1"] if row["refit_days"] == SMALL.refit_days}
        assert kept == {"filtered_historical", "monte_carlo_t_copula"}


class TestScenarios:
    def test_a_total_is_the_sum_of_vectors_and_quantiles_come_last(self, found: Found) -> None:
        for name in ("historical", "monte_carlo_normal", "monte_carlo_t_copula"):
            rows = [row for row in found["scenario_pnl_v1"] if row["factor_set"] == name]
            assert {len(outcomes(row)) for row in rows} == {rows[0]["scenarios"]}
            for row in rows:
                var = historical_var(outcomes(row)[:, None], confidence=Decimal("0.99"))[0]
                told = {"portfolio_id": row["portfolio_id"], "method": name, "confidence": Decimal("0.99")}
                (risk,) = (
                    r for r in found["portfolio_risk_v1"] if is_daily(r) and {key: r[key] for key in KEY} == told
                )
                assert float(risk["var_base"]) == pytest.approx(var, abs=0.006)
        book = random_book(returns=140)
        whole = replace(book, exposures=book.exposures.sum(axis=1, keepdims=True), portfolios=book.portfolios[:1])
        (total,) = (
            row for row in tables(whole)["scenario_pnl_v1"].to_pylist() if row["factor_set"] == "monte_carlo_t_copula"
        )
        parts = [outcomes(r) for r in found["scenario_pnl_v1"] if r["factor_set"] == "monte_carlo_t_copula"]
        np.testing.assert_allclose(total_pnl([part[:, None] for part in parts])[:, 0], outcomes(total), atol=1e-2)

    def test_the_worst_are_the_lowest_of_the_vector(self, found: Found) -> None:
        for row in found["scenario_pnl_v1"]:
            pnl = outcomes(row)
            mine = [
                worst
                for worst in found["worst_scenarios_v1"]
                if (worst["portfolio_id"], worst["factor_set"]) == (row["portfolio_id"], row["factor_set"])
            ]
            assert [worst["place"] for worst in mine] == list(range(1, SMALL.worst + 1))
            assert [worst["scenario"] for worst in mine] == np.argsort(pnl, kind="stable")[: SMALL.worst].tolist()
            assert [float(worst["pnl_base"]) for worst in mine] == pytest.approx(np.sort(pnl)[: SMALL.worst], abs=0.006)
            assert (mine[0]["scenario_date"] is None) == (row["factor_set"] != "historical")


class TestMetrics:
    def test_without_benchmark_and_volumes_their_numbers_are_absent(self, found: Found) -> None:
        for row in found["portfolio_metrics_v1"]:
            assert row["benchmark"] is row["beta"] is row["liquidation_days"] is None
            assert row["effective_holdings"] == pytest.approx(1 / row["hhi"])
            assert row["max_drawdown"] >= 0 < row["volatility"]

    def test_a_portfolio_of_the_benchmark_has_beta_one(self) -> None:
        book = random_book(returns=140, portfolios=1)
        book.exposures[:] = 0.0
        book.exposures[2, 0] = 1_000.0
        own = book.returns[-SMALL.window_days :, [2]]
        around = Beside(own, np.array([1.0, 1.0, 500.0, np.nan, 1.0]))
        (row,) = tables(book, around)["portfolio_metrics_v1"].to_pylist()
        assert row["beta"] == pytest.approx(1.0)
        assert row["tracking_error"] == pytest.approx(0.0, abs=1e-12)
        assert row["information_ratio"] is None
        assert row["liquidation_days"] == pytest.approx(1_000 / (0.2 * 500))
        assert row["hhi"] == pytest.approx(1.0)

    def test_volumes_and_the_benchmark_are_taken_on_the_book_s_days_or_not_at_all(self) -> None:
        book = random_book(returns=140)
        last = book.dates[-1]
        bars = pa.Table.from_pylist(
            [
                {"symbol": "S0", "business_date": last, "close": Decimal("2"), "volume": 30},
                {"symbol": "S0", "business_date": last - timedelta(days=1), "close": Decimal("9"), "volume": 10},
                {"symbol": "S1", "business_date": last - timedelta(days=1), "close": Decimal("9"), "volume": 10},
                {"symbol": "S2", "business_date": last, "close": Decimal("9"), "volume": None},
            ]
        )
        prices = {day: 100.0 + number for number, day in enumerate(book.dates)}
        full = beside(book, bars, prices, SMALL)
        np.testing.assert_array_equal(full.traded, [40.0, np.nan, np.nan, np.nan, np.nan])
        assert full.returns is not None
        assert full.returns.shape == (SMALL.window_days, 1)
        del prices[book.dates[-3]]
        assert beside(book, bars, prices, SMALL).returns is None


def jumpy(book: Book) -> Book:
    """The first portfolio holds one instrument that falls by half once, in every window, and hardly moves else."""
    returns: FloatArray = book.returns.copy()
    returns[:, 0] *= 1e-3
    returns[70, 0] = -0.5
    exposures = book.exposures.copy()
    exposures[:, 0] = 0.0
    exposures[0, 0] = 1_000_000.0
    return Book(book.portfolios, book.symbols, book.dates, returns, exposures, book.values, 0)
