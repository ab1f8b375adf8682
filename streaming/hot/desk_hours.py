"""Which ticks were made while their exchange was open. Pure: an exchange's calendar is a function of time."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from lakehouse.clock import epoch_us
from lakehouse.risk.checks import BoolArray, IntArray
from lakehouse.trading.sessions import sessions_on
from lakehouse.trading.settlement import settles_on

Hours = Callable[[str, IntArray], BoolArray]
"""Of an exchange (a MIC) and event times (T,) in microseconds, (T,): whether it was open."""

DAY_US: Final = 86_400_000_000


def always_open(exchange: str, at_us: IntArray) -> BoolArray:
    """For demonstrations."""
    return np.ones(len(at_us), np.bool_)


def in_sessions(exchange: str, at_us: IntArray) -> BoolArray:
    """As `lakehouse.trading.sessions.in_session` says; the first tick of a day waits for the calendar of its exchange,
    a tenth of a second."""
    is_open = np.zeros(len(at_us), np.bool_)
    days = at_us // DAY_US
    for day in np.unique(days).tolist():
        sessions = _sessions(exchange, day)
        if sessions is None:
            is_open |= days == day
            continue
        for opened, closed in sessions:
            is_open |= (days == day) & (opened <= at_us) & (at_us < closed)
    return is_open


def warm(exchanges: Iterable[str], today: date) -> None:
    """Read the calendars that the first order and the first fill at each exchange would wait for: seconds in all."""
    for exchange in exchanges:
        sessions_on(exchange, today)
        settles_on(exchange, today)


@lru_cache(maxsize=512)
def _sessions(exchange: str, day: int) -> tuple[tuple[int, int], ...] | None:
    sessions = sessions_on(exchange, (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date())
    return None if sessions is None else tuple((epoch_us(opened), epoch_us(closed)) for opened, closed in sessions)
