"""Run manifests and asset status in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from lakehouse.contracts.model import Job, Table
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.findings import Finding, Found, keep
from spark_jobs.kit.manifest import Manifest, State, parse


class UnknownRunError(DataError):
    """No published run has this id."""

    def __init__(self, run_id: str, job: str) -> None:
        self.run_id, self.job = run_id, job
        super().__init__(f"no published run {run_id} of {job}: look for one in ops.job_run")


class RunIdTakenError(DataError):
    """The run id names a run that must not be overwritten."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"run id {run_id} is that of another job's run or of a published one: choose another")


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """A partition as last published: the Delta version, the rows in it, and the run that did it."""

    version: int
    rows: int
    run_id: str


class RunLog:
    """The records of one job's runs. Every method is one transaction on an autocommit connection."""

    def __init__(self, connection: Connection[TupleRow], job: Job) -> None:
        self._connection = connection
        self._job = job

    def published(self, run_id: str) -> Manifest | None:
        """The manifest of a published run of this job, or None."""
        return self._manifest(
            "SELECT manifest FROM ops.job_run WHERE run_id = %s AND job = %s AND state = 'published'",
            (run_id, self._job.name),
        )

    def require(self, run_id: str) -> Manifest:
        """The manifest of a published run of this job. Raises UnknownRunError."""
        found = self.published(run_id)
        if found is None:
            raise UnknownRunError(run_id, self._job.name)
        return found

    def last_published(self) -> Manifest | None:
        """The manifest that this job published last, for whatever business date."""
        return self._manifest(
            "SELECT manifest FROM ops.job_run WHERE job = %s AND state = 'published' ORDER BY finished_at DESC LIMIT 1",
            (self._job.name,),
        )

    def begin(self, manifest: Manifest, started_at: datetime) -> None:
        """Record a run as running; a run of this job and id that failed or was killed begins anew. Raises
        RunIdTakenError for an id of another job's run or of a published one."""
        done = self._connection.execute(
            """
            INSERT INTO ops.job_run (run_id, job, business_date, state, started_at, manifest)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (run_id) DO UPDATE
            SET state = excluded.state, started_at = excluded.started_at, finished_at = NULL,
                business_date = excluded.business_date, manifest = excluded.manifest
            WHERE job_run.job = excluded.job AND job_run.state <> 'published'
            """,
            (
                manifest.run_id,
                manifest.job,
                manifest.business_date,
                manifest.state,
                started_at,
                Jsonb(manifest.document()),
            ),
        )
        if done.rowcount != 1:
            raise RunIdTakenError(manifest.run_id)

    def close_orphans(self, now: datetime) -> int:
        """Record the job's runs that ended without a word as failed, and return how many there were: only under the
        job's lock, when none of them can be alive."""
        told = Jsonb({"state": State.FAILED, "error": "the process ended without a word"})
        done = self._connection.execute(
            "UPDATE ops.job_run SET state = 'failed', finished_at = greatest(%s, started_at), "
            "manifest = manifest || %s WHERE job = %s AND state = 'running'",
            (now, told, self._job.name),
        )
        return done.rowcount

    def forget(self, run_id: str) -> None:
        """Drop the record of a run that had nothing to do."""
        self._connection.execute("DELETE FROM ops.job_run WHERE run_id = %s AND state = 'running'", (run_id,))

    def finish(self, manifest: Manifest, finished_at: datetime, findings: Sequence[Finding] = ()) -> None:
        """Record a run as over, what its checks found, and every partition that it published as good, in one
        transaction."""
        with self._connection.transaction():
            self._connection.execute(
                "UPDATE ops.job_run SET state = %s, finished_at = greatest(%s, started_at), manifest = %s "
                "WHERE run_id = %s",
                (manifest.state, finished_at, Jsonb(manifest.document()), manifest.run_id),
            )
            by = Found(manifest.run_id, manifest.job, manifest.business_date, finished_at)
            keep(self._connection, by, findings)
            if manifest.state is State.PUBLISHED:
                self._mark_good(manifest, finished_at)

    def status(self, table: Table) -> dict[str, PartitionStatus]:
        """The last good publication of each partition of `table`, whichever job made it, by partition as text."""
        found = self._connection.execute(
            "SELECT partition_value, delta_version, row_count, run_id FROM ops.asset_status WHERE table_name = %s",
            (table.name,),
        )
        return {value: PartitionStatus(version, rows, run_id) for value, version, rows, run_id in found}

    def of_any_job(self, run_id: str) -> Manifest:
        """The manifest of a published run of whatever job. Raises UnknownRunError."""
        found = self._manifest("SELECT manifest FROM ops.job_run WHERE run_id = %s AND state = 'published'", (run_id,))
        if found is None:
            raise UnknownRunError(run_id, "any job")
        return found

    def _mark_good(self, manifest: Manifest, published_at: datetime) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO ops.asset_status
                    (table_name, partition_value, delta_version, row_count, run_id, published_at)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (table_name, partition_value) DO UPDATE
                SET delta_version = excluded.delta_version, row_count = excluded.row_count,
                    run_id = excluded.run_id, published_at = excluded.published_at
                """,
                [
                    (name, value, output.delta_version, partition.row_count, manifest.run_id, published_at)
                    for name, output in manifest.outputs.items()
                    if output.delta_version is not None
                    for value, partition in output.partitions.items()
                ],
            )

    def _manifest(self, query: str, parameters: tuple[str, ...]) -> Manifest | None:
        row = self._connection.execute(query, parameters).fetchone()
        if row is None:
            return None
        document: Mapping[str, Any] = row[0]
        return parse(document)
