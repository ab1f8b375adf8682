"""Trading days of an exchange."""

from datetime import date

import numpy as np
import numpy.typing as npt

from lakehouse.trading import calendars
from spark_jobs.kit.errors import DataError

Days = npt.NDArray[np.datetime64]


class UnknownCalendarError(DataError):
    """No exchange calendar has this name, or it does not know these years."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; set TIDEMARK_MARKET__CALENDAR to one that knows them, as XNYS")


def sessions(first_year: int, last_year: int, calendar: str) -> Days:
    """The trading days of whole years, ascending, as datetime64[D]. Raises UnknownCalendarError."""
    try:
        found = calendars.sessions(calendar, date(first_year, 1, 1), date(last_year, 12, 31))
    except calendars.NoCalendar as error:
        raise UnknownCalendarError(str(error)) from error
    return np.array([session.day for session in found], dtype="datetime64[D]")


def is_session(day: date, calendar: str) -> bool:
    """Whether the exchange trades on `day`. Raises UnknownCalendarError."""
    return bool(np.isin(np.datetime64(day, "D"), sessions(day.year, day.year, calendar)))
