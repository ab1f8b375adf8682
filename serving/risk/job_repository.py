"""All SQL about risk jobs. A lease is the right to work on a job; every write of a worker asks for it again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Transaction, rows_of
from serving.kit.access import Principal
from serving.kit.database import Database

JOB: Final[LiteralString] = """
    SELECT j.id, j.owner_id, j.reads_all, j.status, j.method, j.confidence, j.horizon_days, j.window_days, j.total,
           j.finished, j.attempts, j.problem, j.created_at, j.finished_at
    FROM app.risk_job AS j
"""
READABLE: Final[LiteralString] = JOB + "WHERE (%(reads_all)s OR j.owner_id = %(reader)s) AND j.id = %(id)s"
ITEMS: Final[LiteralString] = """
    SELECT i.line, i.portfolio_id, i.status, i.result, i.problem FROM app.risk_job_item AS i
    WHERE i.job_id = %(id)s ORDER BY i.line
"""
LOCK_OWNER: Final[LiteralString] = """
    SELECT pg_advisory_xact_lock(hashtextextended('risk jobs of ' || %(owner)s::text, 0))
"""
OPEN: Final[LiteralString] = """
    SELECT count(*) AS found FROM app.risk_job WHERE owner_id = %(owner)s AND status IN ('queued', 'running')
"""
ADD: Final[LiteralString] = """
    INSERT INTO app.risk_job
        (id, owner_id, reads_all, method, confidence, horizon_days, window_days, total, created_at)
    VALUES (%(id)s, %(owner)s, %(reads_all)s, %(method)s, %(confidence)s, %(horizon)s, %(window)s, %(total)s, %(now)s)
"""
ADD_ITEMS: Final[LiteralString] = """
    INSERT INTO app.risk_job_item (job_id, line, portfolio_id)
    SELECT %(id)s, x.place - 1, x.portfolio_id
    FROM unnest(%(portfolios)s::uuid[]) WITH ORDINALITY AS x (portfolio_id, place)
"""
CLAIM: Final[LiteralString] = """
    UPDATE app.risk_job SET status = 'running', worker = %(worker)s, leased_until = %(until)s, attempts = attempts + 1
    WHERE id = (
        SELECT id FROM app.risk_job
        WHERE status = 'queued' OR (status = 'running' AND leased_until < %(now)s)
        ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, owner_id, reads_all, status, method, confidence, horizon_days, window_days, total, finished, attempts,
              problem, created_at, finished_at
"""
EXTEND: Final[LiteralString] = """
    UPDATE app.risk_job SET leased_until = %(until)s, finished = finished + %(more)s
    WHERE id = %(id)s AND worker = %(worker)s AND status = 'running' RETURNING total AS found
"""
SETTLE: Final[LiteralString] = """
    UPDATE app.risk_job_item SET status = %(status)s, result = %(result)s::jsonb, problem = %(problem)s::jsonb
    WHERE job_id = %(id)s AND line = %(line)s AND status = 'waiting'
"""
FINISH: Final[LiteralString] = """
    UPDATE app.risk_job SET status = %(status)s, problem = %(problem)s, finished_at = %(now)s, leased_until = NULL
    WHERE id = %(id)s AND worker = %(worker)s AND status = 'running'
"""
RELEASE: Final[LiteralString] = """
    UPDATE app.risk_job SET status = 'queued', leased_until = NULL, worker = NULL, attempts = greatest(attempts - 1, 0)
    WHERE id = %(id)s AND worker = %(worker)s AND status = 'running'
"""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job."""

    id: UUID
    owner_id: UUID
    reads_all: bool
    status: str
    method: str
    confidence: Decimal
    horizon_days: int
    window_days: int
    total: int
    finished: int
    attempts: int
    problem: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A portfolio of a job."""

    line: int
    portfolio_id: UUID
    status: str
    result: dict[str, Any] | None
    problem: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a portfolio: the JSON of its result, or of its problem."""

    result: str | None = None
    problem: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Count:
    found: int


class JobRepository:
    """Jobs and their items. Methods raise PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, connection: Transaction, row: JobRow, portfolios: Sequence[UUID], now: datetime) -> None:
        """Write a job with its portfolios."""
        names = {
            "id": row.id,
            "owner": row.owner_id,
            "reads_all": row.reads_all,
            "method": row.method,
            "confidence": row.confidence,
            "horizon": row.horizon_days,
            "window": row.window_days,
            "total": row.total,
            "now": now,
        }
        await connection.execute(ADD, names)
        await connection.execute(ADD_ITEMS, {"id": row.id, "portfolios": list(portfolios)})

    async def open_of(self, connection: Transaction, owner_id: UUID) -> int:
        """Jobs of a user that are not over; no other request of theirs counts until the transaction ends."""
        await connection.execute(LOCK_OWNER, {"owner": owner_id})
        rows = await rows_of(connection, OPEN, {"owner": owner_id}, _Count)
        return rows[0].found

    async def find(self, principal: Principal, job_id: UUID) -> JobRow | None:
        """The readable job as the primary has it, or None: a replica may not have heard of it yet."""
        async with self._database.transaction() as connection:
            rows = await rows_of(connection, READABLE, {**principal.reader, "id": job_id}, JobRow)
        return rows[0] if rows else None

    async def items(self, job_id: UUID) -> list[ItemRow]:
        """Its portfolios, in the order of the request."""
        async with self._database.transaction() as connection:
            return await rows_of(connection, ITEMS, {"id": job_id}, ItemRow)

    async def claim(self, worker: str, *, now: datetime, until: datetime) -> JobRow | None:
        """Take the oldest job that nobody works on, until then; None where there is none."""
        async with self._database.transaction() as connection:
            rows = await rows_of(connection, CLAIM, {"worker": worker, "now": now, "until": until}, JobRow)
        return rows[0] if rows else None

    async def settle(self, job_id: UUID, worker: str, line: int, outcome: Outcome, until: datetime) -> bool:
        """Write the outcome of one portfolio and prolong the lease; False where the lease is another's by now."""
        names = {
            "id": job_id,
            "line": line,
            "status": "refused" if outcome.result is None else "done",
            "result": outcome.result,
            "problem": None if outcome.problem is None else json.dumps(outcome.problem),
        }
        async with self._database.transaction() as connection:
            leased = await rows_of(
                connection, EXTEND, {"id": job_id, "worker": worker, "until": until, "more": 1}, _Count
            )
            if leased:
                await connection.execute(SETTLE, names)
        return bool(leased)

    async def finish(self, job_id: UUID, worker: str, *, problem: str | None, now: datetime) -> None:
        """End the job, done or failed by that problem, where the lease still is the worker's."""
        status = "done" if problem is None else "failed"
        names = {"id": job_id, "worker": worker, "status": status, "problem": problem, "now": now}
        async with self._database.transaction() as connection:
            await connection.execute(FINISH, names)

    async def release(self, job_id: UUID, worker: str) -> None:
        """Give the job back, for another worker to take at once."""
        async with self._database.transaction() as connection:
            await connection.execute(RELEASE, {"id": job_id, "worker": worker})
