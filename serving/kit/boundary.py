"""The first and last code of every request: id, host and size checks, headers, metrics, one access line."""

from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import ServingSettings
from serving.kit.context import given_request_id, response_headers
from serving.kit.metrics import Metrics
from serving.kit.problems import ApiError, BadRequest, BodyTooLarge, HostNotAllowed, respond

UNMATCHED = "unmatched"
ANY_HOST = "*"
FAILED = 500
TOO_LARGE = 413

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Answer:
    """What was sent; a request that ends without an answer counts as a failure."""

    status: int = FAILED


class Boundary:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, settings: ServingSettings, clock: Clock, metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self.clock = clock
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = given_request_id(scope) or uuid7(self.clock).hex
        answer = _Answer()
        started = self.clock.monotonic()
        self.metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, _decorated(send, scope, answer))
        finally:
            self.metrics.in_flight.dec()
            self._record(scope, answer, self.clock.monotonic() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope))
        if refusal is None:
            await self.app(scope, _limited(receive, self.settings.max_body_bytes), send)
        else:
            await respond(Request(scope), refusal)(scope, receive, send)

    def _refusal(self, headers: Headers) -> ApiError | None:
        """Why the request is not even looked at, judged by its headers."""
        host = host_name(headers.get("host", ""))
        if ANY_HOST not in self.settings.allowed_hosts and host not in self.settings.allowed_hosts:
            return HostNotAllowed("The Host header is not one of serving.allowed_hosts.")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return BadRequest("Content-Length is not a number.")
        if int(length) > self.settings.max_body_bytes:
            return _too_large(self.settings.max_body_bytes)
        return None

    def _record(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        self.metrics.answered(method=scope["method"], route=route, status=answer.status, seconds=seconds)
        log.info(
            "request",
            request_id=scope["state"]["request_id"],
            method=scope["method"],
            route=route,
            status=answer.status,
            ms=round(seconds * 1000, 1),
        )


def host_name(header: str) -> str:
    """The Host header without its port, in lower case; brackets of an IPv6 address stay."""
    name = header.rsplit(":", 1)[0] if header.rsplit(":", 1)[-1].isdigit() else header
    return name.lower()


def _decorated(send: Send, scope: Scope, answer: _Answer) -> Send:
    async def decorate(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in response_headers(scope).items():
                headers.setdefault(name, value)
        await send(message)

    return decorate


def _limited(receive: Receive, limit: int) -> Receive:
    """Refuse a body that grows past the limit unannounced (FastAPI passes only its own error through a body read)."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(TOO_LARGE, _too_large(limit).detail)
        return message

    return limited


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"A request body may have {limit} bytes at most.")
