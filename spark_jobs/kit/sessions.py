"""Trading days of an exchange."""

from datetime import date

import exchange_calendars
import numpy as np
import numpy.typing as npt
from exchange_calendars.errors import InvalidCalendarName

from spark_jobs.kit.errors import DataError

Days = npt.NDArray[np.datetime64]


class UnknownCalendarError(DataError):
    """No exchange calendar has this name."""

    def __init__(self, calendar: str) -> None:
        super().__init__(f"there is no exchange calendar {calendar!r}: set TIDEMARK_MARKET__CALENDAR to one, as XNYS")


def sessions(first_year: int, last_year: int, calendar: str) -> Days:
    """The trading days of whole years, ascending, as datetime64[D]. Raises UnknownCalendarError."""
    try:
        found = exchange_calendars.get_calendar(calendar, start=f"{first_year}-01-01", end=f"{last_year}-12-31")
    except InvalidCalendarName as error:
        raise UnknownCalendarError(calendar) from error
    days: Days = found.sessions.to_numpy().astype("datetime64[D]")
    return days


def is_session(day: date, calendar: str) -> bool:
    """Whether the exchange trades on `day`. Raises UnknownCalendarError."""
    return bool(np.isin(np.datetime64(day, "D"), sessions(day.year, day.year, calendar)))
