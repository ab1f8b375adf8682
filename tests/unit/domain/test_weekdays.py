"""The next day that is no weekend."""

from datetime import date

import pytest

from lakehouse.domain.weekdays import next_weekday


@pytest.mark.parametrize(
    ("sent", "due"),
    [
        ("2022-12-28", "2022-12-29"),
        ("2022-12-30", "2023-01-02"),
        ("2022-12-31", "2023-01-02"),
        ("2023-01-01", "2023-01-02"),
    ],
)
def test_it_is_the_next_weekday(sent: str, due: str) -> None:
    assert next_weekday(date.fromisoformat(sent)) == date.fromisoformat(due)
