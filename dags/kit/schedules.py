"""When a DAG runs. Every run carries its business date as partition key."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from airflow.sdk import CronPartitionTimetable, IdentityMapper, PartitionedAssetTimetable

from dags.kit.assets import awaited
from lakehouse.errors import TidemarkError
from lakehouse.settings import load

PARTITION_FORMAT = "%Y-%m-%d"
"""How every partition key is written. Airflow compares keys as text: a DAG that wrote them in another way would never
match, and its consumers would silently never run."""


class BusinessDateError(TidemarkError):
    """A run that says no business date, or says it in another form than YYYY-MM-DD."""


def after_us_close() -> CronPartitionTimetable:
    """Weekdays at 18:00 in New York, two hours after the close; the partition is that day."""
    return _cron("0 18 * * 1-5", "America/New_York")


def nightly() -> CronPartitionTimetable:
    """Every day at 03:30 UTC, when no market that Tidemark knows closes; the partition is that day."""
    return _cron("30 3 * * *", "UTC")


def weekly() -> CronPartitionTimetable:
    """Every Saturday at 04:30 UTC, when the week's last session is in; the partition is that Saturday."""
    return _cron("30 4 * * 6", "UTC")


def quarter_hourly() -> CronPartitionTimetable:
    """Every quarter of an hour; the partition is the day in UTC."""
    return _cron("*/15 * * * *", "UTC")


def allocation_sweep() -> CronPartitionTimetable:
    """As the settings say, by the clock of New York; the partition is that day."""
    return _cron(load().allocation.sweep, "America/New_York")


def _cron(expression: str, timezone: str) -> CronPartitionTimetable:
    # A stack that is installed shortly after a tick must not run for it, having no data of that day. False would not
    # do: it means "up to a tenth of the interval late", which is seven hours on a Friday evening.
    return CronPartitionTimetable(
        expression, timezone=timezone, run_immediately=timedelta(0), key_format=PARTITION_FORMAT
    )


def when_published(names: Iterable[str]) -> PartitionedAssetTimetable:
    """As soon as every table that the jobs `names` wait for has the same partition; that partition."""
    return PartitionedAssetTimetable(assets=awaited(tuple(names)), default_partition_mapper=IdentityMapper())


def business_date(text: str) -> date:
    """Read a partition key. Raises BusinessDateError for any form but YYYY-MM-DD."""
    try:
        found = datetime.strptime(text, PARTITION_FORMAT).date()  # noqa: DTZ007 -- a calendar day has no zone
    except ValueError as error:
        raise BusinessDateError(f"{text!r} is no business date: write it as YYYY-MM-DD") from error
    if found.isoformat() != text:
        raise BusinessDateError(f"{text!r} is no business date: write it as {found.isoformat()}")
    return found
