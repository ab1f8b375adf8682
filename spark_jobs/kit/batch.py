"""The life of a batch run: plan, compute, stage, audit, publish. A failed audit publishes nothing."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from lakehouse.clock import Clock
from lakehouse.settings import Settings
from spark_jobs.kit import life, lock
from spark_jobs.kit.args import Request
from spark_jobs.kit.errors import UnavailableError
from spark_jobs.kit.lake import Lake
from spark_jobs.kit.manifest import Manifest, OutputRecord, PartitionRecord, State
from spark_jobs.kit.model import Audit, Batch, Output
from spark_jobs.kit.run import OnStep, Run, Steps, quiet
from spark_jobs.kit.session import opened
from spark_jobs.kit.staging import Staged, Staging, stage_and_audit

SMALL_ROWS = 100_000


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

    def work(session: life.Session) -> Manifest:
        return _Publication(job, session, Steps(clock, on_step), request.rebuild).run()

    return life.recorded(job.spec, request, settings, clock=clock, work=work)


@dataclass(frozen=True, slots=True)
class _Publication:
    job: Batch
    life: life.Session
    steps: Steps
    rebuild: bool

    def run(self) -> Manifest:
        settings, begun = self.life.settings, self.life.manifest
        with ExitStack() as stack:
            with self.steps.timed("session"):
                session = stack.enter_context(opened(settings.spark, begun.run_id))
            lake = Lake(session, settings.s3)
            staging = Staging(session, settings.s3, self.job.spec.name, begun.run_id)
            staging.sweep()
            stack.callback(staging.clear)
            run = self._run(lake)
            with self.steps.timed("plan"):
                parameters = self.job.plan(run)
            with self.steps.timed("compute"):
                computed = self.job.compute(run, parameters)
            staged = stage_and_audit(computed.outputs, staging, self.steps, run)
            self.life.findings.extend(finding for done in staged.values() for finding in done.audit.findings)
            counts = computed.reconcile({name: done.audit for name, done in staged.items()})
            with self.steps.timed("publish"):
                outputs = self._replace_all(lake, staged)
            self.steps.on_step("record")
        return replace(
            begun,
            state=State.PUBLISHED,
            parameters=parameters,
            inputs=run.inputs,
            input_ids=run.input_ids,
            outputs=outputs,
            counts=counts,
            timings_s=self.steps.seconds,
        )

    def _run(self, lake: Lake) -> Run:
        begun, log = self.life.manifest, self.life.log
        return Run(
            run_id=begun.run_id,
            job=begun.job,
            business_date=begun.business_date,
            settings=self.life.settings,
            lake=lake,
            status=log.status,
            previous=None if self.rebuild else log.last_published(),
            rebuild=self.rebuild,
        )

    def _replace_all(self, lake: Lake, staged: Mapping[str, Staged]) -> dict[str, OutputRecord]:
        with ThreadPoolExecutor(len(staged)) as pool:
            try:
                done = list(pool.map(lambda found: self._replaced(lake, found), staged.values()))
            except BaseException:
                # The pool waits for its threads, and these wait for the server: end their queries first.
                lake.session.interruptAll()
                raise
        return dict(zip(staged, done, strict=True))

    def _replaced(self, lake: Lake, done: Staged) -> OutputRecord:
        run_id = self.life.manifest.run_id
        lake.session.addTag(run_id)
        table, scope = done.output.table, done.output.scope
        # Asking for a lock also proves that the connection, and so the job's own lock, is still ours.
        with lock.held(self.life.connection, f"table {table.name}", clock=self.life.clock):
            lake.create(table)
            if done.audit.row_count == 0 and not lake.rows_in(table, scope.partitions):
                version = lake.version(table)
            else:
                # One file a partition where that is enough: readers pay for every file.
                frame = done.frame.coalesce(1) if done.audit.row_count < SMALL_ROWS else done.frame
                version = lake.replace(table, frame, scope, run_id)
            held = lake.rows_in(table, scope.partitions, version)
        if scope.whole and sum(held.values()) != done.audit.row_count:
            raise PublishedOtherwiseError(table.name, done.audit.row_count, sum(held.values()))
        return _record(done.output, done.audit, version, held)


def _record(output: Output, audit: Audit, version: int, held: Mapping[str, int]) -> OutputRecord:
    partitions = {
        value: PartitionRecord(held.get(value, 0), audit.hashes.get(value, ""), audit.sums.get(value, {}))
        for value in output.scope.partitions
    }
    checks = {result.check: result.rows for result in audit.results}
    return OutputRecord(audit.row_count, audit.content_hash, partitions, version, checks)
