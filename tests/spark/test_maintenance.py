"""Nightly maintenance: what manifests pin stays readable within the horizon, and what is past it goes."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from lakehouse.clock import SystemClock
from lakehouse.contracts.jobs import OPTIMIZE_LAKE
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.silver import DAILY_BARS
from lakehouse.settings import Settings
from lakehouse.stores import delta, spark
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.lake import Lake
from spark_jobs.kit.life import recorded
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import partitions
from spark_jobs.kit.reproduce import reproduce
from spark_jobs.kit.run import Steps
from spark_jobs.kit.session import opened
from spark_jobs.optimize_lake import job
from spark_jobs.optimize_lake.job import optimize_lake
from spark_jobs.returns_daily.job import JOB as RETURNS
from spark_jobs.silver_daily_bars.job import JOB as SILVER
from tests.factories.lake import bar, land

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

DAY = date(2022, 12, 28)
CLOCK = SystemClock()
FILES = "delta.deletedFileRetentionDuration"


def optimize(settings: Settings) -> Manifest:
    return recorded(
        OPTIMIZE_LAKE, Request(DAY), settings, clock=CLOCK, work=lambda session: optimize_lake(session, Steps(CLOCK))
    )


def test_a_pinned_version_is_kept_within_the_horizon_and_goes_after_it(
    lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, close in enumerate(("10", "11")):
        days = [date(2022, 12, 27), DAY]
        land(lake, MARKET_BARS_DAILY, [bar("A", day, close) for day in days], first_offset=2 * number)
        publish(SILVER, Request(DAY), lake, clock=CLOCK)
        if number == 0:
            first = publish(RETURNS, Request(DAY), lake, clock=CLOCK)
    pinned = first.inputs[DAILY_BARS.name]
    assert delta.open_table(lake.s3, DAILY_BARS).version() > pinned

    # Somebody cut the horizon to nothing: maintenance first restores what the contract says, then cleans up.
    address = spark.uri(lake.s3, DAILY_BARS)
    with opened(lake.spark, "test") as session:
        session.sql(f"ALTER TABLE delta.`{address}` SET TBLPROPERTIES ('{FILES}' = 'interval 0 hours')")
    optimize(lake)
    kept = delta.open_table(lake.s3, DAILY_BARS).metadata().configuration
    assert {name: kept[name] for name in delta.retention(DAILY_BARS)} == delta.retention(DAILY_BARS)
    assert reproduce(RETURNS, first.run_id, lake, clock=CLOCK).reproduced
    rows = delta.open_table(lake.s3, DAILY_BARS, version=pinned).to_pyarrow_table().to_pylist()
    assert {row["close"] for row in rows} == {Decimal(10)}

    # Past the horizon its files go: the same run cannot be computed again, and says so, whatever the horizon is then.
    with monkeypatch.context() as horizon:
        horizon.setattr(job, "tables_in", lambda _: (replace(DAILY_BARS, retention_days=0),))
        optimize(lake)
    optimize(lake)
    with pytest.raises(Exception, match=r"(?i)not.?found|does not exist|no such|FAILED_READ_FILE"):
        reproduce(RETURNS, first.run_id, lake, clock=CLOCK)
    assert delta.open_table(lake.s3, RETURNS_DAILY).to_pyarrow_table().num_rows == 1


def test_small_files_are_put_together_and_maintenance_twice_changes_nothing(lake: Settings) -> None:
    land(lake, MARKET_BARS_DAILY, [bar(name, DAY, "10") for name in "AB"])
    publish(SILVER, Request(DAY), lake, clock=CLOCK)
    assert optimize(lake).counts[DAILY_BARS.name] == 0
    with opened(lake.spark, "test") as session:
        held = Lake(session, lake.s3)
        rows = held.at(DAILY_BARS, held.version(DAILY_BARS))
        halves = rows.repartitionByRange(2, "symbol")
        scattered = held.replace(DAILY_BARS, halves, partitions(DAILY_BARS, (DAY.year,)), "scattered")
    assert len(delta.open_table(lake.s3, DAILY_BARS).file_uris()) == 2
    assert optimize(lake).counts[DAILY_BARS.name] == 2
    once = delta.open_table(lake.s3, DAILY_BARS)
    assert (once.version(), len(once.file_uris()), once.to_pyarrow_table().num_rows) == (scattered + 1, 1, 2)
    optimize(lake)
    assert delta.open_table(lake.s3, DAILY_BARS).version() == scattered + 1
