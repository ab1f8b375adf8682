"""Quotes as server-sent events: the same frames as on the socket, one event each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi.sse import ServerSentEvent
from starlette.requests import HTTPConnection

from lakehouse.clock import Clock
from lakehouse.stores.postgres import PostgresUnavailable
from serving.kit.access import Authenticator, NotAuthenticated
from serving.kit.lifecycle import Lifecycle
from serving.quotes.wire import instant
from serving.sockets import frames
from serving.sockets.follower import Due, Follower
from serving.sockets.hub import Hub, Listener

RECHECK_S: Final = 5.0
RETRY_MS: Final = 1000
EVENTS_AT_ONCE: Final = 100
OVERLAP_US: Final = 30_000_000  # what was recorded this long before the last event may have been committed after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an event stream was asked for. `after_us` is its Last-Event-ID: what is older is not sent again."""

    symbols: Sequence[str]
    missing: Sequence[dict[str, str]] = ()
    after_us: int | None = None
    max_events: int | None = None
    max_seconds: float | None = None


class EventStream:
    """One stream of server-sent events."""

    def __init__(self, hub: Hub, clock: Clock, lifecycle: Lifecycle, wanted: Wanted) -> None:
        self._hub = hub
        self._clock = clock
        self._lifecycle = lifecycle
        self._wanted = wanted
        self._follower = Follower()
        self._woken = asyncio.Event()
        self._left = wanted.max_events
        self._ends_at = None if wanted.max_seconds is None else clock.monotonic() + wanted.max_seconds

    async def events(self, authenticator: Authenticator, proof: HTTPConnection) -> AsyncIterator[ServerSentEvent]:
        """Snapshots, then updates, until a limit, the end of the token or of the API, or the client's leaving."""
        listener = Listener(self._follower, self._woken.set)
        try:
            for symbol in self._wanted.symbols:
                self._hub.follow(listener, symbol)
            yield ServerSentEvent(comment="quotes", retry=RETRY_MS)
            if self._wanted.missing:
                yield ServerSentEvent(event="missing", raw_data=frames.text_of({"missing": self._wanted.missing}))
            while not self._is_over:
                for event in self._due():
                    yield event
                goodbye = await self._paused(authenticator, proof)
                if goodbye is not None:
                    yield goodbye
                    return
        finally:
            self._hub.detach(listener)

    @property
    def _is_over(self) -> bool:
        is_late = self._ends_at is not None and self._clock.monotonic() >= self._ends_at
        return is_late or self._left == 0

    def _due(self) -> list[ServerSentEvent]:
        self._woken.clear()
        dues: list[Due] = []
        self._follower.take(EVENTS_AT_ONCE, dues.append)
        if self._follower.is_owed:
            self._woken.set()
        wanted = sorted((due for due in dues if self._is_new(due)), key=_recorded_us)
        kept = wanted if self._left is None else wanted[: self._left]
        if self._left is not None:
            self._left -= len(kept)
        now = self._clock.now()
        at, now_s = instant(now), now.timestamp()
        return [
            ServerSentEvent(
                event="quote",
                id=str(_recorded_us(due)),
                raw_data=frames.quote_frame(due, self._hub.texts, at, now_s),
            )
            for due in kept
        ]

    def _is_new(self, due: Due) -> bool:
        after = self._wanted.after_us
        return due.previous is not None or after is None or _recorded_us(due) > after - OVERLAP_US

    async def _paused(self, authenticator: Authenticator, proof: HTTPConnection) -> ServerSentEvent | None:
        """Wait for the next change; an event where the stream must end."""
        if self._is_over:
            return None
        wait_s = RECHECK_S if self._ends_at is None else min(RECHECK_S, self._ends_at - self._clock.monotonic())
        try:
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._woken.wait()
        except TimeoutError:
            try:
                await authenticator.principal(proof)
            except (NotAuthenticated, PostgresUnavailable) as error:
                return ServerSentEvent(event="error", raw_data=frames.text_of({"detail": str(error)}))
        if self._lifecycle.is_draining:
            return ServerSentEvent(event="server_shutdown", raw_data="{}", retry=RETRY_MS)
        return None


def _recorded_us(due: Due) -> int:
    return 0 if due.quote is None else int(due.quote.row.updated_at.timestamp() * 1_000_000)
