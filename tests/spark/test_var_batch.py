"""The risk job on a small market: its numbers, its refusals, and the same bytes on any number of partitions."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from psycopg import sql
from pyspark.sql import SparkSession

from lakehouse.clock import SystemClock
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY
from lakehouse.contracts.tables.gold import PORTFOLIO_RISK, VAR_BACKTEST
from lakehouse.contracts.tables.risk import COMPONENT_RISK, SCENARIO_PNL, UNMEASURED
from lakehouse.contracts.tables.silver import POSITIONS as POSITIONS_TABLE
from lakehouse.contracts.tables.stress import PARTS, PNL_EXPLAIN, STRESS as STRESS_TABLE
from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.risk.cube import Groups
from lakehouse.risk.linear import portfolio_pnl
from lakehouse.risk.methods import BATCH_METHODS, Method, estimate
from lakehouse.settings import PostgresSettings, Settings
from lakehouse.stores import delta, postgres
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Batch
from spark_jobs.kit.reproduce import reproduce
from spark_jobs.kit.sessions import sessions
from spark_jobs.positions_daily.job import JOB as POSITIONS
from spark_jobs.returns_daily.job import JOB as RETURNS
from spark_jobs.silver_daily_bars.job import JOB as SILVER
from spark_jobs.stress_explain.job import JOB as STRESS
from spark_jobs.var_batch.book import Book, NothingMeasurableError
from spark_jobs.var_batch.job import JOB as VAR
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.pnl_forecasts import pnl_forecasts
from spark_jobs.var_batch.simulation import forecast
from tests.factories.lake import bar, lake_of_its_own, land
from tests.factories.market import random_book

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

DAY = date(2022, 12, 28)
CLOCK = SystemClock()
SYMBOLS = ("AAA", "BBB", "CCC")
LONG, SHORT = UUID(int=1), UUID(int=2)
HELD = {(LONG, "AAA"): Decimal("10.5"), (LONG, "BBB"): Decimal(3), (SHORT, "AAA"): Decimal(-7)}


def run(job: Batch, settings: Settings, *, rebuild: bool = False) -> Manifest:
    return publish(job, Request(DAY, rebuild=rebuild), settings, clock=CLOCK)


def rows(settings: Settings, name: str) -> list[dict[str, Any]]:
    table = {
        "risk": PORTFOLIO_RISK,
        "backtest": VAR_BACKTEST,
        "positions": POSITIONS_TABLE,
        "components": COMPONENT_RISK,
        "unmeasured": UNMEASURED,
        "vectors": SCENARIO_PNL,
        "stress": STRESS_TABLE,
        "explained": PNL_EXPLAIN,
    }[name]
    found: list[dict[str, Any]] = delta.open_table(settings.s3, table).to_pyarrow_table().to_pylist()
    return found


def walk() -> tuple[list[date], np.ndarray[Any, np.dtype[np.float64]]]:
    """Closes of the names on the last 760 sessions up to DAY, to whole cents."""
    days = sessions(2019, 2022, "XNYS")
    chosen = days[days <= np.datetime64(DAY)][-760:]
    moves = np.random.default_rng(11).normal(0.0003, 0.012, (760, len(SYMBOLS)))
    return chosen.tolist(), np.round(100 * np.exp(moves.cumsum(axis=0)), 2)


def hold(settings: Settings, held: dict[tuple[UUID, str], Decimal], currency: str = "USD") -> None:
    with postgres.connect(settings.postgres) as connection, connection.cursor() as cursor:
        for table in ("app.position", "app.portfolio", "app.account", "app.instrument"):
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(*table.split("."))))
        cursor.executemany(
            "INSERT INTO app.instrument (symbol, name, currency, exchange, sector) VALUES (%s, %s, 'USD', 'XNYS', %s)",
            [(symbol, symbol, "Energy" if symbol == "AAA" else "") for symbol in sorted({name for _, name in held})],
        )
        holders = sorted({found for found, _ in held})
        cursor.executemany(
            "INSERT INTO app.account (id, owner_id, name, base_currency) VALUES (%s, %s, %s, %s)",
            [(found, SYSTEM_USER, f"portfolio {found.int}", currency) for found in holders],
        )
        cursor.executemany(
            "INSERT INTO app.portfolio (id, owner_id, account_id, name, description, base_currency) "
            "VALUES (%s, %s, %s, %s, 'for a test', %s)",
            [(found, SYSTEM_USER, found, f"portfolio {found.int}", currency) for found in holders],
        )
        cursor.executemany(
            "INSERT INTO app.position (portfolio_id, symbol, quantity) VALUES (%s, %s, %s)",
            [(found, symbol, quantity) for (found, symbol), quantity in held.items()],
        )


@pytest.fixture(scope="module")
def market(stack: Settings, database: PostgresSettings) -> Iterator[Settings]:
    """Three names with enough history, and their returns."""
    with lake_of_its_own(stack, database) as settings:
        days, closes = walk()
        bars = [
            bar(symbol, day, f"{closes[number, column]:.2f}")
            for column, symbol in enumerate(SYMBOLS)
            for number, day in enumerate(days)
        ]
        land(settings, MARKET_BARS_DAILY, bars)
        run(SILVER, settings)
        run(RETURNS, settings)
        yield settings


def test_the_numbers_are_those_of_the_risk_library_and_an_old_run_can_be_repeated(market: Settings) -> None:
    hold(market, HELD)
    run(POSITIONS, market)
    first = run(VAR, market)
    _, closes = walk()
    last = {symbol: Decimal(f"{closes[-1, column]:.2f}") for column, symbol in enumerate(SYMBOLS)}
    daily = [row for row in rows(market, "risk") if row["horizon_days"] == 1]
    risk = {(row["portfolio_id"], row["method"], row["confidence"]): row for row in daily}
    assert len(risk) + len(rows(market, "unmeasured")) // 2 == 2 * len(BATCH_METHODS) * 3
    exact = last["AAA"] * Decimal("10.5") + last["BBB"] * 3
    assert risk[str(LONG), "historical", Decimal("0.99")]["value_base"] == round(exact, 2)
    returns = closes[-501:] / np.vstack([closes[-502:-501], closes[-501:-1]]) - 1
    exposures = np.array([[float(last["AAA"] * Decimal("10.5"))], [float(last["BBB"] * 3)]])
    pnl = returns[1:, :2] @ exposures
    for method in (Method.HISTORICAL, Method.PARAMETRIC_NORMAL, Method.STUDENT_T, Method.FILTERED_HISTORICAL):
        found = risk[str(LONG), method, Decimal("0.95")]
        wanted = estimate(method, pnl, confidence=Decimal("0.95"))
        assert float(found["var_base"]) == pytest.approx(wanted.var[0], abs=0.006)
        assert float(found["es_base"]) == pytest.approx(wanted.es[0], abs=0.006)
    simulated = float(risk[str(LONG), "monte_carlo_normal", Decimal("0.95")]["var_base"])
    assert simulated == pytest.approx(
        float(risk[str(LONG), "parametric_normal", Decimal("0.95")]["var_base"]), rel=0.05
    )
    assert_breaches_follow(market, risk)
    assert_components_sum(market, risk)
    again = run(VAR, market)
    assert hashes(again) == hashes(first)
    hold(market, {(LONG, "CCC"): Decimal(1)})
    run(POSITIONS, market, rebuild=True)
    second = run(VAR, market)
    assert second.outputs[PORTFOLIO_RISK.name].content_hash != first.outputs[PORTFOLIO_RISK.name].content_hash
    verdict = reproduce(VAR, first.run_id, market, clock=CLOCK)
    assert verdict.reproduced, verdict.hashes
    assert set(verdict.hashes) == set(VAR.spec.outputs)


def hashes(manifest: Manifest) -> dict[str, str]:
    return {name: output.content_hash for name, output in manifest.outputs.items()}


def assert_breaches_follow(settings: Settings, risk: dict[tuple[str, str, Decimal], dict[str, Any]]) -> None:
    tests = rows(settings, "backtest")
    assert len(tests) == len(risk) * 250
    for (portfolio, method, confidence), row in risk.items():
        of_row = [
            t for t in tests if (t["portfolio_id"], t["method"], t["confidence"]) == (portfolio, method, confidence)
        ]
        assert row["breaches"] == sum(t["is_breach"] for t in of_row)
        assert all(t["is_breach"] == (t["pnl_base"] < -t["var_base"]) for t in of_row)
        assert max(t["forecast_date"] for t in of_row) == DAY


def assert_components_sum(settings: Settings, risk: dict[tuple[str, str, Decimal], dict[str, Any]]) -> None:
    sums: dict[tuple[str, str, Decimal, str], Decimal] = {}
    for row in rows(settings, "components"):
        key = (row["portfolio_id"], row["method"], row["confidence"], row["grouping"])
        sums[key] = sums.get(key, Decimal(0)) + row["component_var_base"]
    assert len(sums) == 2 * 5 * 3 * 3
    assert all(total == risk[key[:3]]["var_base"] for key, total in sums.items())
    sectors = {row["group_name"] for row in rows(settings, "components") if row["grouping"] == "sector"}
    assert sectors == {"Energy", "unclassified"}
    assert {len(row["pnl_vector"]) // 8 for row in rows(settings, "vectors")} == {500, 10_000}


def test_a_date_s_holdings_are_copied_once_and_again_only_on_demand(market: Settings) -> None:
    hold(market, {(LONG, "AAA"): Decimal(1)})
    first = run(POSITIONS, market, rebuild=True).outputs[POSITIONS_TABLE.name].content_hash
    assert run(POSITIONS, market).outputs[POSITIONS_TABLE.name].content_hash == first
    hold(market, {(LONG, "BBB"): Decimal(2)})
    assert run(POSITIONS, market).outputs[POSITIONS_TABLE.name].content_hash == first
    next_day = publish(POSITIONS, Request(date(2022, 12, 29)), market, clock=CLOCK)
    assert next_day.counts[POSITIONS_TABLE.name] == 1
    held = {row["business_date"]: row["symbol"] for row in rows(market, "positions")}
    assert held == {DAY: "AAA", date(2022, 12, 29): "BBB"}
    assert run(POSITIONS, market, rebuild=True).outputs[POSITIONS_TABLE.name].content_hash != first


def test_a_date_without_a_holding_is_copied_again(market: Settings) -> None:
    hold(market, {})
    assert run(POSITIONS, market, rebuild=True).counts[POSITIONS_TABLE.name] == 0
    hold(market, HELD)
    assert run(POSITIONS, market).counts[POSITIONS_TABLE.name] == len(HELD)


def test_a_holding_without_a_price_leaves_its_portfolio_unmeasured_and_the_others_measured(market: Settings) -> None:
    hold(market, {**HELD, (LONG, "ZZZ"): Decimal(1)})
    run(POSITIONS, market, rebuild=True)
    done = run(VAR, market)
    found, absent = rows(market, "risk"), rows(market, "unmeasured")
    assert {row["portfolio_id"] for row in found} == {str(SHORT)}
    of_long = [row["reason"] for row in absent if row["portfolio_id"] == str(LONG)]
    kinds = len(BATCH_METHODS) * 3 * 2
    assert len(of_long) == kinds
    assert all(reason.startswith("ZZZ has no close of 2022-12-28: ingest the bar") for reason in of_long)
    assert len(found) + len(absent) == 2 * kinds
    assert (done.counts["portfolios"], done.counts["unmeasured_portfolios"]) == (2, 1)
    hold(market, HELD, currency="EUR")
    run(POSITIONS, market, rebuild=True)
    with pytest.raises(NothingMeasurableError, match=r"no rate of USD to EUR of 2022-12-28.* run positions_daily"):
        run(VAR, market)
    assert_foreign_holdings_move_with_the_rate(market)


def assert_foreign_holdings_move_with_the_rate(market: Settings) -> None:
    """Rates that PostgreSQL gets are copied by the next run, and a run by them can be repeated."""
    days, closes = walk()
    moved = 1.1 * np.exp(np.random.default_rng(7).normal(0, 0.005, len(days)).cumsum())
    quoted = [(day, Decimal(f"{rate:.8f}")) for day, rate in zip(days, moved.tolist(), strict=True)]
    with postgres.connect(market.postgres) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES ('EUR', 'USD', %s, %s, 'test')",
            quoted,
        )
    copied = run(POSITIONS, market)
    assert copied.counts["silver.fx_rates_v1"] == len(days)
    done = run(VAR, market)
    found = {(row["portfolio_id"], row["method"], row["confidence"]): row for row in rows(market, "risk")
             if row["horizon_days"] == 1}  # fmt: skip
    long = found[str(LONG), "historical", Decimal("0.99")]
    in_euros = closes[:, :2] / np.array([[float(rate)] for _, rate in quoted])
    returns = (in_euros[1:] / in_euros[:-1] - 1)[-500:]
    wanted = estimate(Method.HISTORICAL, returns @ (in_euros[-1:] * [10.5, 3.0]).T, confidence=Decimal("0.99"))
    assert float(long["var_base"]) == pytest.approx(wanted.var[0], abs=0.006)
    by_currency = [row for row in rows(market, "components") if row["grouping"] == "currency"]
    assert {row["group_name"] for row in by_currency} == {"USD"}
    stressed = run(STRESS, market)
    covid = [row for row in rows(market, "stress") if row["scenario"] == "covid_2020"]
    assert all(row["pnl_base"] is not None for row in covid)
    assert reproduce(VAR, done.run_id, market, clock=CLOCK).reproduced
    assert reproduce(STRESS, stressed.run_id, market, clock=CLOCK).reproduced
    assert run(POSITIONS, market).counts["silver.fx_rates_v1"] < len(days)  # only the date's own year again
    with postgres.connect(market.postgres) as connection:
        connection.execute("DELETE FROM market.fx_rate")


def test_stress_and_the_explained_day_are_those_of_the_closes_and_what_is_unmeasured_says_why(market: Settings) -> None:
    hold(market, {**HELD, (UUID(int=3), "ZZZ"): Decimal(1)})
    run(POSITIONS, market, rebuild=True)
    first = run(STRESS, market)
    days, closes = walk()
    at = {day: dict(zip(SYMBOLS, row, strict=True)) for day, row in zip(days, closes, strict=True)}
    stressed = [row for row in rows(market, "stress") if row["portfolio_id"] == str(LONG)]
    measured = {row["scenario"]: row for row in stressed if row["pnl_base"] is not None}
    # The lake begins in December 2019.
    assert {name for name in measured if measured[name]["kind"] == "historical"} == {"covid_2020", "rates_2022"}
    assert all("no closes of AAA, BBB" in row["reason"] for row in stressed if row["pnl_base"] is None)
    covid, held = measured["covid_2020"], {"AAA": 10.5, "BBB": 3.0}
    wanted = sum(
        units * at[DAY][name] * (at[covid["last_date"]][name] / at[covid["first_date"]][name] - 1)
        for name, units in held.items()
    )
    assert float(covid["pnl_base"]) == pytest.approx(wanted, abs=0.006)
    value = sum(units * at[DAY][name] for name, units in held.items())
    assert float(measured["all_down_20"]["pnl_base"]) == pytest.approx(-0.2 * value, abs=0.006)
    # AAA is of the sector Energy, BBB of none.
    oil = -0.46 * held["AAA"] * at[DAY]["AAA"] - 0.01 * held["BBB"] * at[DAY]["BBB"]
    assert float(measured["sectors_as_oil_glut"]["pnl_base"]) == pytest.approx(oil, abs=0.006)
    returns = closes[1:] / closes[:-1] - 1
    mean = returns[-500:].mean(axis=1)
    betas = {name: np.cov(mean, returns[-500:, n])[0, 1] / mean.var(ddof=1) for n, name in enumerate(SYMBOLS)}
    fall = -0.2 * sum(units * at[DAY][name] * betas[name] for name, units in held.items())
    assert float(measured["market_down_20"]["pnl_base"]) == pytest.approx(fall, abs=0.02)
    assert measured["market_down_20"]["detail"].endswith("; betas to the mean of all instruments")
    explained = {(row["portfolio_id"], row["item"]): row for row in rows(market, "explained")}
    for name, units in held.items():
        row = explained[str(LONG), name]
        assert float(row["total_base"]) == pytest.approx(
            units * (closes[-1] - closes[-2])[SYMBOLS.index(name)], abs=0.01
        )
        assert (row["total_base"], row["basis"]) == (sum(row[f"{part}_base"] for part in PARTS), "undone")
    assert explained[str(UUID(int=3)), ""]["reason"] == "ZZZ has no close of 2022-12-28"
    verdict = reproduce(STRESS, first.run_id, market, clock=CLOCK)
    assert verdict.reproduced, verdict.hashes


def test_scenarios_have_the_same_bytes_inline_and_on_one_and_eight_partitions(spark: SparkSession) -> None:
    chosen = Parameters(window_days=60, backtest_days=9, scenarios=5_000, block_rows=512)
    book: Book = random_book(returns=69)
    groups = Groups(("all but one", "one"), np.arange(len(book.symbols)) // (len(book.symbols) - 1))
    inline = forecast(None, book, chosen, groups=groups)
    for partitions in (1, 8):
        on_workers = forecast(spark, book, chosen, groups=groups, partitions=partitions)
        for level in chosen.levels:
            for name in ("var", "es", "component_var", "component_es"):
                assert getattr(on_workers[level], name).tobytes() == getattr(inline[level], name).tobytes()


def test_forecasts_from_pnl_have_the_same_bytes_inline_and_on_one_and_three_partitions(spark: SparkSession) -> None:
    chosen = Parameters(window_days=120, backtest_days=5, confidences=("0.95",), refit_days=3)
    book = random_book(returns=125, portfolios=60)
    pnl = portfolio_pnl(book.returns, book.exposures)
    inline = pnl_forecasts(None, pnl, chosen)
    for partitions in (1, 3):
        on_workers = pnl_forecasts(spark, pnl, chosen, partitions=partitions)
        assert list(on_workers) == list(inline)
        for method, (found,) in on_workers.items():
            (wanted,) = inline[method]
            assert found.var.shape == (5, 60)
            assert found.var.tobytes() == wanted.var.tobytes()
            assert found.es.tobytes() == wanted.es.tobytes()
