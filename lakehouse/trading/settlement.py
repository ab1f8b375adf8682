"""When a trade settles: so many days of its market after it, by the rule that was in force on its day."""

from datetime import date
from itertools import islice
from typing import Final

from lakehouse.domain.weekdays import next_weekday
from lakehouse.trading.sessions import session_days

Cycle = tuple[tuple[date, int], ...]

# SEC rule 15c6-1: five days were usual until it began on 1995-06-07 with three, two from 2017-09-05 (release
# 34-80295), one from 2024-05-28 (release 34-96930). Canada and Mexico went to one a day earlier than the United States,
# on Memorial Day (national instrument 24-101; BMV), India on 2023-01-27 (SEBI, for the last group of shares).
UNITED_STATES: Final[Cycle] = (
    (date(2024, 5, 28), 1),
    (date(2017, 9, 5), 2),
    (date(1995, 6, 7), 3),
    (date.min, 5),
)
CANADA: Final[Cycle] = ((date(2024, 5, 27), 1), (date(2017, 9, 5), 2), (date.min, 3))
MEXICO: Final[Cycle] = ((date(2024, 5, 27), 1), (date.min, 2))
INDIA: Final[Cycle] = ((date(2023, 1, 27), 1), (date.min, 2))
ELSEWHERE: Final[Cycle] = ((date.min, 2),)

AMERICAN: Final = frozenset({"XNYS", "XNAS", "XASE", "ARCX", "BATS", "XBOS", "XCHI", "XPHL", "IEXG", "NYSE", "NASDAQ"})
CYCLES: Final[dict[str, Cycle]] = {
    **dict.fromkeys(AMERICAN, UNITED_STATES),
    **dict.fromkeys(("XTSE", "XTSX"), CANADA),
    "XMEX": MEXICO,
    **dict.fromkeys(("XBOM", "XNSE"), INDIA),
}


def settles_on(exchange: str, day: date) -> date:
    """The day on which a trade of `day` (UTC) at `exchange` (a MIC) settles.

    Days are those on which the exchange is open; in the United States not those on which its banks are closed. Of a
    venue without a calendar it is the next weekday. Costs what `session_days` costs.
    """
    is_american = exchange in AMERICAN
    open_days = (each for each in session_days(exchange, day.year) if each > day)
    counted = (each for each in open_days if not (is_american and is_bank_holiday(each)))
    return next(islice(counted, cycle(exchange, day) - 1, None), None) or next_weekday(day)


def cycle(exchange: str, day: date) -> int:
    """How many days after a trade of `day` it settles."""
    return next(days for begins, days in CYCLES.get(exchange, ELSEWHERE) if day >= begins)


def is_bank_holiday(day: date) -> bool:
    """Whether American banks are closed on a day on which exchanges are open: Columbus Day, the second Monday of
    October, and Veterans Day, 11 November, or the Monday after it where it is a Sunday (Federal Reserve Banks)."""
    is_monday = day.weekday() == 0
    if day.month == 10:
        return is_monday and 8 <= day.day <= 14
    return day.month == 11 and (day.day == 11 or (day.day == 12 and is_monday))


__all__ = ["cycle", "is_bank_holiday", "settles_on"]
