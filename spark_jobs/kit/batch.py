"""The life of a batch run: plan, compute, stage, audit, publish, record. A failed audit publishes nothing."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from spark_jobs.kit import lock
from spark_jobs.kit.args import Request
from spark_jobs.kit.errors import UnavailableError
from spark_jobs.kit.lake import Lake
from spark_jobs.kit.manifest import Manifest, OutputRecord, PartitionRecord, State, code_version, environment
from spark_jobs.kit.model import Audit, Batch, Output
from spark_jobs.kit.run import OnStep, Run, Steps, quiet
from spark_jobs.kit.runs import RunLog
from spark_jobs.kit.session import opened
from spark_jobs.kit.staging import Staged, Staging, stage_and_audit


class PublishedOtherwiseError(UnavailableError):
    """The table holds another number of rows after the commit than was audited. Carries `table`."""

    def __init__(self, table: str, audited: int, found: int) -> None:
        self.table = table
        super().__init__(f"{table}: {audited} rows were audited but {found} are there after the commit; run again")


def publish(job: Batch, request: Request, settings: Settings, *, clock: Clock, on_step: OnStep = quiet) -> Manifest:
    """Run the job and publish its outputs; idempotent, and safe to repeat after a crash at any step.

    A run id that was published already gives its manifest and does nothing. Blocks while another run of the job is at
    work. Raises DataError for what another try cannot mend, UnavailableError for what it can; `on_step` hears of each
    step as it begins.
    """
    steps = Steps(clock, on_step)
    with postgres.connect(settings.postgres) as connection:
        connection.autocommit = True
        log = RunLog(connection, job.spec)
        if request.run_id and (done := log.published(request.run_id)):
            return done
        with lock.held(connection, f"job {job.spec.name}", clock=clock):
            manifest = begun(job.spec.name, request, clock)
            log.begin(manifest, clock.now())
            publication = _Publication(job, manifest, settings, connection, log, steps)
            try:
                finished = publication.run()
            except BaseException as error:
                record_failure(log, manifest, error, clock)
                raise
            log.finish(finished, clock.now())
            return finished


def begun(job: str, request: Request, clock: Clock) -> Manifest:
    """The manifest of a run that starts now."""
    return Manifest(
        run_id=request.run_id or str(uuid7(clock)),
        job=job,
        business_date=request.business_date,
        state=State.RUNNING,
        code_version=code_version(),
        environment=environment(),
    )


def record_failure(log: RunLog, manifest: Manifest, error: BaseException, clock: Clock) -> None:
    """Record a run as failed, with the error's own words."""
    told = f"{type(error).__name__}: {error}"[:2000]
    log.finish(replace(manifest, state=State.FAILED, error=told), clock.now())


@dataclass(frozen=True, slots=True)
class _Publication:
    job: Batch
    manifest: Manifest
    settings: Settings
    connection: Connection[TupleRow]
    log: RunLog
    steps: Steps

    def run(self) -> Manifest:
        with ExitStack() as stack:
            with self.steps.timed("session"):
                session = stack.enter_context(opened(self.settings.spark, self.manifest.run_id))
            lake = Lake(session, self.settings.s3)
            staging = Staging(session, self.settings.s3, self.job.spec.name, self.manifest.run_id)
            staging.sweep()
            stack.callback(staging.clear)
            run = self._run(lake)
            with self.steps.timed("plan"):
                parameters = self.job.plan(run)
            computed = self.job.compute(run, parameters)
            staged = stage_and_audit(computed.outputs, staging, self.steps)
            counts = computed.reconcile({name: done.audit for name, done in staged.items()})
            outputs = {name: self._replaced(lake, done) for name, done in staged.items()}
        return replace(
            self.manifest,
            state=State.PUBLISHED,
            parameters=parameters,
            inputs=run.inputs,
            outputs=outputs,
            counts=counts,
            timings_s=self.steps.seconds,
        )

    def _run(self, lake: Lake) -> Run:
        return Run(
            run_id=self.manifest.run_id,
            job=self.manifest.job,
            business_date=self.manifest.business_date,
            settings=self.settings,
            lake=lake,
            versions=self.log.versions,
            previous=self.log.last_published(),
        )

    def _replaced(self, lake: Lake, done: Staged) -> OutputRecord:
        table, scope = done.output.table, done.output.scope
        # Asking for a lock also proves that the connection, and so the job's own lock, is still ours.
        with (
            self.steps.timed(f"publish {table.name}"),
            lock.held(self.connection, f"table {table.name}", clock=self.steps.clock),
        ):
            lake.create(table)
            if done.audit.row_count == 0 and not lake.rows_in(table, scope.partitions):
                version = lake.version(table)
            else:
                version = lake.replace(table, done.frame, scope, self.manifest.run_id)
            held = lake.rows_in(table, scope.partitions, version)
        if scope.whole and sum(held.values()) != done.audit.row_count:
            raise PublishedOtherwiseError(table.name, done.audit.row_count, sum(held.values()))
        return record(done.output, done.audit, version, held)


def record(output: Output, audit: Audit, version: int | None, held: Mapping[str, int]) -> OutputRecord:
    """What the manifest keeps of an output. `held` are the rows in each partition after the commit."""
    partitions = {
        value: PartitionRecord(held.get(value, 0), audit.hashes.get(value, ""), audit.sums.get(value, {}))
        for value in output.scope.partitions
    }
    return OutputRecord(audit.row_count, audit.content_hash, partitions, version)


