"""What a request carries from the first line to the last: its id, its caller's address, the headers of every answer."""

import re
from contextvars import ContextVar
from typing import Any, Protocol

from starlette.types import Scope

NO_STORE = "no-store"
REQUEST_ID = "x-request-id"
ADDRESS = "address"
LIMITS = "limit_verdict"
CORS = "cors_headers"
SECURE = "is_secure"
TRACE = "trace_id"
USER = "user_id"
UNMATCHED = "unmatched"
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?")
_NO_TRACE = b"0" * 32
_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")

RawHeaders = list[tuple[bytes, bytes]]

_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": NO_STORE,
}
_RAW: RawHeaders = [(name.lower().encode(), value.encode()) for name, value in _SECURITY.items()]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

# The state of the request that is being answered; empty outside of one. Logs and the audit read it.
CURRENT: ContextVar[dict[str, Any] | None] = ContextVar("tidemark_request", default=None)


class _Headed(Protocol):
    def headers(self) -> RawHeaders: ...


def given_request_id(scope: Scope) -> str | None:
    """The caller's X-Request-ID, where it is short and safe to log; None otherwise."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID.encode() and _SAFE_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return None


def given_trace_id(scope: Scope) -> str | None:
    """The trace that the caller's `traceparent` (W3C Trace Context) names; None where it is absent or malformed."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            found = _TRACEPARENT.fullmatch(value)
            return found[1].decode() if found and found[1] != _NO_TRACE else None
    return None


def request_id_of(scope: Scope) -> str:
    """The id that the boundary gave this request."""
    return str(scope.get("state", {}).get("request_id", ""))


def address_of(state: dict[str, Any]) -> str:
    """The caller's IP address as the boundary found it."""
    return str(state.get(ADDRESS, "unknown"))


def raw_headers(scope: Scope) -> RawHeaders:
    """Headers that an answer gets unless its route has set them, as they go over the wire."""
    state = scope.get("state", {})
    found = [*_RAW, (b"x-request-id", request_id_of(scope).encode())]
    if state.get(SECURE):
        found.append(_HSTS)
    verdict: _Headed | None = state.get(LIMITS)
    if verdict is not None:
        found.extend(verdict.headers())
    found.extend(state.get(CORS, ()))
    return found


def response_headers(scope: Scope) -> dict[str, str]:
    """The same as text."""
    return {name.decode(): value.decode() for name, value in raw_headers(scope)}
