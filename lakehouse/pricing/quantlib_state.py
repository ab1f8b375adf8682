"""QuantLib's evaluation date is one global of the process: set here, for the length of a call, and put back.

So that a result depends on its arguments only, every use of QuantLib in this room stands inside `evaluation_on`. One
lock serves all threads: QuantLib computes one thing at a time in a process.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import QuantLib as ql

from lakehouse.pricing.checks import InvalidInput

FIRST_YEAR, LAST_YEAR = 1903, 2197  # QuantLib has two more either way, for the coupons before and after
_LOCK = threading.RLock()


@contextmanager
def evaluation_on(day: date) -> Iterator[None]:
    """Computes as of `day`, then restores what was set before, also after an error. Blocks while a thread is inside."""
    with _LOCK:
        settings = ql.Settings.instance()
        before = settings.evaluationDate
        settings.evaluationDate = to_quantlib(day)
        try:
            yield
        finally:
            settings.evaluationDate = before


def to_quantlib(day: date) -> ql.Date:
    """`day` as QuantLib's date. Raises InvalidInput for years that it does not reach."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidInput("date", 1, (), f"{day} must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return ql.Date(day.day, day.month, day.year)


def from_quantlib(day: ql.Date) -> date:
    """QuantLib's date as Python's."""
    return date(day.year(), day.month(), day.dayOfMonth())
