"""`tidemark freshness`: how old each table's last good publication is, whatever the scheduler says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.contracts.freshness import PROMISES, is_fresh
from lakehouse.contracts.model import Job, Store
from lakehouse.contracts.tables import tables_in
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings, load

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = timedelta(hours=1)
NEWEST = "SELECT table_name, max(published_at) FROM ops.asset_status GROUP BY table_name"


class Stale(TidemarkError):
    """Tables are older than their jobs allow; they were printed."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """A table that `job` promises: how long ago it was last published well, None where it never was, and whether that
    is as young as promised."""

    table: str
    job: Job
    age: timedelta | None
    is_fresh: bool


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(freshness)


def freshness() -> None:
    """Print how old each table is and how old it may get, in days on which the market trades. Ends with status 1 where
    one is older.

    Reads PostgreSQL alone: it tells the truth where Airflow, Spark or the API are down.
    """
    settings = load()
    found = judged(published(settings.postgres), SystemClock().now(), settings.market.calendar)
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


def judged(newest: "Mapping[str, datetime]", now: datetime, exchange: str) -> list[Freshness]:
    """Every Delta table that a job promises, by name."""
    promised = sorted(table.name for table in tables_in(Store.DELTA) if table.name in PROMISES)
    return [_judged(name, newest.get(name), now, exchange) for name in promised]


def _judged(name: str, at: datetime | None, now: datetime, exchange: str) -> Freshness:
    job = PROMISES[name]
    if at is None:
        return Freshness(name, job, None, is_fresh=False)
    return Freshness(name, job, now - at, is_fresh(at, now, job, exchange))


def _told(each: Freshness) -> str:
    allowed = f"may be {each.job.max_age_h} h of trading days old ({each.job.name})"
    return "never published, " + allowed if each.age is None else f"{each.age / HOUR:.1f} h old, {allowed}"
