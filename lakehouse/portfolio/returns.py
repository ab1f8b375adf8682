"""Time-weighted return: growth between external flows, linked, so that when money came and went does not count.

Days close at midnight UTC. What comes in counts from the start of its day, what goes out until the end of its day:
money that is deposited and invested on one day earns that day's return, and so does what is sold and withdrawn on one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum

PRECISION = 40
DAYS_OF_YEAR = 365


class NoReturn(StrEnum):
    """Why a sub-period, and with it the whole, has no return."""

    VALUE_UNKNOWN = "value_unknown"
    NOTHING_INVESTED = "nothing_invested"


@dataclass(frozen=True, slots=True)
class Cut:
    """The close of a day on which a sub-period ends: what the portfolio is worth after that day's outflows.

    `outflow_minor` left on that day; `inflow_minor` comes at the start of the next. Both are positive. `value_minor`
    is None where a price or rate is missing.
    """

    day: date
    value_minor: int | None
    outflow_minor: int | None = 0
    inflow_minor: int | None = 0


@dataclass(frozen=True, slots=True)
class SubPeriod:
    """Growth from the close of `start` (with the inflow of the next morning) to the close of `end` (before outflows).

    `growth` is end over begin, 1 where nothing was invested and nothing came of it; None where it is not known.
    """

    start: date
    end: date
    begin_minor: int | None
    end_minor: int | None
    growth: Decimal | None
    reason: NoReturn | None = None


@dataclass(frozen=True, slots=True)
class TimeWeighted:
    """The linked return (0.05 is five per cent), the same a year where at least a year is covered, and its parts."""

    total: Decimal | None
    annualised: Decimal | None
    periods: tuple[SubPeriod, ...]
    reason: NoReturn | None = None


def time_weighted(cuts: Sequence[Cut]) -> TimeWeighted:
    """Link the sub-periods between `cuts`, which are in order of time and at least two.

    One unknown sub-period makes the whole unknown: a part that is left out would be counted as a return of zero.
    """
    periods = tuple(_between(cuts[place - 1], cuts[place]) for place in range(1, len(cuts)))
    reason = next((period.reason for period in periods if period.growth is None), None)
    if reason is not None or not any(period.begin_minor for period in periods):
        return TimeWeighted(None, None, periods, reason or NoReturn.NOTHING_INVESTED)
    with localcontext(prec=PRECISION):
        growth = Decimal(1)
        for period in periods:
            growth *= period.growth or Decimal(0)
        days = (cuts[-1].day - cuts[0].day).days
        # More than everything can be lost on borrowed money; that has no yearly equal.
        is_yearly = days >= DAYS_OF_YEAR and growth >= 0
        yearly = growth ** (Decimal(DAYS_OF_YEAR) / days) - 1 if is_yearly else None
        return TimeWeighted(growth - 1, yearly, periods)


def _between(first: Cut, last: Cut) -> SubPeriod:
    if first.value_minor is None or first.inflow_minor is None:
        return SubPeriod(first.day, last.day, None, _before(last), None, NoReturn.VALUE_UNKNOWN)
    begin, end = first.value_minor + first.inflow_minor, _before(last)
    if end is None:
        return SubPeriod(first.day, last.day, begin, None, None, NoReturn.VALUE_UNKNOWN)
    if begin > 0:
        with localcontext(prec=PRECISION):
            return SubPeriod(first.day, last.day, begin, end, Decimal(end) / begin)
    if begin == end == 0:
        return SubPeriod(first.day, last.day, 0, 0, Decimal(1))
    return SubPeriod(first.day, last.day, begin, end, None, NoReturn.NOTHING_INVESTED)


def _before(cut: Cut) -> int | None:
    if cut.value_minor is None or cut.outflow_minor is None:
        return None
    return cut.value_minor + cut.outflow_minor
