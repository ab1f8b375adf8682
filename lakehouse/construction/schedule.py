"""When a portfolio is due: dates of its frequency, moved to the exchange's next session."""

from calendar import monthrange
from datetime import date, timedelta
from itertools import count
from typing import Final

from lakehouse.construction.model import ConstructionError
from lakehouse.construction.policy import Frequency
from lakehouse.trading.sessions import session_days

MONTHS: Final = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.BIANNUAL: 6, Frequency.ANNUAL: 12}
STEP_DAYS: Final = {Frequency.DAILY: 1, Frequency.WEEKLY: 7}


class UnknownCalendar(ConstructionError):
    """No exchange calendar has this name, or it does not know the year."""


def next_due(anchor: date, after: date, frequency: Frequency, exchange: str = "XNYS") -> date:
    """The first session after `after` on which a portfolio that was first due on `anchor` is due again.

    Dates are counted from the anchor, so that the 31st stays the 31st after a short month, and each moves to the next
    session of `exchange` (a MIC) where it is none. Dates that were missed are not made up for: one run after a pause
    does for all of them. Raises UnknownCalendar.
    """
    for step in count(_skipped(anchor, after, frequency)):
        due = session_from(_nominal(anchor, step, frequency), exchange)
        if due > after:
            return due
    raise AssertionError("count() never ends")


def session_from(day: date, exchange: str) -> date:
    """`day` if it is a session of the exchange, else the next one. Raises UnknownCalendar."""
    found = next((session for session in session_days(exchange, day.year) if session >= day), None)
    if found is None:
        raise UnknownCalendar(f"there is no calendar of {exchange!r} that knows the days after {day}")
    return found


def _skipped(anchor: date, after: date, frequency: Frequency) -> int:
    """Steps that certainly lie at or before `after`, so that a policy of ten years does not count them one by one."""
    days = (after - anchor).days
    if frequency in STEP_DAYS:
        return max(0, days // STEP_DAYS[frequency] - 10)
    return max(0, days // (31 * MONTHS[frequency]) - 1)


def _nominal(anchor: date, step: int, frequency: Frequency) -> date:
    if frequency in STEP_DAYS:
        return anchor + timedelta(days=STEP_DAYS[frequency] * step)
    months = anchor.year * 12 + anchor.month - 1 + step * MONTHS[frequency]
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(anchor.day, monthrange(year, month)[1]))
