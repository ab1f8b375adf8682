"""Risk jobs: many portfolios on one request, worked off in the background of the API's processes."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.risk.methods import Method
from lakehouse.stores.marts import MartsUnavailable
from lakehouse.stores.postgres import PostgresUnavailable
from serving.kit.access import Principal
from serving.kit.database import Database
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.kit.problems import ApiError
from serving.kit.types import plain
from serving.risk.job_repository import ItemRow, JobRepository, JobRow, Outcome
from serving.risk.measuring import Ask
from serving.risk.on_demand import OnDemand
from serving.risk.on_demand_schemas import (
    ComputeBatchIn,
    ItemStatus,
    JobItem,
    JobProblem,
    JobStatus,
    RiskComputed,
    RiskJob,
)

LEASE_S: Final = 30.0
LOOK_EVERY_S: Final = 2.0
PATIENCE_S: Final = 5.0
MAX_ATTEMPTS: Final = 5
MAX_OPEN: Final = 5
WAITING: Final = "waiting"

log = structlog.get_logger(__name__)


class JobNotFound(ApiError):
    """No risk job has this id, or it is somebody else's."""

    status = 404
    code = "risk_job_not_found"
    title = "No such risk job"


class TooManyJobs(ApiError):
    """The caller has as many unfinished jobs as are allowed at once."""

    status = 409
    code = "too_many_jobs"
    title = "Wait for the jobs that you have"
    retryable = True


class RiskJobs:
    """Takes requests and tells how far they are."""

    def __init__(self, database: Database, repository: JobRepository, on_demand: OnDemand, clock: Clock) -> None:
        self._database = database
        self._repository = repository
        self._on_demand = on_demand
        self._clock = clock
        self.wake = asyncio.Event()

    async def submit(self, principal: Principal, given: ComputeBatchIn) -> RiskJob:
        """Queue a job. Raises PortfolioNotFound where one is not the caller's to read, and TooManyJobs."""
        for portfolio_id in dict.fromkeys(given.portfolio_ids):
            await self._on_demand.require(principal, portfolio_id)
        now = self._clock.now()
        row = JobRow(
            id=uuid7(self._clock),
            owner_id=principal.user_id,
            reads_all=principal.is_admin,
            status="queued",
            method=given.method.value,
            confidence=given.ask.confidence,
            horizon_days=given.horizon_days,
            window_days=given.days,
            total=len(given.portfolio_ids),
            finished=0,
            attempts=0,
            problem=None,
            created_at=now,
            finished_at=None,
        )
        async with self._database.transaction() as connection:
            if await self._repository.open_of(connection, principal.user_id) >= MAX_OPEN:
                raise TooManyJobs(f"You have {MAX_OPEN} unfinished jobs: wait until one is done.")
            await self._repository.add(connection, row, given.portfolio_ids, now)
        self.wake.set()
        return _job(row, [ItemRow(line, each, WAITING, None, None) for line, each in enumerate(given.portfolio_ids)])

    async def find(self, principal: Principal, job_id: UUID) -> RiskJob:
        """The job with what is known so far. Raises JobNotFound."""
        row = await self._repository.find(principal, job_id)
        if row is None:
            raise JobNotFound(f"There is no risk job {job_id} of yours.")
        return _job(row, await self._repository.items(job_id))


class Worker:
    """One an API process: takes a job at a time; one that a dead worker had is taken when its lease ends."""

    def __init__(
        self, repository: JobRepository, on_demand: OnDemand, *, clock: Clock, metrics: Metrics, wake: asyncio.Event
    ) -> None:
        self._repository = repository
        self._on_demand = on_demand
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._name = uuid7(clock).hex

    async def run(self, lifecycle: Lifecycle) -> None:
        """Until the API ends; a job in hand is then given back with what it has."""
        while not lifecycle.is_draining:
            try:
                worked = await self.work_one(lifecycle)
            except (PostgresUnavailable, MartsUnavailable) as error:
                log.warning("risk jobs wait", error=str(error))
                await lifecycle.pause(PATIENCE_S)
                continue
            if not worked:
                await self._rest(lifecycle)

    async def work_one(self, lifecycle: Lifecycle) -> bool:
        """Take and work off one job; False where there is none. Raises PostgresUnavailable and MartsUnavailable."""
        now = self._clock.now()
        job = await self._repository.claim(self._name, now=now, until=now + timedelta(seconds=LEASE_S))
        if job is None:
            return False
        if job.attempts > MAX_ATTEMPTS:
            await self._end(job, f"Given up after {MAX_ATTEMPTS} attempts that a worker did not survive.")
            return True
        error = await _error_of(self._work_off(job, lifecycle))
        if isinstance(error, PostgresUnavailable | MartsUnavailable):
            await self._repository.release(job.id, self._name)
            raise error
        if error is not None:
            log.error("risk job failed", job=str(job.id), error=type(error).__name__, exc_info=error)
            await self._end(job, "The server failed on it; the log has it under the job's id.")
        return True

    async def _work_off(self, job: JobRow, lifecycle: Lifecycle) -> None:
        ask = Ask(Method(job.method), job.confidence, job.horizon_days, job.window_days)
        reader = Principal(job.owner_id, frozenset(), is_admin=job.reads_all)
        for item in await self._repository.items(job.id):
            if item.status != WAITING:
                continue
            if lifecycle.is_draining:
                await self._repository.release(job.id, self._name)
                return
            outcome = await self._outcome(reader, item.portfolio_id, ask)
            until = self._clock.now() + timedelta(seconds=LEASE_S)
            if not await self._repository.settle(job.id, self._name, item.line, outcome, until):
                log.warning("risk job lost", job=str(job.id))
                return
        await self._end(job, None)

    async def _outcome(self, reader: Principal, portfolio_id: UUID, ask: Ask) -> Outcome:
        try:
            found = await self._on_demand.compute(reader, portfolio_id, ask)
        except ApiError as error:
            return Outcome(problem={"code": error.code, "detail": error.detail})
        return Outcome(result=found.model_dump_json())

    async def _end(self, job: JobRow, problem: str | None) -> None:
        await self._repository.finish(job.id, self._name, problem=problem, now=self._clock.now())
        self._metrics.jobs.labels("done" if problem is None else "failed").inc()

    async def _rest(self, lifecycle: Lifecycle) -> None:
        """Until there is a job of this process, or it is time to look for one of another's, or the API ends."""
        waits = [asyncio.create_task(self._wake.wait()), asyncio.create_task(lifecycle.draining())]
        await asyncio.wait(waits, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        self._wake.clear()


async def _error_of(work: Coroutine[object, object, None]) -> Exception | None:
    """What `work` raised; a worker outlives the bug of one job."""
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
        raise outcome
    return outcome


def _job(row: JobRow, items: list[ItemRow]) -> RiskJob:
    return RiskJob(
        id=row.id,
        status=JobStatus(row.status),
        method=Method(row.method),
        confidence=plain(row.confidence),
        horizon_days=row.horizon_days,
        days=row.window_days,
        total=row.total,
        finished=row.finished,
        progress=row.finished / row.total,
        problem=row.problem,
        created_at=row.created_at,
        finished_at=row.finished_at,
        items=[_item(item) for item in items],
    )


def _item(row: ItemRow) -> JobItem:
    return JobItem(
        portfolio_id=row.portfolio_id,
        status=ItemStatus(row.status),
        result=None if row.result is None else RiskComputed.model_validate(row.result),
        problem=None if row.problem is None else JobProblem.model_validate(row.problem),
    )
