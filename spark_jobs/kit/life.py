"""The record of a run: begun, published or failed, one at a time a job."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.contracts.model import Job
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from spark_jobs.kit import lineage, lock
from spark_jobs.kit.args import Request
from spark_jobs.kit.audit import AuditFailedError
from spark_jobs.kit.errors import NothingToDo
from spark_jobs.kit.findings import Finding
from spark_jobs.kit.manifest import Manifest, State, code_version, environment
from spark_jobs.kit.runs import RunLog


@dataclass(frozen=True, slots=True)
class Session:
    """What a running job holds: its open record, its log, and the connection that its locks live on. What it adds to
    `findings` is recorded with how it ended."""

    manifest: Manifest
    settings: Settings
    connection: Connection[TupleRow]
    log: RunLog
    clock: Clock
    findings: list[Finding] = field(default_factory=list)


Work = Callable[[Session], Manifest]
"""Does the job and returns its manifest in state PUBLISHED."""


def recorded(job: Job, request: Request, settings: Settings, *, clock: Clock, work: Work) -> Manifest:
    """Do `work` under the job's lock and record how it ended. A run id that was published already gives its manifest
    and does nothing. Blocks while another run of the job is at work. An error is recorded and raised again;
    NothingToDo leaves no record. Runs of the job that were killed are recorded as failed first. Raises RunIdTakenError
    for a run id of another job."""
    with postgres.connect(settings.postgres) as connection:
        connection.autocommit = True
        log = RunLog(connection, job)
        if done := _done(log, request):
            return done
        with lock.held(connection, f"job {job.name}", clock=clock):
            # Whoever held the lock may have published this very run id meanwhile.
            if done := _done(log, request):
                return done
            log.close_orphans(clock.now())
            manifest = _begun(job, request, clock)
            log.begin(manifest, clock.now())
            lineage.told(job, manifest, settings, clock.now())
            session = Session(manifest, settings, connection, log, clock)
            try:
                finished = work(session)
            except NothingToDo:
                log.forget(manifest.run_id)
                lineage.ended_without_work(job, manifest, settings, clock.now())
                raise
            except BaseException as error:
                told = f"{type(error).__name__}: {error}"[:2000]
                found = error.findings if isinstance(error, AuditFailedError) else tuple(session.findings)
                failed = replace(manifest, state=State.FAILED, error=told)
                log.finish(failed, clock.now(), found)
                lineage.told(job, failed, settings, clock.now(), found)
                raise
            log.finish(finished, clock.now(), session.findings)
            lineage.told(job, finished, settings, clock.now(), session.findings)
            return finished


def _done(log: RunLog, request: Request) -> Manifest | None:
    return log.published(request.run_id) if request.run_id else None


def _begun(job: Job, request: Request, clock: Clock) -> Manifest:
    return Manifest(
        run_id=request.run_id or str(uuid7(clock)),
        job=job.name,
        business_date=request.business_date,
        state=State.RUNNING,
        code_version=code_version(),
        environment=environment(),
    )
