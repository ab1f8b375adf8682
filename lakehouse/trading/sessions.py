"""When an order lapses: the close of the exchange's session for `day`, a moment for orders that fill now or never."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from lakehouse.trading.order import TimeInForce

# Matching gets this long to try an immediate order against quotes; then it lapses.
IMMEDIATE: Final = timedelta(seconds=5)
_DAYS_AHEAD: Final = 31


@lru_cache(maxsize=64)
def _closes(exchange: str, first: date) -> tuple[datetime, ...]:
    """The closes of a month's sessions from `first` on; empty for a venue without a calendar."""
    # Here, because it brings pandas: most processes that know orders never ask when a session closes.
    import exchange_calendars
    from exchange_calendars.errors import CalendarError

    try:
        calendar = exchange_calendars.get_calendar(exchange, start=first, end=first + timedelta(days=_DAYS_AHEAD))
    except (CalendarError, ValueError):  # no such calendar, or one that does not know these days
        return ()
    return tuple(close.to_pydatetime() for close in calendar.closes)


def session_close(exchange: str, now: datetime) -> datetime:
    """The next close of a session of `exchange` (a MIC) after `now`: today's, or that of the next trading day.

    A venue without a calendar trades around the clock: its day ends at midnight UTC. The first call for a venue and day
    takes about a tenth of a second, the very first half a second.
    """
    today = now.astimezone(UTC).date()
    for close in _closes(exchange, today):
        if close > now:
            return close
    return datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)


def expiry(time_in_force: TimeInForce, *, now: datetime, close: datetime, given: datetime | None) -> datetime | None:
    """When the order lapses; None for one that works until it is canceled. `given` is the date of a gtd order."""
    if time_in_force is TimeInForce.DAY:
        return close
    if time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return now + IMMEDIATE
    return given if time_in_force is TimeInForce.GTD else None
