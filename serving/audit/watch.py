"""Refused requests in the audit log, counted: a flood of them costs a few rows, and no request waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import structlog
from starlette.requests import HTTPConnection

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from serving.audit.chain import Content, chain_of, plain_text
from serving.audit.log import append
from serving.kit.access import NotAllowed, Principal
from serving.kit.context import ADDRESS, UNMATCHED
from serving.kit.database import Database
from serving.kit.problems import ApiError

FLUSH_S = 5.0
MOST_KINDS = 500
OTHERS = "others"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kind:
    action: str
    actor_id: UUID | None
    actor_kind: str
    address: str


@dataclass(slots=True)
class _Seen:
    times: int
    route: str
    request_id: str
    code: str


class Watch:
    """Refusals since the last flush, by who was refused what from where."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: dict[_Kind, _Seen] = {}

    def refused(self, connection: HTTPConnection, principal: Principal | None, error: ApiError) -> None:
        """Count a refusal; returns at once."""
        state = connection.scope.get("state", {})
        action = "request.not_allowed" if isinstance(error, NotAllowed) else "request.not_authenticated"
        address = str(state.get(ADDRESS, ""))
        actor_kind = "anonymous" if principal is None else "key" if principal.api_key_id else "session"
        kind = _Kind(action, None if principal is None else principal.user_id, actor_kind, address)
        if kind not in self._seen and len(self._seen) >= MOST_KINDS:
            kind = _Kind(action, None, "anonymous", OTHERS)
        route = str(getattr(connection.scope.get("route"), "path", UNMATCHED))
        seen = self._seen.setdefault(kind, _Seen(0, route, str(state.get("request_id", "")), error.code))
        seen.times += 1

    async def flush(self) -> None:
        """Write one row a kind; what cannot be written is logged and dropped, or it would grow without end."""
        found, self._seen = self._seen, {}
        if not found:
            return
        try:
            async with self._database.transaction() as connection:
                # In the order of chains, so that two processes never wait for each other in a ring.
                for kind, seen in sorted(found.items(), key=lambda each: chain_of(each[0].actor_id)):
                    await append(connection, self._content(kind, seen))
        except (TidemarkError, OSError) as error:
            log.error("refusals not written", kinds=len(found), error=type(error).__name__)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Flush every few seconds, and once more at the end."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    def _content(self, kind: _Kind, seen: _Seen) -> Content:
        return Content(
            id=uuid7(self._clock),
            occurred_at=self._clock.now(),
            actor_id=kind.actor_id,
            actor_kind=kind.actor_kind,
            action=kind.action,
            object_kind="route",
            object_id=plain_text(seen.route, longest=200),
            before=None,
            after={"times": seen.times, "code": seen.code},
            request_id=seen.request_id,
            address=kind.address,
        )
