"""Conditional writes (RFC 9110 13): the version of an object is its ETag, and If-Match protects from lost updates."""

import re
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from serving.kit.problems import ApiError

_ETAG = re.compile(r'"([0-9]{1,9})"')

# Left out of the schema: a made-up ETag is refused by right, which tools would report as a failure of ours.
IfMatch = Annotated[str | None, Header(include_in_schema=False)]


class CurrentVersion(BaseModel):
    """Extension of the 412 problem."""

    current_version: int


class VersionConflict(ApiError):
    """If-Match names a version that is not the current one: somebody else has changed the object meanwhile."""

    status = 412
    code = "version_conflict"
    title = "The object has changed since it was read"

    def __init__(self, current: int) -> None:
        super().__init__(
            f'The current version is {current}: read it again, then send If-Match: "{current}".',
            extension=CurrentVersion(current_version=current),
        )


def etag(version: int) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'


def check(if_match: str | None, current: int) -> None:
    """Raise VersionConflict unless `if_match` is absent, `*`, or names `current`."""
    if if_match is None or if_match.strip() == "*":
        return
    named = {int(found) for found in _ETAG.findall(if_match)}
    if current not in named:
        raise VersionConflict(current)
