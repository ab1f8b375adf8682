"""What a request carries from the first line to the last: its id, and the headers of every answer."""

import re

from starlette.types import Scope

NO_STORE = "no-store"
REQUEST_ID = "x-request-id"
_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")

_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": NO_STORE,
}


def given_request_id(scope: Scope) -> str | None:
    """The caller's X-Request-ID, where it is short and safe to log; None otherwise."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID.encode() and _SAFE_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return None


def request_id_of(scope: Scope) -> str:
    """The id that the boundary gave this request."""
    return str(scope.get("state", {}).get("request_id", ""))


def response_headers(scope: Scope) -> dict[str, str]:
    """Headers that an answer gets unless its route has set them."""
    return {**_SECURITY, "X-Request-ID": request_id_of(scope)}
