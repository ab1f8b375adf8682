"""Instants of callers: RFC 3339 alone, in UTC, within the years that can be computed with."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from serving.market_data.instants import EARLIEST, LATEST, Instant

INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-12-28T21:00:00Z", datetime(2022, 12, 28, 21, tzinfo=UTC)),
        ("2022-12-28T16:00:00.5-05:00", datetime(2022, 12, 28, 21, 0, 0, 500_000, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:59", EARLIEST),
        ("9999-12-31T23:59:59-23:59", LATEST),
        ("1970-01-01T00:00:00+14:00", EARLIEST),
    ],
)
def test_an_instant_is_read_in_utc_and_bounded(text: str, expected: datetime) -> None:
    assert INSTANT.validate_python(text) == expected


@pytest.mark.parametrize(
    "value", [0, 0.5, True, "0", "2022-12-28", "2022-12-28T21:00:00", "2022-02-30T00:00:00Z", None]
)
def test_what_is_no_instant_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(value)
