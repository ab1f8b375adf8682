"""What PostgreSQL knows of the pipelines: publishes, runs and the outbox."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString

from serving.kit.database import Database

ASSETS: Final[LiteralString] = """
    SELECT DISTINCT ON (table_name) table_name, partition_value, delta_version, row_count, published_at
    FROM ops.asset_status ORDER BY table_name, published_at DESC, partition_value DESC
"""
RUNS: Final[LiteralString] = """
    SELECT DISTINCT ON (r.job) r.job, r.run_id, r.state, r.business_date, r.started_at, r.finished_at,
           (SELECT max(p.finished_at) FROM ops.job_run AS p WHERE p.job = r.job AND p.state = 'published')
               AS last_published_at
    FROM ops.job_run AS r ORDER BY r.job, r.started_at DESC, r.run_id DESC
"""
OUTBOX: Final[LiteralString] = """
    SELECT count(*) AS waiting, min(occurred_at) AS oldest FROM ops.outbox WHERE published_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class AssetRow:
    """The newest publish of a table."""

    table_name: str
    partition_value: str
    delta_version: int
    row_count: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    """The newest run of a job."""

    job: str
    run_id: str
    state: str
    business_date: date
    started_at: datetime
    finished_at: datetime | None
    last_published_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """What waits."""

    waiting: int
    oldest: datetime | None


class PipelineRepository:
    """Reads of the platform's records. Methods raise PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def assets(self) -> list[AssetRow]:
        """The newest publish of every table."""
        return await self._database.fetch(ASSETS, {}, AssetRow)

    async def runs(self) -> list[RunRow]:
        """The newest run of every job."""
        return await self._database.fetch(RUNS, {}, RunRow)

    async def outbox(self) -> OutboxRow:
        """The events that wait."""
        rows = await self._database.fetch(OUTBOX, {}, OutboxRow)
        return rows[0]
