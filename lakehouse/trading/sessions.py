"""What depends on the sessions of an exchange: when an order lapses, and how old a price is."""

from datetime import MAXYEAR, UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from lakehouse.trading import calendars
from lakehouse.trading.order import AT_ONCE, TimeInForce

# Matching gets this long to try an immediate order against quotes; then it lapses.
IMMEDIATE: Final = timedelta(seconds=5)
_DAYS: Final = 31


Sessions = tuple[tuple[datetime, datetime], ...]


def _between(exchange: str, first: date, last: date) -> Sessions:
    """Opens and closes of the sessions of these days; empty for a venue without a calendar."""
    try:
        found = calendars.sessions(exchange, first, last)
    except calendars.NoCalendar:
        return ()
    return tuple((session.opens_at, session.closes_at) for session in found)


@lru_cache(maxsize=64)
def _sessions(exchange: str, first: date) -> Sessions:
    """Those of a month from `first` on."""
    return _between(exchange, first, first + timedelta(days=_DAYS))


@lru_cache(maxsize=512)
def session_days(exchange: str, year: int) -> tuple[date, ...]:
    """The days of a year, and of the January after it, on which `exchange` (a MIC) is open, in UTC; empty for a venue
    without a calendar. The first call for a venue and year takes some tenths of a second."""
    if year == MAXYEAR:  # no calendar knows it, and there is no January after it
        return ()
    return tuple(closed.date() for _, closed in _between(exchange, date(year, 1, 1), date(year + 1, 1, 31)))


def session_close(exchange: str, now: datetime) -> datetime:
    """The next close of a session of `exchange` (a MIC) after `now`: today's, or that of the next trading day.

    A venue without a calendar trades around the clock: its day ends at midnight UTC. The first call for a venue and day
    takes about a tenth of a second, the very first half a second.
    """
    today = now.astimezone(UTC).date()
    for _, close in _sessions(exchange, today):
        if close > now:
            return close
    return datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)


def in_session(exchange: str, now: datetime) -> bool:
    """Whether `exchange` (a MIC) trades at `now`: from its open to before its close. A venue without a calendar always
    does; lunch breaks count as open. Costs what `session_close` costs."""
    # A session may begin on the UTC day before.
    sessions = _sessions(exchange, now.astimezone(UTC).date() - timedelta(days=1))
    return not sessions or any(opened <= now < closed for opened, closed in sessions)


@lru_cache(maxsize=512)
def sessions_on(exchange: str, day: date) -> Sessions | None:
    """Opens and closes of the sessions of `exchange` (a MIC) that may touch a UTC day; None for a venue without a
    calendar, which is always open. Costs what `session_close` costs."""
    sessions = _sessions(exchange, day - timedelta(days=1))
    return tuple(each for each in sessions if each[0].date() <= day) or (() if sessions else None)


def time_in_session(exchange: str, since: datetime, until: datetime) -> timedelta:
    """How long `exchange` (a MIC) was open between two instants: a price does not age overnight or over a holiday.

    Of a venue without a calendar, and of more than three weeks, it is the whole time. Lunch breaks count as open.
    Costs what `session_close` costs.
    """
    whole = max(until - since, timedelta())
    day_before = since.astimezone(UTC).date() - timedelta(days=1)
    sessions = _sessions(exchange, day_before) if whole < timedelta(days=21) else ()
    if not sessions:
        return whole
    parts = (min(closed, until) - max(opened, since) for opened, closed in sessions)
    return sum((part for part in parts if part > timedelta()), timedelta())


def expiry(time_in_force: TimeInForce, *, now: datetime, close: datetime, given: datetime | None) -> datetime | None:
    """When the order lapses; None for one that works until it is canceled. `given` is the date of a gtd order."""
    if time_in_force is TimeInForce.DAY:
        return close
    if time_in_force in AT_ONCE:
        return now + IMMEDIATE
    return given if time_in_force is TimeInForce.GTD else None
