"""The pipelines' state, put together from parts that fail one by one."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Final, TypeVar

import structlog

from lakehouse.clock import Clock
from lakehouse.contracts.freshness import PROMISES, is_fresh
from lakehouse.contracts.model import Store
from lakehouse.contracts.tables import tables_in
from lakehouse.stores.postgres import PostgresUnavailable
from serving.pipeline.repository import AssetRow, PipelineRepository, RunRow
from serving.pipeline.schemas import Asset, Assets, Dags, JobRun, Lags, Outbox, PipelineStatus, Runs
from serving.pipeline.sources import Sources, SourceSilent

KEPT_S: Final = 5.0

Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


class PipelineService:
    """One look for however many ask within five seconds."""

    def __init__(self, repository: PipelineRepository, sources: Sources, exchange: str, clock: Clock) -> None:
        self._repository = repository
        self._sources = sources
        self._exchange = exchange
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: PipelineStatus | None = None
        self._known_at = float("-inf")

    async def status(self) -> PipelineStatus:
        """The state, at most five seconds old."""
        async with self._lock:
            if self._known is None or self._clock.monotonic() - self._known_at > KEPT_S:
                self._known = await self._look()
                self._known_at = self._clock.monotonic()
            return self._known

    async def _look(self) -> PipelineStatus:
        now = self._clock.now()
        dags, lags, outbox, assets, runs = await asyncio.gather(
            _answered("Airflow", self._sources.dags()),
            _answered("Kafka", self._sources.lags()),
            _answered("PostgreSQL", self._repository.outbox()),
            _answered("PostgreSQL", self._repository.assets()),
            _answered("PostgreSQL", self._repository.runs()),
        )
        parts = (dags, lags, outbox, assets, runs)
        # In a thread, because a calendar that is asked for the first time takes half a second.
        tables = [] if assets[0] is None else await asyncio.to_thread(_assets, assets[0], now, self._exchange)
        promised = [table.is_fresh for table in tables if table.is_fresh is not None]
        waiting = outbox[0]
        age_s = None
        if waiting is not None:
            age_s = max(0.0, (now - waiting.oldest).total_seconds()) if waiting.oldest else 0.0
        return PipelineStatus(
            as_of=now,
            is_complete=all(why is None for _, why in parts),
            is_fresh=all(promised) if promised else None,
            dags=Dags(unavailable=dags[1], dags=dags[0] or []),
            landing=Lags(unavailable=lags[1], topics=lags[0] or []),
            outbox=Outbox(
                unavailable=outbox[1], waiting=None if waiting is None else waiting.waiting, oldest_age_s=age_s
            ),
            assets=Assets(unavailable=assets[1], tables=tables),
            runs=Runs(unavailable=runs[1], jobs=[_run(row) for row in runs[0] or []]),
        )


async def _answered(engine: str, question: Awaitable[Answer]) -> tuple[Answer | None, str | None]:
    """The answer, or why there is none: never the engine's own words, which may name hosts and users."""
    try:
        return await question, None
    except (SourceSilent, PostgresUnavailable) as error:
        log.warning("pipeline part unavailable", engine=engine, error=str(error))
        return None, f"{engine} does not answer"


def _assets(rows: list[AssetRow], now: datetime, exchange: str) -> list[Asset]:
    known = {row.table_name: row for row in rows}
    names = sorted({*(table.name for table in tables_in(Store.DELTA) if table.name in PROMISES), *known})
    return [_asset(name, known.get(name), now, exchange) for name in names]


def _asset(name: str, row: AssetRow | None, now: datetime, exchange: str) -> Asset:
    job = PROMISES.get(name)
    kept = None if job is None else row is not None and is_fresh(row.published_at, now, job, exchange)
    return Asset(
        table=name,
        job=None if job is None else job.name,
        partition=None if row is None else row.partition_value,
        delta_version=None if row is None else row.delta_version,
        rows=None if row is None else row.row_count,
        published_at=None if row is None else row.published_at,
        age_s=None if row is None else max(0.0, (now - row.published_at).total_seconds()),
        max_age_h=None if job is None else job.max_age_h,
        is_fresh=kept,
    )


def _run(row: RunRow) -> JobRun:
    return JobRun(
        job=row.job,
        run_id=row.run_id,
        state=row.state,
        business_date=row.business_date,
        started_at=row.started_at,
        finished_at=row.finished_at,
        last_published_at=row.last_published_at,
    )
