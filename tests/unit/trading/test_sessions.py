"""A price ages while its exchange is open, and not over a night, a weekend or a holiday."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.trading.sessions import time_in_session

FRIDAY_CLOSE = datetime(2026, 2, 27, 21, 0, tzinfo=UTC)  # 16:00 in New York, on winter time
MONDAY_OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("exchange", "since", "until", "open_for"),
    [
        ("XNYS", FRIDAY_CLOSE, MONDAY_OPEN, timedelta()),
        ("XNAS", FRIDAY_CLOSE, MONDAY_OPEN + timedelta(minutes=10), timedelta(minutes=10)),
        ("XNYS", FRIDAY_CLOSE - timedelta(minutes=5), MONDAY_OPEN + timedelta(minutes=10), timedelta(minutes=15)),
        # Thanksgiving, and the early close of the day after.
        (
            "XNYS",
            datetime(2025, 11, 26, 21, 0, tzinfo=UTC),
            datetime(2025, 12, 1, 14, 30, tzinfo=UTC),
            timedelta(hours=3, minutes=30),
        ),
        # Where nobody knows the sessions, and over weeks, it is the whole time.
        ("PAPER", FRIDAY_CLOSE, MONDAY_OPEN, MONDAY_OPEN - FRIDAY_CLOSE),
        ("XNYS", FRIDAY_CLOSE - timedelta(days=365), FRIDAY_CLOSE, timedelta(days=365)),
        ("XNYS", MONDAY_OPEN, FRIDAY_CLOSE, timedelta()),
    ],
)
def test_the_time_in_session(exchange: str, since: datetime, until: datetime, open_for: timedelta) -> None:
    assert time_in_session(exchange, since, until) == open_for
