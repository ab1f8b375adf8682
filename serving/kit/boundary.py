"""The first and last code of every request: id, host and size checks, headers, metrics, one access line."""

from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import ServingSettings
from serving.kit import cors
from serving.kit.bodies import limited, too_large
from serving.kit.context import (
    ADDRESS,
    CORS,
    CURRENT,
    SECURE,
    TRACE,
    UNMATCHED,
    given_request_id,
    given_trace_id,
    raw_headers,
)
from serving.kit.metrics import Metrics
from serving.kit.problems import ApiError, BadRequest, HostNotAllowed, respond
from serving.kit.security import CrossSiteRefused, Proxies, is_loopback, is_own_origin

ANY_HOST = "*"
IMPORTS_PATH = "/api/v1/imports"  # files are larger than anything else that is sent
FAILED = 500
NO_CONTENT = 204
POLICY_VIOLATION = 1008  # a socket that is closed so before it is accepted is answered with 403
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024

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
        self.origins = cors.checked(settings.cors_origins)
        self.proxies = Proxies.of(settings.trusted_proxies)
        self.is_secure = not is_loopback(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        self._introduce(scope)
        if scope["type"] == "websocket":
            await self._answer_socket(scope, receive, send)
            return
        answer = _Answer()
        started = self.clock.monotonic()
        self.metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, _decorated(send, scope, answer))
        finally:
            self.metrics.in_flight.dec()
            self._record(scope, answer, self.clock.monotonic() - started)

    def _introduce(self, scope: Scope) -> None:
        """Write down who calls, under which id."""
        state = scope.setdefault("state", {})
        state["request_id"] = given_request_id(scope) or uuid7(self.clock).hex
        state[ADDRESS] = self.proxies.caller(scope)
        state[SECURE] = self.is_secure
        trace_id = given_trace_id(scope)
        if trace_id is not None:
            state[TRACE] = trace_id
        CURRENT.set(state)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        longest = self._longest_body(scope)
        refusal = self._refusal(headers, longest)
        if refusal is not None:
            await respond(Request(scope), refusal)(scope, receive, send)
            return
        if self.origins:
            shared = cors.shared_with(headers, self.origins)
            scope["state"][CORS] = shared
            if shared and cors.is_preflight(scope["method"], headers):
                scope["state"][CORS] = [*shared, *cors.preflight()]
                await Response(status_code=NO_CONTENT)(scope, receive, send)
                return
        await self.app(scope, limited(receive, headers, longest), send)

    async def _answer_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pages of other sites may open sockets without asking: what they send is refused by their Origin."""
        headers = HTTPConnection(scope).headers
        refusal = self._refusal(headers, 0) or self._refused_origin(headers)
        if refusal is None:
            await self.app(scope, receive, send)
            return
        log.info("socket refused", request_id=scope["state"]["request_id"], code=refusal.code)
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.code})

    def _refused_origin(self, headers: Headers) -> ApiError | None:
        origin = headers.get("origin")
        if origin is None or origin in self.origins or is_own_origin(origin, headers):
            return None
        return CrossSiteRefused("The Origin header names another site.")

    def _longest_body(self, scope: Scope) -> int:
        is_file = scope["method"] == "POST" and scope["path"] == IMPORTS_PATH
        return self.settings.max_import_bytes if is_file else self.settings.max_body_bytes

    def _refusal(self, headers: Headers, longest_body: int) -> ApiError | None:
        """Why the request is not even looked at, judged by its headers."""
        host = host_name(headers.get("host", ""))
        if ANY_HOST not in self.settings.allowed_hosts and host not in self.settings.allowed_hosts:
            return HostNotAllowed("The Host header is not one of serving.allowed_hosts.")
        if (
            len(headers.raw) > MAX_HEADERS
            or sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADER_BYTES
        ):
            return BadRequest(f"Send at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes together.")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return BadRequest("Content-Length is not a number.")
        if int(length) > longest_body:
            return too_large(longest_body)
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
            found = list(message.get("headers", ()))
            named = {name.lower() for name, _ in found}
            found.extend(header for header in raw_headers(scope) if header[0] not in named)
            message = {**message, "headers": found}
        await send(message)

    return decorate
