"""Tables age on trading days: what the last session's close brought is as good on a Sunday as on Friday night."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.contracts.freshness import PROMISES, is_fresh, stale_at
from lakehouse.contracts.jobs import JOBS, RETURNS_DAILY, STRATEGY_BACKTESTS

DAY = timedelta(hours=30)


def at(day: int, hour: int, minute: int = 0, month: int = 12) -> datetime:
    return datetime(2022, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("exchange", "published_at", "expected"),
    [
        # Wednesday after the close, and what Thursday's close should have replaced.
        ("XNYS", at(14, 23), at(16, 5)),
        # Friday after the close: Saturday and Sunday do not count.
        ("XNYS", at(16, 23), at(20, 5)),
        # The Friday before Christmas: Monday the 26th was a holiday.
        ("XNYS", at(23, 23), at(28, 5)),
        # Thanksgiving on a Thursday; London traded.
        ("XNYS", at(23, 23, month=11), at(28, 5, month=11)),
        ("XLON", at(23, 23, month=11), at(25, 5, month=11)),
        # Over the end of a year: Monday the 2nd was a holiday.
        ("XNYS", at(30, 23), datetime(2023, 1, 4, 5, tzinfo=UTC)),
        # A run by hand on a Sunday is as old on Monday as one at midnight.
        ("XNYS", at(18, 9), at(20, 6)),
        # Where nobody knows the sessions, every day counts.
        ("PAPER", at(16, 23), at(18, 5)),
    ],
)
def test_a_table_ages_on_trading_days_only(exchange: str, published_at: datetime, expected: datetime) -> None:
    assert stale_at(published_at, DAY, exchange) == expected


def test_what_fridays_close_brought_is_fresh_until_mondays_is_late() -> None:
    friday = at(16, 23, 5)
    for now, expected in (
        (friday, True),
        (at(18, 12), True),
        (at(19, 22, 59), True),
        (at(20, 5, 5), True),
        (at(20, 5, 6), False),
    ):
        assert is_fresh(friday, now, RETURNS_DAILY, "XNYS") is expected, now


def test_a_weekly_table_is_fresh_until_the_next_week_is_late() -> None:
    saturday = at(3, 6)
    assert is_fresh(saturday, at(10, 8), STRATEGY_BACKTESTS, "XNYS")
    assert is_fresh(saturday, at(12, 23), STRATEGY_BACKTESTS, "XNYS")
    assert not is_fresh(saturday, at(13, 1), STRATEGY_BACKTESTS, "XNYS")


def test_every_output_is_promised_by_the_most_patient_of_its_jobs() -> None:
    for name, job in PROMISES.items():
        writers = [each for each in JOBS.values() if name in each.outputs]
        assert job.max_age_h == max(each.max_age_h for each in writers), name
    assert set(PROMISES) == {name for job in JOBS.values() for name in job.outputs}
