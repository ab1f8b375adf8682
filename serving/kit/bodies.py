"""Bodies as they arrive: refused where they grow past the limit or nest deeper than any document of ours."""

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from serving.kit.problems import BodyTooLarge

MAX_DEPTH = 64
BAD_REQUEST = 400
TOO_LARGE = 413
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def too_large(limit: int) -> BodyTooLarge:
    """The refusal of a body over `limit` bytes."""
    return BodyTooLarge(f"A request body may have {limit} bytes at most.")


def limited(receive: Receive, headers: Headers, limit: int) -> Receive:
    """`receive` that refuses too much and too deep (FastAPI passes only its own error through a body read)."""
    is_json = "json" in headers.get("content-type", "json")
    seen = 0
    chunks: list[bytes] = []

    async def checked() -> Message:
        nonlocal seen
        message = await receive()
        chunk = message.get("body", b"")
        if not chunk:
            return message
        seen += len(chunk)
        if seen > limit:
            raise HTTPException(TOO_LARGE, too_large(limit).detail)
        if is_json:
            chunks.append(chunk)
            if is_too_deep(chunks):
                raise HTTPException(BAD_REQUEST, f"The JSON is nested deeper than {MAX_DEPTH} levels.")
        return message

    return checked


def is_too_deep(chunks: list[bytes]) -> bool:
    """Whether JSON is nested deeper than MAX_DEPTH. Brackets inside of strings are told apart only where it matters."""
    if sum(chunk.count(b"[") + chunk.count(b"{") for chunk in chunks) <= MAX_DEPTH:
        return False
    body = b"".join(chunks)
    return _depth(body) > MAX_DEPTH and _depth(_STRINGS.sub(b"", body)) > MAX_DEPTH


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for byte in body.translate(None, _NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
