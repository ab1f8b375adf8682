"""Conditional reads (RFC 9110 13): a strong ETag of the bytes, and 304 for who has them already."""

import hashlib
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel
from starlette.responses import Response

from serving.kit.types import Optionally

REVALIDATE = "private, no-cache"
NOT_MODIFIED = 304

IfNoneMatch = Annotated[
    Optionally[str], Header(description="ETag of the answer that the caller has; 304 where it still holds")
]


def conditional(body: BaseModel, if_none_match: str | None) -> Response:
    """The JSON of `body` with its ETag, or 304 where `if_none_match` names it. Caches must ask again each time."""
    return conditional_bytes(body.model_dump_json().encode(), if_none_match)


def conditional_bytes(content: bytes, if_none_match: str | None) -> Response:
    """The same for JSON that is written already."""
    return conditional_as(f'"{hashlib.sha256(content).hexdigest()[:32]}"', content, if_none_match)


def conditional_as(etag: str, content: bytes, if_none_match: str | None) -> Response:
    """The same under a tag of the caller's, such as a version.

    A 304 says what the 200 would have been (RFC 9110 8.6): by that serving.kit.compression gives it the 200's tag.
    """
    headers = {"ETag": etag, "Cache-Control": REVALIDATE}
    if if_none_match is not None and names(if_none_match, etag):
        unsent = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        return Response(status_code=NOT_MODIFIED, headers={**headers, **unsent})
    return Response(content, media_type="application/json", headers=headers)


def names(header: str, etag: str) -> bool:
    """Whether an If-None-Match header names `etag`, by weak comparison as the RFC wants for reads."""
    given = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in given or etag in given
