"""When exchanges are open: the one place that asks exchange_calendars."""

from dataclasses import dataclass
from datetime import date, datetime

from lakehouse.errors import TidemarkError


class NoCalendar(TidemarkError):
    """No calendar has this name, or it does not know these days."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: from `opens_at` to before `closes_at`, both UTC. Lunch breaks count as open."""

    day: date
    opens_at: datetime
    closes_at: datetime


def sessions(exchange: str, first: date, last: date) -> tuple[Session, ...]:
    """The sessions of `exchange` (a MIC) whose day is from `first` to `last`, ascending. Nothing is kept: a month takes
    about a tenth of a second, the very first call half a second. Raises NoCalendar."""
    # Here, because it brings pandas: most processes that know orders never ask when a session closes.
    import exchange_calendars
    from exchange_calendars.errors import CalendarError

    try:
        calendar = exchange_calendars.get_calendar(exchange, start=first, end=last)
    except (CalendarError, ValueError) as error:
        raise NoCalendar(f"there is no calendar {exchange!r} of {first} to {last}: {error}") from error
    rows = zip(calendar.sessions, calendar.opens, calendar.closes, strict=True)
    return tuple(Session(day.date(), opened.to_pydatetime(), closed.to_pydatetime()) for day, opened, closed in rows)
