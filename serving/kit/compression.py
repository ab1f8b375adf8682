"""gzip for answers that gain by it; streams pass as they come.

A strong ETag names bytes, and these are other bytes: it turns weak (RFC 9110 8.8.3), as a read's comparison allows.
A 304 carries the tag that the 200 would have had; its Content-Type and Content-Length say whether that is packed.
"""

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_BYTES = 1024
LEVEL = 5
NOT_MODIFIED = 304
COMPRESSIBLE = ("application/json", "application/problem+json", "text/", "application/openmetrics-text")
STREAM = "text/event-stream"  # its headers must not wait for the first event


class Compression:
    """ASGI middleware: an answer of MIN_BYTES or more that comes in one piece is sent as gzip to who takes it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        takes = accepts_gzip(Headers(scope=scope).get("accept-encoding", ""))
        await self.app(scope, receive, _Answer(send, takes_gzip=takes).send)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for part in header.lower().split(","):
        name, _, parameters = part.strip().partition(";")
        if name in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _is_compressible(headers: Headers) -> bool:
    kind = headers.get("content-type", "")
    return kind.startswith(COMPRESSIBLE) and not kind.startswith(STREAM) and "content-encoding" not in headers


class _Answer:
    """Holds the start of an answer back until its first body shows what it is."""

    def __init__(self, send: Send, *, takes_gzip: bool) -> None:
        self._send = send
        self._takes_gzip = takes_gzip
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] == NOT_MODIFIED:
                self._tag_unsent(message)
            elif _is_compressible(Headers(raw=message["headers"])):
                self._start = message
                return
        if self._start is not None and message["type"] == "http.response.body":
            start, self._start = self._start, None
            message = self._encoded(start, message)
            await self._send(start)
        await self._send(message)

    def _encoded(self, start: Message, message: Message) -> Message:
        headers = MutableHeaders(scope=start)
        headers.add_vary_header("Accept-Encoding")
        body = message.get("body", b"")
        if message.get("more_body", False) or not self._gains(len(body)):
            return message
        packed = gzip.compress(body, compresslevel=LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(packed))
        _weaken(headers)
        return {**message, "body": packed}

    def _gains(self, length: int) -> bool:
        return self._takes_gzip and length >= MIN_BYTES

    def _tag_unsent(self, start: Message) -> None:
        """Give a 304 the Vary and the tag of the 200 that it stands for, and take what described that one's body."""
        headers = MutableHeaders(scope=start)
        if _is_compressible(headers):
            headers.add_vary_header("Accept-Encoding")
            if self._gains(int(headers.get("content-length", "0"))):
                _weaken(headers)
        for name in ("content-type", "content-length"):
            if name in headers:
                del headers[name]


def _weaken(headers: MutableHeaders) -> None:
    if headers.get("etag", "").startswith('"'):
        headers["etag"] = f"W/{headers['etag']}"
