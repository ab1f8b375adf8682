"""Days of the week, where no exchange's calendar is asked: bank holidays are not known here."""

from datetime import date, timedelta
from typing import Final

SATURDAY: Final = 5


def next_weekday(day: date) -> date:
    """The first day after `day` that is no Saturday and no Sunday."""
    following = day + timedelta(days=1)
    while following.weekday() >= SATURDAY:
        following += timedelta(days=1)
    return following
