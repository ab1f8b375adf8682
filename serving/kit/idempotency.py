"""Idempotency-Key: a request that moves money or makes an order has its effect once, however often it is sent.

The effect, the key and the answer are one database transaction, so a crash leaves all of them or none.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final, LiteralString

import structlog
from fastapi import Depends, Header, Request
from psycopg import DataError, IntegrityError
from psycopg.rows import class_row
from starlette.responses import Response

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.stores.postgres import Transaction, together
from serving.kit.access import Principal
from serving.kit.constraints import refusal_of
from serving.kit.database import Database, find_in
from serving.kit.lifecycle import Lifecycle
from serving.kit.problems import ApiError, respond

PATTERN = r"^[A-Za-z0-9._:-]{1,255}$"
REPLAYED = "Idempotency-Replayed"
KEPT: Final = timedelta(hours=48)
PURGE_S: Final = 600.0
PURGED_AT_ONCE: Final = 1000
BETWEEN_BATCHES_S: Final = 0.2

log = structlog.get_logger(__name__)

IdempotencyKey = Annotated[
    str,
    Header(
        pattern=PATTERN,
        description="Made by the client, one for each intended effect: a repeat gets the first answer again",
        examples=["9b2f6c1e-first-try"],
    ),
]

LOCK: Final[LiteralString] = "SELECT pg_try_advisory_xact_lock(hashtextextended(%(owner)s::text || %(key)s, 0)) AS free"
FIND: Final[LiteralString] = """
    SELECT request_hash, status, headers, body FROM ops.idempotency_key WHERE owner_id = %(owner)s AND key = %(key)s
"""
SAVEPOINT: Final[LiteralString] = "SAVEPOINT effect"
UNDO: Final[LiteralString] = "ROLLBACK TO SAVEPOINT effect"
DECIDE: Final[LiteralString] = "SET CONSTRAINTS ALL IMMEDIATE"
KEEP: Final[LiteralString] = """
    INSERT INTO ops.idempotency_key (owner_id, key, request_hash, status, headers, body, created_at)
    VALUES (%(owner)s, %(key)s, %(hash)s, %(status)s, %(headers)s, %(body)s, %(at)s)
"""

# One process at a time, or they would wait for each other's rows; a batch, or a backlog would be one long transaction.
PURGE: Final[LiteralString] = """
    WITH gone AS (
        DELETE FROM ops.idempotency_key WHERE ctid IN (
            SELECT k.ctid FROM ops.idempotency_key AS k
            WHERE k.created_at < %(before)s ORDER BY k.created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        ) RETURNING 1
    )
    SELECT count(*) AS keys FROM gone
"""
PURGE_LOCK: Final[LiteralString] = """
    SELECT pg_try_advisory_xact_lock(hashtextextended('tidemark.idempotency.purge', 0)) AS free
"""


class KeyReused(ApiError):
    """The Idempotency-Key was used for another request."""

    status = 409
    code = "idempotency_key_reused"
    title = "This Idempotency-Key belongs to another request"


class TwinInFlight(ApiError):
    """A request with the same Idempotency-Key is being answered."""

    status = 409
    code = "idempotency_key_in_flight"
    title = "The same request is being answered"
    retryable = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What an effect answers with, before it is sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Free:
    free: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    request_hash: bytes
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Purged:
    keys: int


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer, and the writes that make it true: they are sent together with the key, and may read nothing."""

    answer: Answer
    write: Callable[[], Awaitable[None]]


Effect = Callable[[Transaction], Awaitable[Answer | Pending]]


@dataclass(slots=True)
class _Opening:
    """The begin of a transaction: `kept` is what is stored under the key, whose lock is held from now on; a savepoint
    stands before the effect."""

    names: Mapping[str, object]
    kept: _Kept | None = None

    async def read(self, connection: Transaction) -> None:
        """Look for the key. The lock is taken before, though both are sent at once. Raises TwinInFlight."""
        async with (
            connection.cursor(row_factory=class_row(_Free)) as locking,
            connection.cursor(row_factory=class_row(_Kept)) as finding,
        ):
            async with together(connection):
                await locking.execute(LOCK, self.names)
                await finding.execute(FIND, self.names)
                await connection.execute(SAVEPOINT)
            lock, self.kept = await locking.fetchone(), await finding.fetchone()
        if lock is None or not lock.free:
            raise TwinInFlight("Wait for the first answer, or send the request again in a second.")


