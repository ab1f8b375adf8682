"""How old a table may get: what its job allows, counted in days on which the market trades."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from lakehouse.contracts.jobs import JOBS
from lakehouse.contracts.model import Job
from lakehouse.trading.sessions import session_days

PROMISES: Final[Mapping[str, Job]] = {
    output: job for job in sorted(JOBS.values(), key=lambda job: job.max_age_h) for output in job.outputs
}
"""The job that promises each table; of several the most patient one."""


def is_fresh(published_at: datetime, now: datetime, job: Job, exchange: str) -> bool:
    """Whether what was published then is as young at `now` as `job` promises."""
    allowed = timedelta(hours=job.max_age_h)
    # Most of what is asked for is young by any calendar, and a calendar takes half a second to read.
    return now - published_at <= allowed or now <= stale_at(published_at, allowed, exchange)


def stale_at(published_at: datetime, allowed: timedelta, exchange: str) -> datetime:
    """The instant at which what was published then has grown as old as `allowed`.

    It ages on days (UTC) on which `exchange` (a MIC) trades: what came after the last session's close is as good over
    a weekend or a holiday. A venue without a calendar trades every day. The first call for a venue and year takes some
    tenths of a second.
    """
    moment, left = published_at.astimezone(UTC), allowed
    while True:
        midnight = datetime.combine(moment.date() + timedelta(days=1), time(), UTC)
        if _trades(exchange, moment.date()):
            if left <= midnight - moment:
                return moment + left
            left -= midnight - moment
        moment = midnight


def _trades(exchange: str, day: date) -> bool:
    days = session_days(exchange, day.year)
    return not days or day in days
