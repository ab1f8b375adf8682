"""The life of a batch run on a real lake: repeated, late, crashed, refused, recomputed."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pyspark.sql import functions as F

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.contracts.jobs import OPTIMIZE_LAKE
from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY, MARKET_TICKS
from lakehouse.contracts.tables.gold import BARS_1M, RETURNS_DAILY
from lakehouse.contracts.tables.silver import DAILY_BARS, REJECTED_ROWS, TICKS
from lakehouse.settings import MarketSettings, Settings, project_root
from lakehouse.stores import delta, objects, postgres
from spark_jobs.bars_1m.job import JOB as BARS
from spark_jobs.kit.args import Request
from spark_jobs.kit.audit import AuditFailedError
from spark_jobs.kit.batch import publish
from spark_jobs.kit.errors import NothingToDo
from spark_jobs.kit.lake import MissingTableError, run_of
from spark_jobs.kit.life import recorded
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Batch, Computed
from spark_jobs.kit.onward import InputWentBackError
from spark_jobs.kit.reproduce import IrreproducibleError, reproduce
from spark_jobs.kit.run import Run, Steps
from spark_jobs.kit.runs import UnknownRunError
from spark_jobs.optimize_lake.job import optimize_lake
from spark_jobs.positions_daily.job import JOB as POSITIONS
from spark_jobs.returns_daily.job import JOB as RETURNS
from spark_jobs.silver_daily_bars.job import JOB as SILVER
from spark_jobs.silver_ticks.job import JOB as SILVER_TICKS
from tests.factories.lake import bar, environment_of, land, tick
from tests.spark.test_transforms import NOON

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

DAY = date(2022, 12, 28)
CLOCK = SystemClock()


def run(job: Batch, settings: Settings, **given: Any) -> Manifest:
    return publish(job, Request(DAY, **given), settings, clock=CLOCK)


def content(settings: Settings, table: Table) -> list[dict[str, Any]]:
    rows = delta.open_table(settings.s3, table).to_pyarrow_table().select(list(table.key)).to_pylist()
    return sorted(rows, key=str)


def states(settings: Settings) -> list[tuple[str, str]]:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute("SELECT job, state FROM ops.job_run ORDER BY started_at").fetchall()


def staged(settings: Settings) -> list[str | None]:
    client = objects.connect(settings.s3)
    found = client.list_objects(bucket_name=settings.s3.lake_bucket, prefix="_staging/", recursive=True)
    return [entry.object_name for entry in found]


def optimize(settings: Settings, later: timedelta) -> Manifest:
    clock = ManualClock(CLOCK.now() + later)
    return recorded(
        OPTIMIZE_LAKE,
        Request(DAY),
        settings,
        clock=clock,
        work=lambda session: optimize_lake(session, Steps(clock)),
    )


@pytest.fixture
def bars(lake: Settings) -> Settings:
    """Two names over two years, one doubled bar and one on a Sunday."""
    rows = [
        *(bar(symbol, date(2021, 12, 31), "100") for symbol in ("A", "B")),
        *(bar(symbol, date(2022, 12, 27), "110") for symbol in ("A", "B")),
        bar("A", DAY, "120"),
        bar("A", DAY, "121"),
        bar("A", date(2022, 12, 25), "119"),
    ]
    land(lake, MARKET_BARS_DAILY, rows)
    return lake


class TestRepeated:
    def test_twice_gives_the_same_content_and_the_rows_add_up(self, bars: Settings) -> None:
        first, second = run(SILVER, bars, run_id="once"), run(SILVER, bars)
        assert first.counts == {"read": 7, "kept": 5, "duplicates": 1, "rejected": 1}
        assert first.parameters["years"] == [2021, 2022]
        assert second.parameters["years"] == [2022]
        then, now = (found.outputs[DAILY_BARS.name].partitions["2022"] for found in (first, second))
        assert then == now
        assert content(bars, REJECTED_ROWS) == [
            {"job": "silver_daily_bars", "_topic": "market.bars.daily", "_partition": 0, "_offset": 6}
        ]
        assert staged(bars) == []
        assert run(SILVER, bars, run_id="once") == first
        assert states(bars) == [("silver_daily_bars", "published")] * 2
        self.assert_recorded(bars, first, second)

    @staticmethod
    def assert_recorded(settings: Settings, first: Manifest, second: Manifest) -> None:
        then, now = (found.outputs[DAILY_BARS.name].delta_version for found in (first, second))
        commits = {c["version"]: run_of(c) for c in delta.open_table(settings.s3, DAILY_BARS).history()}
        assert (commits[then], commits[now]) == ("once", second.run_id)
        with postgres.connect(settings.postgres) as connection:
            found = connection.execute(
                "SELECT partition_value, delta_version, row_count, run_id FROM ops.asset_status WHERE table_name = %s "
                "ORDER BY 1",
                (DAILY_BARS.name,),
            ).fetchall()
        assert found == [("2021", then, 2, "once"), ("2022", now, 3, second.run_id)]


class TestLateRows:
    def test_late_and_corrected_bars_reach_their_own_year_and_go_on_to_returns(self, bars: Settings) -> None:
        run(SILVER, bars)
        run(RETURNS, bars)
        year_end = date(2021, 12, 31)
        land(bars, MARKET_BARS_DAILY, [bar("B", date(2021, 12, 30), "50"), bar("B", year_end, "99")], first_offset=7)
        silver, returns = run(SILVER, bars), run(RETURNS, bars)
        assert silver.parameters["years"] == [2021, 2022]
        assert returns.parameters["years"] == [2021, 2022]
        found = delta.open_table(bars.s3, RETURNS_DAILY).to_pyarrow_table().to_pylist()
        closes = {(row["symbol"], row["business_date"]): row["close"] for row in found}
        assert closes["B", year_end] == Decimal(99)
        assert ("A", year_end) not in closes

    def test_late_ticks_reach_their_date_s_bars(self, lake: Settings) -> None:
        yesterday = NOON.replace(day=27)
        land(lake, MARKET_TICKS, [tick("A", NOON, 1), tick("A", NOON, 1)])
        assert run(SILVER_TICKS, lake).counts == {"read": 2, "kept": 1, "duplicates": 1, "rejected": 0}
        run(BARS, lake)
        land(lake, MARKET_TICKS, [tick("A", yesterday, 1), tick("A", NOON, 1, price=-1.0)], first_offset=2)
        # A refused copy is no copy: of the three with one key two are left.
        assert run(SILVER_TICKS, lake).counts == {"read": 4, "kept": 2, "duplicates": 1, "rejected": 1}
        assert run(BARS, lake).parameters["dates"] == ["2022-12-27", "2022-12-28"]
        assert {row["event_date"] for row in content(lake, BARS_1M)} == {yesterday.date(), NOON.date()}
        assert len(content(lake, TICKS)) == 2


class TestGoneBackwards:
    def test_a_bronze_table_made_anew_is_refused_until_it_is_accepted(self, bars: Settings) -> None:
        run(SILVER, bars)
        before = content(bars, DAILY_BARS)
        client = objects.connect(bars.s3)
        objects.remove_prefix(client, bars.s3.lake_bucket, "bronze/")
        for offset in range(7, 9):
            land(bars, MARKET_BARS_DAILY, [bar("A", DAY, "121")], first_offset=offset)
        with pytest.raises(InputWentBackError, match=r"bronze\.market_bars_daily_v1 .* created anew"):
            run(SILVER, bars)
        assert content(bars, DAILY_BARS) == before
        assert run(SILVER, bars, rebuild=True).parameters["years"] == [2022]
        days = sorted(row["business_date"] for row in content(bars, DAILY_BARS))
        assert days == [date(2021, 12, 31), date(2021, 12, 31), DAY]

    def test_offsets_that_are_gone_from_the_table_are_refused(self, bars: Settings) -> None:
        land(bars, MARKET_BARS_DAILY, [bar("B", DAY, "50")], first_offset=7)
        run(SILVER, bars)
        before = content(bars, DAILY_BARS)
        delta.open_table(bars.s3, MARKET_BARS_DAILY).restore(1)
        with pytest.raises(InputWentBackError, match=r"market\.bars\.daily/0 to offset 7, it ends at 6; .*--rebuild"):
            run(SILVER, bars)
        assert content(bars, DAILY_BARS) == before


class TestRefused:
    def test_a_failed_audit_publishes_nothing_and_says_which_rows(self, bars: Settings) -> None:
        run(SILVER, bars)
        before = content(bars, DAILY_BARS), delta.open_table(bars.s3, DAILY_BARS).version()

        def spoiled(found: Run, parameters: Mapping[str, Any]) -> Computed:
            computed = SILVER.compute(found, parameters)
            silver, rejected = computed.outputs
            bad = silver.frame.withColumn("close", (-F.col("close")).cast("decimal(18,8)"))
            return Computed((replace(silver, frame=bad), rejected), computed.reconcile)

        with pytest.raises(AuditFailedError, match=r"check 'close > 0' failed for 3 rows.*'symbol': '[AB]'"):
            run(replace(SILVER, compute=spoiled), bars)
        assert (content(bars, DAILY_BARS), delta.open_table(bars.s3, DAILY_BARS).version()) == before
        assert states(bars)[-1] == ("silver_daily_bars", "failed")
        assert staged(bars) == []

    def test_a_repeated_key_is_named(self, bars: Settings) -> None:
        def doubled(found: Run, parameters: Mapping[str, Any]) -> Computed:
            silver, rejected = SILVER.compute(found, parameters).outputs
            return Computed((replace(silver, frame=silver.frame.union(silver.frame)), rejected))

        with pytest.raises(AuditFailedError, match=r"\(symbol, business_date\) is unique"):
            run(replace(SILVER, compute=doubled), bars)

    def test_a_missing_input_says_what_writes_it(self, lake: Settings) -> None:
        with pytest.raises(MissingTableError, match=r"silver\.daily_bars_v1 does not exist yet"):
            run(RETURNS, lake)


def test_the_calendar_is_a_setting(bars: Settings) -> None:
    london = bars.model_copy(update={"market": MarketSettings(calendar="XLON")})
    with pytest.raises(NothingToDo, match="2022-12-27 is no session of XLON"):
        publish(SILVER, Request(date(2022, 12, 27)), london, clock=CLOCK)
    done = run(SILVER, london)
    assert done.parameters["calendar"] == "XLON"
    assert done.counts == {"read": 7, "kept": 3, "duplicates": 1, "rejected": 3}


def test_a_holiday_has_nothing_to_do_and_leaves_no_record(bars: Settings) -> None:
    with pytest.raises(NothingToDo, match="2022-12-26 is no session of XNYS"):
        publish(SILVER, Request(date(2022, 12, 26)), bars, clock=CLOCK)
    assert states(bars) == []


class TestCrashed:
    @pytest.mark.parametrize("step", ["publish", "record"])
    def test_killed_and_run_again_the_content_is_exact(self, bars: Settings, step: str) -> None:
        self.kill_at(bars, step)
        assert states(bars) == [("silver_daily_bars", "running")]
        assert staged(bars)
        done = run(SILVER, bars)
        assert done.counts == {"read": 7, "kept": 5, "duplicates": 1, "rejected": 1}
        assert len(content(bars, DAILY_BARS)) == 5
        assert len(content(bars, REJECTED_ROWS)) == 1
        assert states(bars) == [("silver_daily_bars", "failed"), ("silver_daily_bars", "published")]
        assert staged(bars) == []

    @staticmethod
    def kill_at(settings: Settings, step: str) -> None:
        words = [sys.executable, "-m", "tests.factories.job_process", "spark_jobs.silver_daily_bars", step, str(DAY)]
        done = subprocess.run(words, env=environment_of(settings), cwd=project_root(), capture_output=True, check=False)
        assert done.returncode == -9, done.stderr.decode()


class TestReproduced:
    def test_an_old_run_is_recomputed_bit_for_bit_after_new_data_arrived(self, bars: Settings) -> None:
        silver, returns = run(SILVER, bars), run(RETURNS, bars)
        land(bars, MARKET_BARS_DAILY, [bar("A", date(2022, 12, 27), "1"), bar("C", DAY, "3")], first_offset=7)
        newer = run(SILVER, bars)
        run(RETURNS, bars)
        assert newer.outputs[DAILY_BARS.name].content_hash != silver.outputs[DAILY_BARS.name].content_hash
        before = content(bars, RETURNS_DAILY)
        for job, done in ((SILVER, silver), (RETURNS, returns)):
            verdict = reproduce(job, done.run_id, bars, clock=CLOCK)
            assert verdict.reproduced, verdict.hashes
        assert content(bars, RETURNS_DAILY) == before
        assert staged(bars) == []

    def test_what_a_killed_recomputation_left_is_swept_a_day_later(self, bars: Settings) -> None:
        client = objects.connect(bars.s3)
        names = [f"_staging/reproduce/{run_id}/t/part-0" for run_id in ("a", "b")]
        for name in (*names, "_staging/bars_1m/c/t/part-0"):
            client.put_object(bucket_name=bars.s3.lake_bucket, object_name=name, data=BytesIO(b"x"), length=1)
        run(SILVER, bars)
        optimize(bars, timedelta(hours=23))
        assert [name for name in staged(bars) if "reproduce" in str(name)] == names
        optimize(bars, timedelta(hours=25))
        assert staged(bars) == ["_staging/bars_1m/c/t/part-0"]
        assert run(SILVER, bars).counts["kept"] == 3

    def test_an_unknown_run_is_an_error(self, bars: Settings) -> None:
        with pytest.raises(UnknownRunError, match="no published run nothing of silver_daily_bars"):
            reproduce(SILVER, "nothing", bars, clock=CLOCK)

    def test_positions_cannot_be_recomputed(self, lake: Settings) -> None:
        done = run(POSITIONS, lake)
        with pytest.raises(IrreproducibleError, match=r"positions_daily cannot be .*PostgreSQL keeps no versions"):
            reproduce(POSITIONS, done.run_id, lake, clock=CLOCK)
