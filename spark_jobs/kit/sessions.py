"""Trading days of an exchange."""

from datetime import date

import exchange_calendars
import numpy as np
import numpy.typing as npt

CALENDAR = "XNYS"
Days = npt.NDArray[np.datetime64]


def sessions(first_year: int, last_year: int, calendar: str = CALENDAR) -> Days:
    """The trading days of whole years, ascending, as datetime64[D]."""
    found = exchange_calendars.get_calendar(calendar, start=f"{first_year}-01-01", end=f"{last_year}-12-31")
    days: Days = found.sessions.to_numpy().astype("datetime64[D]")
    return days


def is_session(day: date, calendar: str = CALENDAR) -> bool:
    """Whether the exchange trades on `day`."""
    return bool(np.isin(np.datetime64(day, "D"), sessions(day.year, day.year, calendar)))
