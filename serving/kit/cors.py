"""Pages of other sites (CORS): none may call the API but those of serving.cors_origins."""

from starlette.datastructures import Headers

from lakehouse.errors import TidemarkError
from serving.kit.context import RawHeaders

_METHODS = b"GET, POST, PUT, PATCH, DELETE"
_ASKED = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-API-Key, X-Request-ID, X-Requested-With"
)
_SHOWN = b"ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID, Idempotency-Replayed"
_MAX_AGE_S = b"600"


class OriginSettingsError(TidemarkError):
    """serving.cors_origins holds something that is no origin."""


def checked(origins: tuple[str, ...]) -> frozenset[str]:
    """The origins. Raises OriginSettingsError for `*`, paths and what has no scheme."""
    for origin in origins:
        scheme, _, place = origin.partition("://")
        if scheme not in {"http", "https"} or not place or "*" in place or "/" in place:
            raise OriginSettingsError(
                f"TIDEMARK_SERVING__CORS_ORIGINS: {origin!r} is no origin like https://app.example.com; "
                "`*` would let every site act for the user"
            )
    return frozenset(origins)


def shared_with(headers: Headers, origins: frozenset[str]) -> RawHeaders:
    """Headers that let the page of an allowed origin read the answer; none for any other."""
    origin = headers.get("origin")
    if not origins or origin is None or origin not in origins:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _SHOWN),
        (b"vary", b"Origin"),
    ]


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a browser asks what a page of another site may send."""
    return method == "OPTIONS" and "access-control-request-method" in headers and "origin" in headers


def preflight() -> RawHeaders:
    """The answer to a preflight of an allowed origin, beside `shared_with`."""
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _ASKED),
        (b"access-control-max-age", _MAX_AGE_S),
    ]
