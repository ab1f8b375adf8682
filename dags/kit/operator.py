"""A job of the platform as an Airflow task: the same process that `tidemark run JOB` starts."""

import uuid
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context, TriggerRule
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dags.kit.assets import asset
from dags.kit.child import Child, Finished, Stream
from dags.kit.schedules import BusinessDateError, business_date
from lakehouse.clock import SystemClock
from lakehouse.contracts.job_process import FINAL, JobExit, JobResult, arguments, parse_result
from lakehouse.contracts.jobs import job
from lakehouse.contracts.model import ContractError, Job

BACKOFF = 2.0
"""The delay before a try is at most this many times the one before. True would mean 1.0: no back-off at all."""
MAX_RETRY_DELAY = timedelta(minutes=5)
RUN_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "tidemark://ops/job_run")


class JobFailedError(AirflowException):
    """The job's process failed in a way that another try may mend; the message is the job's own."""


class JobOperator(BaseOperator):
    """Runs one job for the run's business date and publishes an asset event for each table that it wrote.

    The process ends with the task, however the task ends. A failure that is final (JobExit.DATA, .USAGE) fails the task
    at once; a day without input (JobExit.NOTHING_TO_DO) skips it and publishes nothing; any other is tried again.
    `approval` is the task that asked a person before: the job is told who answered.
    """

    ui_color = "#d6eaf8"

    def __init__(self, *, spec: Job, approval: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.approval = approval
        self._child: Child | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the job; the return value (an XCom) holds run id, Delta versions and row counts."""
        day = self._business_date(context)
        run_id = str(uuid.uuid5(RUN_IDS, "/".join(self._identity(context))))
        told = arguments(day, run_id, approver=self._approver(context))
        self._child = Child(self.spec.module, told, clock=SystemClock())
        self.log.info("%s for %s is process %d, run %s", self.spec.name, day, self._child.pid, run_id)
        try:
            finished = self._child.follow(self._log_line)
        finally:
            self._child.stop()
        result = self._result(finished)
        self._publish(context, result, day)
        return _told(result, day)

    def on_kill(self) -> None:
        """End the process: its SIGTERM handler interrupts the query on the Spark Connect server."""
        if self._child is not None:
            self.log.warning("stopping process %d and all that it started", self._child.pid)
            self._child.stop()

    def _approver(self, context: Context) -> str | None:
        """Who answered, by the name that Airflow's own login knows; None where nobody was asked, or where the task that
        asked was marked as done without an answer."""
        answer = context["ti"].xcom_pull(task_ids=self.approval) if self.approval else None
        user = (answer or {}).get("responded_by_user") or {}
        return user.get("name") or user.get("id")

    def _business_date(self, context: Context) -> str:
        run = context["dag_run"]
        told = run.partition_key or (run.conf or {}).get("business_date")
        if not told:
            raise AirflowFailException(
                "this run has no business date: trigger it with a partition key (YYYY-MM-DD) or with the configuration "
                '{"business_date": "YYYY-MM-DD"}'
            )
        try:
            return business_date(str(told)).isoformat()
        except BusinessDateError as error:
            raise AirflowFailException(str(error)) from error

    @staticmethod
    def _identity(context: Context) -> tuple[str, ...]:
        instance = context["ti"]
        return (instance.dag_id, instance.run_id, instance.task_id, str(instance.try_number))

    def _log_line(self, _: Stream, line: str) -> None:
        self.log.info(line)

    def _result(self, finished: Finished) -> JobResult:
        told = f"{self.spec.name} failed ({_ending(finished.exit_code)}): {finished.message or 'it left no message'}"
        if finished.exit_code == JobExit.NOTHING_TO_DO:
            raise AirflowSkipException(finished.message or f"{self.spec.name} has nothing to do")
        if finished.exit_code in FINAL:
            raise AirflowFailException(told)
        if finished.exit_code != JobExit.PUBLISHED:
            raise JobFailedError(told)
        try:
            return parse_result(finished.result)
        except ContractError as error:
            raise AirflowFailException(str(error)) from error

    def _publish(self, context: Context, result: JobResult, day: str) -> None:
        for name in self.spec.outputs:
            extra: dict[str, Any] = {"run_id": result.run_id, "business_date": day}
            if (published := result.outputs.get(name)) is not None:
                extra |= {"delta_version": published.delta_version, "row_count": published.row_count}
            context["outlet_events"][asset(name)].extra.update(extra)


def submit(name: str) -> JobOperator:
    """The task of the job called `name`, with owner, pool, retries, timeout and tables from its spec."""
    return task_of(job(name))


def task_of(
    spec: Job, *, trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS, approval: str | None = None
) -> JobOperator:
    """The task of a job; `approval` is the id of the task before it that asks a person."""
    return JobOperator(
        spec=spec,
        approval=approval,
        task_id=spec.name,
        owner=spec.owner,
        trigger_rule=trigger_rule,
        pool=spec.pool,
        retries=spec.retries,
        retry_delay=timedelta(seconds=spec.retry_delay_s),
        retry_exponential_backoff=BACKOFF,
        max_retry_delay=MAX_RETRY_DELAY,
        execution_timeout=timedelta(seconds=spec.timeout_s),
        inlets=[asset(table) for table in spec.inputs],
        outlets=[asset(table) for table in spec.outputs],
        doc_md=f"{spec.doc}\n\nReads {_listed(spec.inputs)}. Writes {_listed(spec.outputs)}. "
        f"By hand: `tidemark run {spec.name} --business-date YYYY-MM-DD`.",
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "no table by name"


def _ending(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit status {exit_code}"


def _told(result: JobResult, day: str) -> dict[str, Any]:
    outputs = {
        name: {"delta_version": published.delta_version, "row_count": published.row_count}
        for name, published in result.outputs.items()
    }
    return {"run_id": result.run_id, "business_date": day, "outputs": outputs}
