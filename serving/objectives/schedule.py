"""When a portfolio is rebalanced next: pure dates."""

from calendar import monthrange
from datetime import date
from enum import StrEnum


class Frequency(StrEnum):
    """How often a portfolio is rebalanced; biannual is twice a year."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    BIANNUAL = "biannual"
    ANNUAL = "annual"


MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.BIANNUAL: 6, Frequency.ANNUAL: 12}


def following(day: date, frequency: Frequency) -> date:
    """The day of the same number that many months later; the month's last day where it has no such day."""
    months = day.year * 12 + day.month - 1 + MONTHS[frequency]
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
