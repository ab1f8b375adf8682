"""Airflow as its own API describes it, asked in a thread and at most every five seconds."""

import asyncio
import math

from anyio import to_thread

from lakehouse.clock import Clock
from lakehouse.settings import AirflowSettings
from lakehouse.stores.airflow import AirflowClient, AirflowRefusedError, AirflowUnreachableError, Run
from serving.admin.schemas import DagOut, DagRunOut, SchedulerStatus
from serving.kit.problems import ApiError

KEPT_S = 5.0
EVERY_DAG = "~"
HEALTHY = "healthy"


class SchedulerUnavailable(ApiError):
    """Airflow does not answer, or refuses our user."""

    status = 503
    code = "scheduler_unavailable"
    title = "Airflow does not answer"
    retryable = True


class Scheduler:
    """Reads the scheduler's state; one question at a time, for however many ask meanwhile."""

    def __init__(self, section: AirflowSettings, clock: Clock, *, timeout_s: float) -> None:
        self._section = section
        self._clock = clock
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._known: SchedulerStatus | None = None
        self._known_until = -math.inf

    async def status(self) -> SchedulerStatus:
        """The state, at most five seconds old. Raises SchedulerUnavailable."""
        async with self._lock:
            if self._known is None or self._clock.monotonic() >= self._known_until:
                self._known = await self._asked()
                self._known_until = self._clock.monotonic() + KEPT_S
            return self._known

    async def _asked(self) -> SchedulerStatus:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await to_thread.run_sync(self._read, abandon_on_cancel=True)
        except (AirflowUnreachableError, AirflowRefusedError, TimeoutError) as error:
            raise SchedulerUnavailable("`tidemark status` says whether it is up, `tidemark doctor` why not.") from error

    def _read(self) -> SchedulerStatus:
        with AirflowClient(self._section) as client:
            components = client.health()
            broken = sorted(client.import_errors())
            newest = _newest(client.runs(EVERY_DAG))
            dag_ids = client.dag_ids()
            # A DAG that runs seldom is not among the latest hundred runs of all.
            older = {dag_id: _newest(client.runs(dag_id)) for dag_id in dag_ids if dag_id not in newest}
        last = {**newest, **{dag_id: runs[dag_id] for dag_id, runs in older.items() if dag_id in runs}}
        return SchedulerStatus(
            as_of=self._clock.now(),
            url=self._section.url,
            components=components,
            is_healthy=not broken and set(components.values()) == {HEALTHY},
            dags=[DagOut(dag_id=dag_id, last_run=_run(last.get(dag_id))) for dag_id in dag_ids],
            broken_files=broken,
        )


def _newest(runs: tuple[Run, ...]) -> dict[str, Run]:
    found: dict[str, Run] = {}
    for run in runs:
        found.setdefault(run.dag_id, run)
    return found


def _run(run: Run | None) -> DagRunOut | None:
    if run is None:
        return None
    return DagRunOut(
        run_id=run.run_id,
        state=run.state,
        partition_key=run.partition_key,
        started_at=run.start_date,
        ended_at=run.end_date,
    )
