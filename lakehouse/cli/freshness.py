"""`tidemark freshness`: how old each table's last good publication is, whatever the scheduler says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.contracts.jobs import JOBS
from lakehouse.contracts.model import Store
from lakehouse.contracts.tables import tables_in
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings, load

if TYPE_CHECKING:
    from collections.abc import Mapping

NEWEST = "SELECT table_name, max(published_at) FROM ops.asset_status GROUP BY table_name"


class Stale(TidemarkError):
    """Tables are older than their jobs allow; they were printed."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """A table that a job promises: when it was last published well, and how old it may get. `age` is None where it
    never was."""

    table: str
    job: str
    age: timedelta | None
    allowed: timedelta

    @property
    def is_fresh(self) -> bool:
        """Whether it is as young as promised; what was never published is not."""
        return self.age is not None and self.age <= self.allowed


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(freshness)


def freshness() -> None:
    """Print how old each table is and how old it may get. Ends with status 1 where one is older.

    Reads PostgreSQL alone: it tells the truth where Airflow, Spark or the API are down.
    """
    found = judged(published(load().postgres), SystemClock().now())
    console = Console(soft_wrap=True, highlight=False)
    for each in found:
        console.print(f"{'fresh' if each.is_fresh else 'STALE'}  {each.table:<36} {_told(each)}", markup=False)
    stale = [each.table for each in found if not each.is_fresh]
    if stale:
        raise Stale(f"{len(stale)} of {len(found)} tables are stale: run what writes them, or see docs/runbook.md")


def published(section: PostgresSettings) -> dict[str, datetime]:
    """When each table was last published well. Raises OperationalError where PostgreSQL does not answer."""
    from lakehouse.stores import postgres

    with postgres.connect(section) as connection:
        return dict(connection.execute(NEWEST).fetchall())


def judged(newest: "Mapping[str, datetime]", now: datetime) -> list[Freshness]:
    """Every Delta table that a job promises, by name; of several jobs the most patient one counts."""
    promises = {}
    for job in sorted(JOBS.values(), key=lambda job: job.max_age_h):
        promises.update(dict.fromkeys(job.outputs, job))
    return [
        Freshness(
            table.name,
            promises[table.name].name,
            now - newest[table.name] if table.name in newest else None,
            timedelta(hours=promises[table.name].max_age_h),
        )
        for table in sorted(tables_in(Store.DELTA), key=lambda table: table.name)
        if table.name in promises
    ]


def _told(each: Freshness) -> str:
    allowed = f"may be {_hours(each.allowed)} old ({each.job})"
    return f"never published, {allowed}" if each.age is None else f"{_hours(each.age)} old, {allowed}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
