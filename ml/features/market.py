"""What the regime model sees of a market: the daily log return of all instruments in equal weights.

A day's value is made of that day's closes and the ones before, so a later close cannot change it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, NonFinite, ShapeMismatch

Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class MarketMoves:
    """`days` (T,) ascending, and the market's `log_returns` (T,) on each as fractions; `breadth` (T,) is the share of
    the instruments with a return on the day that rose."""

    days: Days
    log_returns: FloatArray
    breadth: FloatArray

    def until(self, day: date) -> "MarketMoves":
        """What was known at the close of `day`."""
        end = int(np.searchsorted(self.days, np.datetime64(day), side="right"))
        return MarketMoves(self.days[:end], self.log_returns[:end], self.breadth[:end])


def market_moves(days: Sequence[date] | Days, returns: FloatArray) -> MarketMoves:
    """Moves of a market out of (M,) simple `returns` of instruments on (M,) `days`, in any order.

    Each day is the mean of the instruments that have a return on it, so one that is listed later or delisted counts on
    its own days only. NaN policy: refused. Raises NonFinite, ShapeMismatch, or NonFinite for a market that lost 100 %.
    """
    each_day, moves = np.asarray(days, dtype="datetime64[D]"), np.asarray(returns, dtype=np.float64)
    if each_day.shape != moves.shape or moves.ndim != 1:
        raise ShapeMismatch(f"days {each_day.shape} and returns {moves.shape}: pass one day for each return")
    _finite("returns", np.isfinite(moves))
    calendar, place = np.unique(each_day, return_inverse=True)
    counts = np.bincount(place, minlength=len(calendar))
    growth = 1.0 + np.bincount(place, weights=moves, minlength=len(calendar)) / counts
    _finite("market growth", growth > 0)
    breadth = np.bincount(place, weights=moves > 0, minlength=len(calendar)) / counts
    return MarketMoves(calendar, np.log(growth), breadth)


def _finite(name: str, sound: npt.NDArray[np.bool_]) -> None:
    if not sound.all():
        raise NonFinite(name, int((~sound).sum()), (int(np.argmin(sound)),))
