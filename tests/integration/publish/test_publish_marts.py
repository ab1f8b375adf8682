"""Gold to ClickHouse: exact after a crash anywhere, repeated, late, and refused where the copy differs."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from psycopg.types.json import Jsonb

from lakehouse.clock import SystemClock
from lakehouse.contracts.jobs import BARS_1M as SPEC, PUBLISH_MARTS
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.gold import BARS_1M
from lakehouse.settings import Settings, project_root
from lakehouse.stores import clickhouse, postgres
from spark_jobs.kit import life
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run, Steps
from spark_jobs.publish_marts.job import publish_marts
from spark_jobs.publish_marts.loads import MartMismatchError
from tests.factories.lake import environment_of

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.engines("s3")]

CLOCK = SystemClock()
DAYS = (date(2022, 12, 27), date(2022, 12, 28))


def bars_of(day: date, count: int, base: float) -> list[dict[str, Any]]:
    start = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    return [
        {
            "event_date": day,
            "symbol": ("ÄÖ", "b c", "d'e")[n % 3],
            "bar_start": start + timedelta(minutes=n),
            "open": base + n / 7,
            "high": base + n / 3 + 1,
            "low": -base - n / 3,
            "close": base + n / 9,
            "volume": n / 11,
            "vwap": None if n % 4 == 0 else base + n / 13,
            "trade_count": n + 1,
        }
        for n in range(count)
    ]


def write_gold(settings: Settings, rows: Mapping[date, list[dict[str, Any]]]) -> Manifest:
    """Publish rows to gold as the job of that table does: staged, audited, with a manifest."""

    def compute(run: Run, _: Mapping[str, Any]) -> Computed:
        listed = [row for found in rows.values() for row in found]
        frame = from_arrow(run.session, pa.Table.from_pylist(listed, arrow.schema(BARS_1M)))
        return Computed((Output(BARS_1M, frame, partitions(BARS_1M, tuple(rows))),))

    return publish(Batch(SPEC, lambda _: {}, compute), Request(DAYS[-1]), settings, clock=CLOCK)


def load_marts(settings: Settings) -> Manifest:
    return life.recorded(
        PUBLISH_MARTS,
        Request(DAYS[-1]),
        settings,
        clock=CLOCK,
        work=lambda session: publish_marts(session, Steps(CLOCK)),
    )


def counts(client: Client) -> dict[str, int]:
    found = client.query("SELECT toString(event_date), count() FROM bars_1m_v1 GROUP BY 1")
    return {value: int(rows) for value, rows in found.result_rows}


def leftovers(client: Client) -> list[str]:
    found = client.query("SELECT name FROM system.tables WHERE startsWith(name, '_load_')")
    return [str(name) for (name,) in found.result_rows]


def loads(client: Client) -> int:
    return int(client.query("SELECT count() FROM mart_load_v1").result_rows[0][0])


def test_loaded_once_repeated_late_and_after_losing_rows(lake: Settings) -> None:
    write_gold(lake, {day: bars_of(day, 40, 100.0) for day in DAYS})
    with clickhouse.connect(lake.clickhouse) as client:
        assert load_marts(lake).counts["gold.bars_1m_v1"] == 80
        assert counts(client) == {"2022-12-27": 40, "2022-12-28": 40}
        assert load_marts(lake).outputs["ops.mart_load_v1"].row_count == 0
        assert loads(client) == 2
        # A late correction of one day, that day emptied of half its rows, and a copy that somebody damaged.
        write_gold(lake, {DAYS[0]: bars_of(DAYS[0], 20, 7.0)})
        client.command("ALTER TABLE bars_1m_v1 DROP PARTITION '2022-12-28'")
        assert load_marts(lake).outputs["ops.mart_load_v1"].row_count == 2
        assert counts(client) == {"2022-12-27": 20, "2022-12-28": 40}
        write_gold(lake, {DAYS[0]: []})
        load_marts(lake)
        assert counts(client) == {"2022-12-28": 40}
        assert leftovers(client) == []


def test_a_partition_whose_nullable_column_has_no_value_is_loaded_with_a_hash_of_all_rows(lake: Settings) -> None:
    write_gold(lake, {DAYS[0]: [{**row, "vwap": None} for row in bars_of(DAYS[0], 10, 100.0)]})
    with clickhouse.connect(lake.clickhouse) as client:
        load_marts(lake)
        assert counts(client) == {"2022-12-27": 10}
        hashes = "SELECT content_hash FROM mart_load_v1"
        [(first,)] = client.query(hashes).result_rows
        write_gold(lake, {DAYS[0]: [{**row, "vwap": None, "volume": 1.0} for row in bars_of(DAYS[0], 10, 100.0)]})
        load_marts(lake)
        assert len({found for (found,) in client.query(hashes).result_rows} - {first, "00"}) == 1


@pytest.mark.faults
@pytest.mark.parametrize("step", ["pull gold.bars_1m_v1", "swap gold.bars_1m_v1", "record gold.bars_1m_v1"])
def test_killed_at_any_step_a_retry_leaves_exact_counts(lake: Settings, step: str) -> None:
    write_gold(lake, {day: bars_of(day, 30, 100.0) for day in DAYS})
    words = [sys.executable, "-m", "tests.factories.job_process", "spark_jobs.publish_marts", step, "2022-12-28"]
    killed = subprocess.run(words, env=environment_of(lake), cwd=project_root(), capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    with clickhouse.connect(lake.clickhouse) as client:
        assert loads(client) == 0
        load_marts(lake)
        assert counts(client) == {"2022-12-27": 30, "2022-12-28": 30}
        assert (loads(client), leftovers(client)) == (2, [])


def test_a_copy_that_differs_from_its_manifest_is_not_swapped_in(lake: Settings) -> None:
    done = write_gold(lake, {DAYS[0]: bars_of(DAYS[0], 10, 100.0)})
    output = done.outputs[BARS_1M.name]
    record = output.partitions["2022-12-27"]
    wrong = replace(record, sums={**record.sums, "close": "1"})
    document = replace(done, outputs={BARS_1M.name: replace(output, partitions={"2022-12-27": wrong})}).document()
    with postgres.connect(lake.postgres) as connection:
        connection.execute("UPDATE ops.job_run SET manifest = %s WHERE run_id = %s", (Jsonb(document), done.run_id))
    with pytest.raises(MartMismatchError, match="pulled another sum of close than its run manifest says"):
        load_marts(lake)
    with clickhouse.connect(lake.clickhouse) as client:
        assert counts(client) == {}
