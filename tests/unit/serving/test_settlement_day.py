"""Payments outside should arrive on the next weekday."""

from datetime import date

import pytest

from serving.payments.money import settlement_day


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
    assert settlement_day(date.fromisoformat(sent)) == date.fromisoformat(due)
