"""Writing to the audit log, inside the transaction of the deed itself: either both are there or neither."""

from typing import Final, LiteralString, TypedDict, Unpack

from psycopg.types.json import Jsonb
from starlette.requests import HTTPConnection

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.stores.postgres import Transaction
from serving.audit.chain import Content, chain_of, digest, plain, plain_text
from serving.kit.access import Principal
from serving.kit.context import ADDRESS, CURRENT

APPEND: Final[LiteralString] = """
    SELECT audit.append(%(chain)s, %(id)s, %(occurred_at)s, %(actor_id)s, %(actor_kind)s, %(action)s, %(object_kind)s,
        %(object_id)s, %(before)s, %(after)s, %(request_id)s, %(address)s, %(digest)s)
"""
LONGEST_ID = 200


class Told(TypedDict, total=False):
    """What was done to which object; `before` and `after` are JSON without secrets, money as strings."""

    object_kind: str
    object_id: object
    before: object
    after: object


async def record(
    connection: Transaction,
    principal: Principal | None,
    action: str,
    *,
    clock: Clock,
    request: HTTPConnection | None = None,
    **told: Unpack[Told],
) -> None:
    """Append one row; it is there when the caller's transaction commits.

    `principal` is None for the system and for anonymous callers. The request is found by itself where it is left out.
    Call it last in the transaction: it holds the lock of the actor's chain (1 of 16) until the commit.
    """
    state = (CURRENT.get() or {}) if request is None else request.scope.get("state", {})
    content = Content(
        id=uuid7(clock),
        occurred_at=clock.now(),
        actor_id=None if principal is None else principal.user_id,
        actor_kind=_kind(principal, is_request=bool(state)),
        action=action,
        object_kind=told.get("object_kind", ""),
        object_id=plain_text(told.get("object_id", ""), longest=LONGEST_ID),
        before=plain(told.get("before")),
        after=plain(told.get("after")),
        request_id=str(state.get("request_id", "")),
        address=str(state.get(ADDRESS, "")),
    )
    await append(connection, content)


async def append(connection: Transaction, content: Content) -> None:
    """Write a row that has been put together already."""
    await connection.execute(APPEND, parameters(content))


def parameters(content: Content) -> dict[str, object]:
    """What APPEND is bound by."""
    return {
        "chain": chain_of(content.actor_id),
        "id": content.id,
        "occurred_at": content.occurred_at,
        "actor_id": content.actor_id,
        "actor_kind": content.actor_kind,
        "action": content.action,
        "object_kind": content.object_kind,
        "object_id": content.object_id,
        "before": _json(content.before),
        "after": _json(content.after),
        "request_id": content.request_id,
        "address": content.address,
        "digest": digest(content),
    }


def _json(value: object) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _kind(principal: Principal | None, *, is_request: bool) -> str:
    if principal is None:
        return "anonymous" if is_request else "system"
    return "session" if principal.api_key_id is None else "key"
