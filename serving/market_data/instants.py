"""Instants as callers write them: RFC 3339 with an offset, any year, never a number of seconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


def _written_out(value: object) -> object:
    if not isinstance(value, datetime) and not (isinstance(value, str) and _SHAPE.fullmatch(value)):
        raise ValueError("Input should be an instant as YYYY-MM-DDTHH:MM:SSZ")
    return value


def _in_utc(value: datetime) -> datetime:
    """The instant in UTC; what lies before 1970 or after 2199 becomes that bound, so that arithmetic stays possible."""
    naive = value.replace(tzinfo=UTC)
    if naive < EARLIEST - timedelta(days=2):
        return EARLIEST
    if naive > LATEST + timedelta(days=2):
        return LATEST
    return min(max(value.astimezone(UTC), EARLIEST), LATEST)


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
