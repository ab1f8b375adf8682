"""Every kind of check on real Spark: what keeps it passes, what breaks it is counted and shown; findings are kept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession, functions as F

from lakehouse.clock import SystemClock
from lakehouse.contracts import quality
from lakehouse.contracts.jobs import QUALITY_DAILY, VAR_BATCH
from lakehouse.contracts.model import Column, Engine, Table, Type
from lakehouse.contracts.quality import Check, Grade
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY
from lakehouse.contracts.tables.risk import BACKTEST_TESTS, COMPONENT_RISK
from lakehouse.contracts.tables.silver import DAILY_BARS, REJECTED_ROWS
from lakehouse.contracts.tables.strategy_backtests import STRATEGY_EQUITY, STRATEGY_RUNS
from lakehouse.settings import Settings
from lakehouse.stores import delta, postgres
from spark_jobs.kit.args import Request
from spark_jobs.kit.audit import Around, AuditFailedError, audit
from spark_jobs.kit.batch import publish
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.life import recorded
from spark_jobs.kit.model import Audit, Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run, Steps
from spark_jobs.quality_daily.job import quality_daily
from spark_jobs.silver_daily_bars.job import JOB as SILVER
from tests.factories.lake import bar, land
from tests.factories.rows import arrow_rows

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

DAY = date(2022, 12, 28)
PROBE = Table(
    name="gold.probe_v1",
    doc="A table for checks.",
    grain="name, day",
    owner="tests",
    columns=(
        Column("year", Type.INT32, "partition"),
        Column("name", Type.STRING, "who"),
        Column("day", Type.DATE, "when"),
        Column("before", Type.DATE, "what came before", nullable=True),
        Column("value", Type.FLOAT64, "how much", nullable=True),
        Column("part", Type.FLOAT64, "of it explained"),
    ),
    key=("name", "day"),
    partition_by="year",
    writer=Engine.SPARK,
)
ROWS = [
    {"year": 2022, "name": name, "day": DAY - timedelta(days=age), "before": None, "value": value, "part": value}
    for name in ("A", "B")
    for age, value in enumerate((0.25, 0.2, 0.3, 0.15, 0.1))
]


def judged(
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    checks: Check | list[Check],
    changes: Mapping[int, Mapping[str, Any]],
    before: Mapping[str, int] | None = None,
) -> Audit:
    """The audit of ROWS with some values changed, by the checks of the contract and `checks`."""
    monkeypatch.setattr(quality, "STATED", {PROBE.name: tuple(checks) if isinstance(checks, list) else (checks,)})
    types = "year int, name string, day date, before date, value double, part double"
    rows = [tuple({**row, **changes.get(at, {})}.values()) for at, row in enumerate(ROWS)]
    frame = spark.createDataFrame(rows, types)
    around = Around(
        DAY,
        column=lambda table, column: (
            spark.createDataFrame([("A",), ("B",)], "name string") if table == "known" else None
        ),
        rows_before=lambda _: dict(before or {}),
        has_contract_schema=lambda _: True,
    )
    return audit(Output(PROBE, frame, partitions(PROBE, (2022,))), frame, around)


BREAKS: list[tuple[Check, dict[int, dict[str, Any]], int]] = [
    (quality.NotNull("value", "name = 'A'", Grade.WARN), {1: {"value": None}, 6: {"value": None}}, 1),
    (quality.Satisfies("value > 0", Grade.WARN), {1: {"value": -1.0}, 2: {"value": None}}, 2),
    (quality.Range("value", 0, 1, Grade.WARN), {1: {"value": 1.5}, 2: {"value": None}}, 1),
    (
        quality.Monotone("before", "day", ("name",), Grade.WARN),
        {3: {"before": date(2022, 2, 1)}, 2: {"before": date(2022, 1, 1)}, 1: {"before": date(2022, 1, 2)}},
        1,
    ),
    (quality.Gap("day", ("name",), 3), {4: {"day": DAY - timedelta(days=7)}}, 1),
    (
        quality.Staleness("day", ("name",), 3),
        {at: {"day": DAY - timedelta(days=age)} for at, age in zip(range(5, 10), range(4, 9), strict=True)},
        1,
    ),
    (quality.Jump("value", ("name",), 10.0, 0.01), {3: {"value": 9.0}}, 1),
    (quality.WeightsSum("value", ("name",), grade=Grade.WARN), {3: {"value": 0.16}}, 5),
    (quality.Referential("name", "known", "name"), {4: {"name": "C"}}, 1),
    (quality.Referential("name", "nothing", "name"), {}, 10),
    (quality.Explained("value", ("part",), 0.01), {1: {"part": 0.3}, 2: {"part": 0.295}}, 1),
]


class TestChecks:
    @pytest.mark.parametrize(("check", "changes", "rows"), BREAKS, ids=lambda given: getattr(given, "name", None))
    def test_what_breaks_it_is_counted_and_shown(
        self, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, check: Check, changes: Any, rows: int
    ) -> None:
        (finding,) = judged(spark, monkeypatch, check, changes).findings
        assert (finding.check, finding.rows, finding.grade) == (check.name, rows, Grade.WARN)
        assert '"name":' in finding.detail

    def test_good_rows_pass_all_of_them_in_one_pass(self, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
        checks = [check for check, _, _ in BREAKS if getattr(check, "table", "known") == "known"]
        done = judged(spark, monkeypatch, checks, {})
        assert done.findings == ()
        assert {result.check for result in done.results} >= {*(check.name for check in checks), "(name, day) is unique"}

    def test_rows_are_held_against_those_before(self, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
        band = quality.RowCountBand(0.5, 2.0, minimum=4)
        for before, is_broken in (
            ({"2022": 10}, False),
            ({"2021": 21}, True),
            ({"2022": 4}, True),
            ({"2021": 3}, False),
        ):
            found = judged(spark, monkeypatch, band, {}, before).findings
            assert bool(found) is is_broken, before

    def test_a_failed_one_refuses_the_output_and_tells_of_the_others(
        self, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check = quality.WeightsSum("value", ("name",))
        with pytest.raises(AuditFailedError, match="'part is finite' failed for 1 rows") as refused:
            judged(spark, monkeypatch, check, {3: {"value": 0.5}, 4: {"part": float("nan")}})
        assert [finding.check for finding in refused.value.findings] == ["part is finite", check.name]


PORTFOLIO = "00000000-0000-7000-8000-000000000001"
IDENTITY = {"business_date": DAY, "portfolio_id": PORTFOLIO, "method": "historical", "confidence": Decimal("0.99")}
COMPONENTS = [
    {**IDENTITY, "horizon_days": 1, "grouping": grouping, "group_name": name, "component_var_base": Decimal(var)}
    for grouping, name, var in (("instrument", "A", "7.01"), ("instrument", "B", "-2"), ("sector", "x", "5.01"),
                                ("currency", "USD", "5.01"))
]  # fmt: skip
VERDICT = {**IDENTITY, "zone": "green", "multiplier": 3.0, "pof_statistic": 1.5, "independence_statistic": 0.25}
VERDICTS = [{**VERDICT, "coverage_statistic": 1.75}]
STRATEGY = {"business_date": DAY, "strategy": "s", "kind": "trial"}
TRIALS = [{**STRATEGY, "trials": 1, "first_date": DAY - timedelta(days=9), "last_date": DAY}]
EQUITY = [{**STRATEGY, "equity_date": DAY - timedelta(days=age)} for age in range(4)]
GOOD: dict[Table, list[dict[str, Any]]] = {
    COMPONENT_RISK: COMPONENTS, BACKTEST_TESTS: VERDICTS, STRATEGY_RUNS: TRIALS, STRATEGY_EQUITY: EQUITY
}  # fmt: skip
SPOILT: dict[Table, tuple[dict[int, dict[str, Any]], tuple[str, ...]]] = {
    COMPONENT_RISK: (
        {
            0: {"exposure_base": Decimal(1)},
            2: {"component_var_base": Decimal("5.02")},
            3: {"component_es_base": Decimal("0.01")},
        },
        ("sum of exposure_base", "sum of component_var_base", "sum of component_es_base"),
    ),
    BACKTEST_TESTS: (
        {0: {"coverage_statistic": 1.8, "z1_p_value": 1.01}},
        ("coverage_statistic is explained by pof_statistic", "z1_p_value within 0 to 1"),
    ),
    STRATEGY_RUNS: ({0: {"overfitting": -0.5}}, ("overfitting within 0 to 1",)),
    STRATEGY_EQUITY: (
        {0: {"drawdown": 1.5}, 3: {"equity_date": DAY - timedelta(days=9)}},
        ("drawdown within 0 to 1", "equity_date has no gap over 5 days"),
    ),
}


def spoilt(table: Table, changes: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, **changes.get(at, {})} for at, row in enumerate(GOOD[table])]


class TestBound:
    """Checks that tables of gold have of their own, beside those that their contracts imply."""

    @pytest.mark.parametrize("table", GOOD, ids=lambda table: table.name)
    def test_good_rows_break_none_but_the_band_where_there_were_many_more(
        self, spark: SparkSession, table: Table
    ) -> None:
        (finding,) = audited(spark, table, GOOD[table], {"2022-12-27": 2 * len(GOOD[table]) + 20}).findings
        assert (finding.kind, finding.grade) == ("RowCountBand", Grade.WARN)

    @pytest.mark.parametrize("table", SPOILT, ids=lambda table: table.name)
    def test_what_breaks_them_is_named(self, spark: SparkSession, table: Table) -> None:
        changes, checks = SPOILT[table]
        try:
            found = audited(spark, table, spoilt(table, changes)).findings
        except AuditFailedError as refused:
            found = refused.findings
        assert len(found) == len(checks)
        for finding, check in zip(found, checks, strict=True):
            assert finding.check.startswith(check)
            assert (finding.grade is Grade.WARN) == (table is STRATEGY_EQUITY)

    def test_nothing_of_a_run_is_published_where_one_output_breaks_one(self, lake: Settings) -> None:
        wrong = spoilt(COMPONENT_RISK, {2: {"component_var_base": Decimal(6)}})

        def compute(run: Run, _: Mapping[str, Any]) -> Computed:
            made = ((COMPONENT_RISK, wrong), (BACKTEST_TESTS, VERDICTS))
            frames = [(table, from_arrow(run.session, arrow_rows(table, rows))) for table, rows in made]
            return Computed(tuple(Output(table, frame, partitions(table, (DAY,))) for table, frame in frames))

        with pytest.raises(AuditFailedError, match="failed for 4 rows and nothing was published"):
            publish(Batch(VAR_BATCH, lambda _: {}, compute), Request(DAY), lake, clock=SystemClock())
        for table in (COMPONENT_RISK, BACKTEST_TESTS):
            with pytest.raises(TableNotFoundError):
                delta.open_table(lake.s3, table)
        with postgres.connect(lake.postgres) as connection:
            assert connection.execute("SELECT count(*) FROM ops.asset_status").fetchone() == (0,)


def audited(
    spark: SparkSession, table: Table, rows: list[dict[str, Any]], before: Mapping[str, int] | None = None
) -> Audit:
    frame = from_arrow(spark, arrow_rows(table, rows))
    around = Around(DAY, lambda *_: None, lambda _: dict(before or {}), has_contract_schema=lambda _: True)
    return audit(Output(table, frame, partitions(table, (DAY,))), frame, around)


def kept(settings: Settings) -> list[tuple[Any, ...]]:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute(
            "SELECT q.table_name, q.check_name, q.grade, q.row_count, r.state FROM ops.quality_finding AS q "
            "JOIN ops.job_run AS r USING (run_id) ORDER BY q.check_name"
        ).fetchall()


class TestKept:
    def test_warnings_are_published_and_recorded_and_failures_recorded(self, lake: Settings) -> None:
        ohlcv = {"kind": "ohlcv", "high": Decimal(12), "low": Decimal(9), "volume": 5}
        rows = [
            bar("A", DAY, "10", **{**ohlcv, "open": Decimal(10)}),
            bar("B", DAY, "10", **{**ohlcv, "open": None, "volume": 0}),
        ]
        land(lake, MARKET_BARS_DAILY, rows)
        done = publish(SILVER, Request(DAY), lake, clock=SystemClock())
        expected = [("open IS NOT NULL where kind = 'ohlcv'", 1), ("volume within 1 to 1e+12", 1)]
        assert kept(lake) == [(DAILY_BARS.name, name, "warn", rows, "published") for name, rows in expected]
        checks = done.outputs[DAILY_BARS.name].checks
        assert {name: rows for name, rows in checks.items() if rows} == dict(expected)

        def spoiled(found: Run, parameters: Mapping[str, Any]) -> Computed:
            silver, rejected = SILVER.compute(found, parameters).outputs
            frame: DataFrame = silver.frame.withColumn("close", (-F.col("close")).cast("decimal(18,8)"))
            return Computed((replace(silver, frame=frame), rejected))

        with pytest.raises(AuditFailedError):
            publish(replace(SILVER, compute=spoiled), Request(DAY), lake, clock=SystemClock())
        assert (DAILY_BARS.name, "close > 0", "fail", 2, "failed") in kept(lake)

    def test_the_nightly_look_records_each_defect_once(self, lake: Settings) -> None:
        ohlcv = {"kind": "ohlcv", "open": Decimal(10), "high": Decimal(12), "low": Decimal(9), "volume": 5}
        rows = [bar(name, DAY - timedelta(days=1), "10", **ohlcv) for name in ("A", "B")]
        inverted = bar("C", DAY, "10", **{**ohlcv, "high": Decimal(8)})
        land(lake, MARKET_BARS_DAILY, [*rows, bar("A", DAY, "10", **{**ohlcv, "open": None}), inverted])
        publish(SILVER, Request(DAY), lake, clock=SystemClock())
        for again in (False, True):
            done = recorded(
                QUALITY_DAILY,
                Request(DAY),
                lake,
                clock=SystemClock(),
                work=lambda session: quality_daily(session, Steps(SystemClock())),
            )
            assert done.counts == {"bars": 3, "new": 0 if again else 2, "high_below_low": 1, "missing_price": 1}
        with postgres.connect(lake.postgres) as connection:
            told = connection.execute(
                "SELECT table_name, check_name, subject, as_of, row_count FROM ops.quality_finding "
                "WHERE job = 'quality_daily' ORDER BY check_name"
            ).fetchall()
        assert told == [
            (REJECTED_ROWS.name, "high_below_low", "", DAY, 1),
            (DAILY_BARS.name, "missing_price", "A", DAY, 1),
        ]
