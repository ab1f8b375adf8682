"""Instants of callers: RFC 3339 text alone, in UTC; the published schema is as strict as the code."""

import re
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from serving.kit.types import FIRST_INSTANT, LAST_INSTANT, Instant
from serving.market_data.instants import EARLIEST, LATEST, BoundedInstant
from serving.orders.schemas import OrderPatch
from serving.seed.schemas import SeedCash, SeedIn
from serving.transactions.schemas import CashMovedIn

INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
BOUNDED: TypeAdapter[datetime] = TypeAdapter(BoundedInstant)
NO_INSTANTS = [
    *(0, 0.5, True, "0", "1672261200", "2022-12-28", "2022-12-28T21:00:00", "2022-02-30T00:00:00Z", None),
    *(
        "2022-12-28 21:00:00Z",
        "2022-12-28T21:00Z",
        "2022-12-28T21:00:60Z",
        "0000-01-01T00:00:00Z",
        " 2022-12-28T21:00:00Z",
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-12-28T21:00:00Z", datetime(2022, 12, 28, 21, tzinfo=UTC)),
        ("2022-12-28t16:00:00.5-05:00", datetime(2022, 12, 28, 21, 0, 0, 500_000, tzinfo=UTC)),
        ("2022-12-28T21:00:00.1234567891234z", datetime(2022, 12, 28, 21, 0, 0, 123_456, tzinfo=UTC)),
        ("1066-10-14T09:00:00Z", datetime(1066, 10, 14, 9, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:59", FIRST_INSTANT),
        ("9999-12-31T23:59:59-23:59", LAST_INSTANT),
    ],
)
def test_an_instant_is_read_in_utc(text: str, expected: datetime) -> None:
    read = INSTANT.validate_python(text)
    assert read == expected
    assert read.tzinfo is UTC


@pytest.mark.parametrize("value", NO_INSTANTS)
def test_what_is_no_instant_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(value)


@pytest.mark.parametrize("value", NO_INSTANTS)
@pytest.mark.parametrize(
    ("model", "member"),
    [(CashMovedIn, "occurred_at"), (SeedCash, "occurred_at"), (SeedIn, "opened_at"), (OrderPatch, "expires_at")],
)
def test_no_body_takes_what_is_no_instant(
    model: type[CashMovedIn | SeedCash | SeedIn | OrderPatch], member: str, value: object
) -> None:
    if value is None:
        return  # those that may be left out
    with pytest.raises(ValidationError) as found:
        model.model_validate({member: value})
    assert any(error["loc"] == (member,) for error in found.value.errors())


def test_the_published_schema_refuses_what_the_code_refuses() -> None:
    schema = INSTANT.json_schema()
    assert schema["format"] == "date-time"
    shape = re.compile(schema["pattern"])
    assert not any(
        isinstance(value, str) and shape.search(value) for value in NO_INSTANTS if value != "2022-02-30T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001-01-01T00:00:00+23:59", EARLIEST),
        ("9999-12-31T23:59:59-23:59", LATEST),
        ("1970-01-01T00:00:00+14:00", EARLIEST),
    ],
)
def test_a_filter_of_market_data_stays_within_the_years_that_can_be_computed_with(
    text: str, expected: datetime
) -> None:
    assert BOUNDED.validate_python(text) == expected