class Idempotency:
    """Runs effects once a key and owner."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def once(self, request: Request, principal: Principal, key: str, effect: Effect) -> Response:
        """The answer of `effect`, run in a transaction together with its key; a repeat gets the stored answer.

        A refusal of the effect (an ApiError, or a constraint) is an answer too: it is rolled back, stored and
        repeated. Raises KeyReused, TwinInFlight and PostgresUnavailable, after which nothing is stored.
        """
        body = await request.body()
        asked = f"{request.method}\n{request.url.path}?{request.url.query}\n".encode()
        digest = hashlib.sha256(asked + body).digest()
        names: dict[str, object] = {"owner": principal.user_id, "key": key}
        opening = _Opening(names)
        async with self._database.transaction(first=opening.read) as connection:
            kept = opening.kept
            if kept is not None:
                if bytes(kept.request_hash) != digest:
                    raise KeyReused("It was used with another body or path: make a new key for a new effect.")
                return _response(Answer(kept.status, kept.body, {**kept.headers, REPLAYED: "true"}))
            return _response(await self._run(connection, request, effect, keep={**names, "hash": digest}))

    async def purge(self, *, limit: int = PURGED_AT_ONCE) -> int:
        """Forget the oldest answers of more than KEPT ago; how many, 0 while another process does it.

        Raises PostgresUnavailable.
        """
        async with self._database.transaction() as connection:
            lock = await find_in(connection, PURGE_LOCK, {}, _Free)
            if lock is None or not lock.free:
                return 0
            found = await find_in(connection, PURGE, {"before": self._clock.now() - KEPT, "limit": limit}, _Purged)
        return 0 if found is None else found.keys

    async def purge_forever(self, lifecycle: Lifecycle) -> None:
        """Purge until the API ends. PostgreSQL gone is logged, and tried again."""
        while not lifecycle.is_draining:
            try:
                purged = await self.purge()
            except TidemarkError as error:
                log.warning("idempotency keys not purged", error=str(error))
                purged = 0
            await lifecycle.pause(PURGE_S if purged < PURGED_AT_ONCE else BETWEEN_BATCHES_S)

    async def _run(
        self, connection: Transaction, request: Request, effect: Effect, *, keep: Mapping[str, object]
    ) -> Answer:
        """The effect's answer, kept with it, or its refusal, kept without it."""
        try:
            found = await effect(connection)
            answer = found.answer if isinstance(found, Pending) else found
            async with together(connection):
                if isinstance(found, Pending):
                    await found.write()
                await connection.execute(DECIDE)
                await self._keep(connection, answer, keep)
            return answer
        except (IntegrityError, DataError) as error:
            answer = _refused(request, refusal_of(error))
        except ApiError as error:
            if error.status >= 500:
                raise
            answer = _refused(request, error)
        # Alone: psycopg forgets its prepared statements at a rollback, which it may not do among statements underway.
        await connection.execute(UNDO)
        await self._keep(connection, answer, keep)
        return answer

    async def _keep(self, connection: Transaction, answer: Answer, names: Mapping[str, object]) -> None:
        told = {"status": answer.status, "headers": json.dumps(dict(answer.headers)), "body": answer.body}
        await connection.execute(KEEP, {**names, **told, "at": self._clock.now()})


async def once_of(request: Request) -> Idempotency:
    """What the wiring made for every room."""
    found: Idempotency = request.state.idempotency
    return found


Once = Annotated[Idempotency, Depends(once_of)]


def _refused(request: Request, error: ApiError) -> Answer:
    response = respond(request, error)
    return Answer(error.status, bytes(response.body), {"Content-Type": str(response.media_type)})


def _response(answer: Answer) -> Response:
    headers = {"Content-Type": "application/json", **answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers)
