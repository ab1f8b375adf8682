"""Keyset paging: a page starts after the last row of the page before, so rows are neither skipped nor seen twice."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from serving.kit.problems import ApiError

CURSOR_PATTERN = "^[A-Za-z0-9_-]{8,600}$"
_CHECK_BYTES = 8

Item = TypeVar("Item")


class Named(Protocol):
    """A row with an id."""

    @property
    def id(self) -> object:
        """By which its list is sorted, and goes on."""


Row = TypeVar("Row", bound=Named)


class CursorMismatch(ApiError):
    """A cursor that no page of this list with these filters has handed out."""

    status = 409
    code = "cursor_mismatch"
    title = "The cursor does not belong to this list"


class Page(BaseModel, Generic[Item]):
    """Rows and where the next ones are."""

    data: list[Item] = Field(description="rows in the order of the list")
    has_more: bool = Field(description="true where another page follows")
    next: str | None = Field(description="path of the next page, with the same filters; null on the last page")


def split(rows: Sequence[Item], limit: int) -> tuple[Sequence[Item], bool]:
    """The page and whether more follows, of rows that were read with a limit one higher."""
    return rows[:limit], len(rows) > limit


def next_path(path: str, filters: Mapping[str, object], marker: Mapping[str, str]) -> str:
    """The next page's path: the filters that were given, and where to go on."""
    given = {name: _text(value) for name, value in filters.items() if value is not None and name not in marker}
    return f"{path}?{urlencode({**given, **marker}, doseq=True)}"


def page_by_id(
    rows: Sequence[Row], limit: int, path: str, filters: Mapping[str, object]
) -> tuple[Sequence[Row], str | None]:
    """The page, of rows by id that were read with a limit one higher, and the path of the next; None on the last."""
    page, has_more = split(rows, limit)
    given = {**filters, "limit": limit}
    return page, next_path(path, given, {"starting_after": str(page[-1].id)}) if has_more else None


def _text(value: object) -> str | list[str]:
    if isinstance(value, bool):
        return str(value).lower()
    return [str(each) for each in value] if isinstance(value, list) else str(value)


def link_header(path: str | None, here: str | None = None) -> dict[str, str]:
    """The Link header (RFC 8288) of a page: `next` unless it is the last one, and `self` where `here` is its path."""
    links = [f'<{target}>; rel="{rel}"' for target, rel in ((path, "next"), (here, "self")) if target is not None]
    return {"Link": ", ".join(links)} if links else {}


def encode_cursor(key: Sequence[str], scope: str) -> str:
    """An opaque cursor of the last row's key; `scope` names the list and its filters."""
    body = json.dumps(list(key), separators=(",", ":")).encode()
    return urlsafe_b64encode(_check(body, scope) + body).rstrip(b"=").decode()


def decode_cursor(cursor: str, scope: str) -> list[str]:
    """The key that `encode_cursor` wrote. Raises CursorMismatch for any other text, list or filters.

    The check finds mistakes, not attacks: a cursor holds nothing that its reader has not seen, and opens nothing.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (Base64Error, ValueError) as error:
        raise mismatch() from error
    check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
    if check != _check(body, scope):
        raise mismatch()
    try:
        key = json.loads(body)
    except ValueError as error:
        raise mismatch() from error
    if not isinstance(key, list) or not all(isinstance(part, str) for part in key):
        raise mismatch()
    return key


def _check(body: bytes, scope: str) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES, key=hashlib.sha256(scope.encode()).digest()).digest()


def mismatch() -> CursorMismatch:
    """The refusal of a cursor; `from` its cause."""
    return CursorMismatch("Take the cursor from `next` of the page before and keep its filters, or start without one.")
