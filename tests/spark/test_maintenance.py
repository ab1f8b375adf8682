"""Nightly maintenance: what manifests pin stays readable within the horizon, and what is past it goes."""

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
from spark_jobs.kit.life import recorded
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.reproduce import reproduce
from spark_jobs.kit.run import Steps
from spark_jobs.kit.session import opened
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


def test_a_pinned_version_is_kept_within_the_horizon_and_goes_after_it(lake: Settings) -> None:
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

    # Past the horizon its files go: the same run cannot be computed again, and says so.
    with opened(lake.spark, "test") as session:
        session.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
        session.sql(f"VACUUM delta.`{address}` RETAIN 0 HOURS").collect()
    with pytest.raises(Exception, match=r"(?i)not.?found|does not exist|no such|FAILED_READ_FILE"):
        reproduce(RETURNS, first.run_id, lake, clock=CLOCK)
    assert delta.open_table(lake.s3, RETURNS_DAILY).to_pyarrow_table().num_rows == 1


def test_maintenance_twice_changes_nothing(lake: Settings) -> None:
    land(lake, MARKET_BARS_DAILY, [bar("A", DAY, "10")])
    publish(SILVER, Request(DAY), lake, clock=CLOCK)
    optimize(lake)
    before = delta.open_table(lake.s3, DAILY_BARS).version()
    optimize(lake)
    assert delta.open_table(lake.s3, DAILY_BARS).version() == before
