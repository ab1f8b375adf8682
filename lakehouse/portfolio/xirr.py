"""Money-weighted return: the yearly rate at which all flows discount back to zero (XIRR), actual days over 365."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

DAYS_OF_YEAR = 365.0
# Yearly growth factors between which a rate is looked for: a loss of all but a millionth, a gain of a millionfold.
LOWEST, HIGHEST = 1e-6, 1e6
STEPS: Final = 1200


class NoRate(StrEnum):
    """Why there is no money-weighted return."""

    NO_FLOWS = "no_flows"
    ONE_DAY = "one_day"
    ONE_SIGN = "one_sign"
    NO_ROOT = "no_root"
    MANY_ROOTS = "many_roots"
    VALUE_UNKNOWN = "value_unknown"


@dataclass(frozen=True, slots=True)
class Payment:
    """Money on a day as the investor sees it: negative was put in, positive was taken out or is still there."""

    day: date
    amount: float


@dataclass(frozen=True, slots=True)
class MoneyWeighted:
    """The yearly rate (0.05 is five per cent a year) and the same over the days at hand, or why there is none.

    `roots` are all rates that solve the equation. Where there are several, none is chosen: `rate` is None.
    """

    rate: float | None
    period: float | None
    reason: NoRate | None
    roots: tuple[float, ...] = ()


def xirr(payments: Sequence[Payment]) -> MoneyWeighted:
    """The money-weighted return of `payments`, in any order; payments of one day are netted.

    No rate (with a reason) where nothing flowed, all of it on one day, or all in one direction; where no rate between
    -99.9999 % and a millionfold a year solves it; and where several do. Flows that change sign once have one rate.
    """
    days, amounts = _netted(payments)
    obstacle = _obstacle(days, amounts)
    if obstacle is not None:
        return MoneyWeighted(None, None, obstacle)
    years = (days - days[0]) / DAYS_OF_YEAR
    roots = _roots(years, amounts)
    if len(roots) != 1:
        return MoneyWeighted(None, None, NoRate.MANY_ROOTS if roots else NoRate.NO_ROOT, roots)
    return MoneyWeighted(roots[0], float((1 + roots[0]) ** years[-1] - 1), None, roots)


def _netted(payments: Sequence[Payment]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    by_day: dict[int, float] = {}
    for payment in payments:
        ordinal = payment.day.toordinal()
        by_day[ordinal] = by_day.get(ordinal, 0.0) + payment.amount
    days = sorted(day for day, amount in by_day.items() if amount)
    return np.array(days, dtype=np.float64), np.array([by_day[day] for day in days], dtype=np.float64)


def _obstacle(days: npt.NDArray[np.float64], amounts: npt.NDArray[np.float64]) -> NoRate | None:
    if not len(days):
        return NoRate.NO_FLOWS
    if len(days) == 1:
        return NoRate.ONE_DAY
    if np.all(amounts > 0) or np.all(amounts < 0):
        return NoRate.ONE_SIGN
    return None


def _roots(years: npt.NDArray[np.float64], amounts: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Every rate at which the sum changes sign on a fine grid, refined by Brent's method."""
    # Here, because it takes half a second: the API shall not wait for it when it starts.
    from scipy.optimize import brentq

    def scaled(log_growth: float) -> float:
        # Divided by the largest term: the sign is what counts, and no power may overflow.
        exponents = -years * log_growth
        return float(amounts @ np.exp(exponents - exponents.max()))

    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), STEPS + 1)
    exponents = -np.outer(grid, years)
    heights = np.exp(exponents - exponents.max(axis=1, keepdims=True)) @ amounts
    found = [float(grid[place]) for place in np.flatnonzero(heights == 0)]
    crossings = np.flatnonzero(heights[:-1] * heights[1:] < 0)
    found.extend(float(brentq(scaled, grid[place], grid[place + 1], xtol=1e-14)) for place in crossings)
    return tuple(sorted(float(np.expm1(root)) for root in found))
