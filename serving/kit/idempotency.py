"""Idempotency-Key: a request that moves money or makes an order has its effect once, however often it is sent.

The effect, the key and the answer are one database transaction, so a crash leaves all of them or none.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, LiteralString
from uuid import UUID

from fastapi import Header, Request
from psycopg import IntegrityError
from starlette.responses import Response

from lakehouse.clock import Clock
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.constraints import refusal_of
from serving.kit.database import Database, find_in
from serving.kit.problems import ApiError, respond

PATTERN = r"^[A-Za-z0-9._:-]{1,255}$"
REPLAYED = "Idempotency-Replayed"

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
KEEP: Final[LiteralString] = """
    INSERT INTO ops.idempotency_key (owner_id, key, request_hash, status, headers, body, created_at)
    VALUES (%(owner)s, %(key)s, %(hash)s, %(status)s, %(headers)s, %(body)s, %(at)s)
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


Effect = Callable[[Transaction], Awaitable[Answer]]


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
        async with self._database.transaction() as connection:
            kept = await self._kept(connection, principal.user_id, key, digest)
            if kept is not None:
                return _response(Answer(kept.status, kept.body, {**kept.headers, REPLAYED: "true"}))
            answer = await self._run(connection, request, effect)
            await self._keep(connection, principal.user_id, key, digest, answer)
        return _response(answer)

    async def _kept(self, connection: Transaction, owner: UUID, key: str, digest: bytes) -> _Kept | None:
        names = {"owner": owner, "key": key}
        lock = await find_in(connection, LOCK, names, _Free)
        if lock is None or not lock.free:
            raise TwinInFlight("Wait for the first answer, or send the request again in a second.")
        kept = await find_in(connection, FIND, names, _Kept)
        if kept is not None and bytes(kept.request_hash) != digest:
            raise KeyReused("It was used with another body or path: make a new key for a new effect.")
        return kept

    async def _run(self, connection: Transaction, request: Request, effect: Effect) -> Answer:
        try:
            async with connection.transaction():
                answer = await effect(connection)
                await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            await connection.execute("SET CONSTRAINTS ALL DEFERRED")
        except IntegrityError as error:
            return _refused(request, refusal_of(error))
        except ApiError as error:
            if error.status >= 500:
                raise
            return _refused(request, error)
        return answer

    async def _keep(self, connection: Transaction, owner: UUID, key: str, digest: bytes, answer: Answer) -> None:
        kept = {"hash": digest, "status": answer.status, "headers": json.dumps(dict(answer.headers))}
        named = {"owner": owner, "key": key, "body": answer.body, "at": self._clock.now()}
        await connection.execute(KEEP, {**kept, **named})


def _refused(request: Request, error: ApiError) -> Answer:
    response = respond(request, error)
    return Answer(error.status, bytes(response.body), {"Content-Type": str(response.media_type)})


def _response(answer: Answer) -> Response:
    headers = {"Content-Type": "application/json", **answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers)
