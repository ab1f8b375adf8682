"""HTTP whose clients must send, and read: what trickles is ended, so that it holds neither memory nor a place.

Uvicorn waits for the rest of a request, and until its answer is read, as long as the client keeps the connection. Here
a head has GRACE_S, and a body that long and a second for each MIN_BYTES_PER_S bytes that have come; so has what waits
to be read, for bytes that were taken. A slow line may be slow, a trickle is closed.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final, Protocol, runtime_checkable

import structlog
from prometheus_client import Counter
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from serving.kit.problems import MEDIA_TYPE, BadRequest, RequestTooSlow, refused_outside

GRACE_S: Final = 10.0
MIN_BYTES_PER_S: Final = 1024

log = structlog.get_logger(__name__)


@runtime_checkable
class Impatient(Protocol):
    """A connection that ends itself where its client holds it up."""

    def end_if_late(self, now: float) -> str | None:
        """End it where the client is late at `now`, a time of the loop, and return what it kept waiting."""


class MustRead:
    """Since when a client leaves unread what was sent to it."""

    unread_since: float | None = None
    unread_bytes = 0

    def leaves_unread(self, waiting: int, now: float) -> bool:
        """Whether the client takes the `waiting` bytes, to which none is added, too slowly; asked once a second."""
        if not waiting:
            self.unread_since = None
            return False
        if self.unread_since is None:
            self.unread_since, self.unread_bytes = now, waiting
        return now - self.unread_since > GRACE_S + (self.unread_bytes - waiting) / MIN_BYTES_PER_S


class PatientProtocol(MustRead, HttpToolsProtocol):
    """Uvicorn's HTTP that knows since when it waits for the rest of a request, or for its answer to be read."""

    clock = SystemClock()  # uvicorn makes the protocols, so it cannot be an argument
    waits_since: float | None = None  # a time of the loop; None while the application works
    has_begun = False
    received = 0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._wait()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._wait(has_begun=True)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self.received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request: what follows is the application's time, unless it has answered already."""
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self._wait()
        else:
            self.waits_since = None

    def on_response_complete(self) -> None:
        """The next request may come; uvicorn's keep-alive ends an idle connection sooner than this does."""
        super().on_response_complete()
        self._wait()

    def resume_writing(self) -> None:
        """Most of what waited was read."""
        super().resume_writing()
        self.unread_since = None

    def end_if_late(self, now: float) -> str | None:
        """End the connection where the client is late, and return the part that did not come or was not read."""
        stands = self.flow.write_paused or self.transport.is_closing()
        if self.leaves_unread(self.transport.get_write_buffer_size() if stands else 0, now):
            scope = {} if self.cycle is None else self.cycle.scope["state"]
            log.info("slow client closed", request_id=scope.get("request_id"), part="answer")
            self.transport.abort()
            return "answer"
        return self.end() if self.is_late(now) else None

    def is_late(self, now: float) -> bool:
        """Whether the rest of the request is overdue at `now`, a time of the loop.

        Never while we have stopped to read, nor while an answer to a request before is under way.
        """
        if self.waits_since is None or self.flow.read_paused or (self._is_answering and not self.cycle.more_body):
            return False
        return now - self.waits_since > GRACE_S + self.received / MIN_BYTES_PER_S

    def end(self) -> str:
        """Answer where nothing was answered yet, close, and say so in the log. Returns which part did not come.

        Where no request was begun there is nothing to answer: the client's next one would take it for its own.
        """
        if not self.has_begun:
            self.transport.close()
            return "all"
        part = "body" if self._is_answering else "head"
        request_id = uuid7(self.clock).hex
        log.info("slow client closed", request_id=request_id, part=part)
        if not self._is_answering or not self.cycle.response_started:
            detail = f"A request has {GRACE_S:.0f} s to arrive, and a second more for each {MIN_BYTES_PER_S} bytes."
            self._answer(RequestTooSlow(detail), request_id)
        self.transport.close()
        return part

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is refused as everything is."""
        self._answer(BadRequest(msg), uuid7(self.clock).hex)
        self.transport.close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self, *, has_begun: bool = False) -> None:
        self.waits_since, self.has_begun, self.received = self.loop.time(), has_begun, 0

    def _answer(self, refusal: RequestTooSlow | BadRequest, request_id: str) -> None:
        body = refused_outside(refusal, request_id)
        head = (
            f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)


def close_late(connections: Iterable[object], now: float, slow: Counter) -> None:
    """Close every connection that is late at `now`, a time of the loop; `slow` counts them by what kept us waiting."""
    for connection in [each for each in connections if isinstance(each, Impatient)]:
        part = connection.end_if_late(now)
        if part is not None:
            slow.labels(part).inc()
