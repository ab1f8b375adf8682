"""Zero curves: continuous rates at nodes, what one unit later is worth today, and both under shifts of scenarios."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.pricing.checks import FloatArray, ShapesDiffer, at_least_zero, finite, refuse
from lakehouse.pricing.options import growth


@dataclass(frozen=True, slots=True)
class ZeroCurve:
    """Zero rates of a year, continuously compounded, at M nodes, as `zero_curve` made it.

    Between nodes the rate is linear in time, outside them it is that of the nearest node.
    `years` (M,) ascending from the day of valuation, actual days over 365; `rates` (M,), 0.03 is 3 %.
    """

    years: FloatArray
    rates: FloatArray

    def zero_rates(self, years: npt.ArrayLike) -> FloatArray:
        """Rates at `years` (C,), at least 0. Raises InvalidInput."""
        found: FloatArray = np.interp(at_least_zero("years", years), self.years, self.rates)
        return found

    def discounts(self, years: npt.ArrayLike) -> FloatArray:
        """What 1 paid in `years` (C,) is worth today: (C,). Raises InvalidInput."""
        times = at_least_zero("years", years)
        factors: FloatArray = np.exp(-growth("rate", self.zero_rates(times), times))
        return factors

    def shifted_rates(self, years: npt.ArrayLike, shifts: npt.ArrayLike) -> FloatArray:
        """Rates at `years` (C,) under S scenarios: (S, C).

        `shifts`: (S,) moves the whole curve, (S, M) its nodes; absolute, 0.0001 is a basis point.
        Raises InvalidInput, ShapesDiffer.
        """
        moves, times = finite("shifts", shifts), at_least_zero("years", years)
        base = self.zero_rates(times)
        if moves.ndim == 1:
            return base + moves[:, None]
        if moves.ndim != 2 or moves.shape[1] != len(self.years):
            raise ShapesDiffer(f"shifts {moves.shape} are neither (S,) nor (S, {len(self.years)}), one for each node")
        left, share = self.place(times)
        right = np.minimum(left + 1, len(self.years) - 1)
        return base + (moves[:, left] * (1.0 - share) + moves[:, right] * share)

    def place(self, times: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
        """The node at or before each time, and how far on it is to the next one: 0 to 1."""
        inside = np.clip(times, self.years[0], self.years[-1])
        left = np.clip(np.searchsorted(self.years, inside, side="right") - 1, 0, len(self.years) - 1)
        right = np.minimum(left + 1, len(self.years) - 1)
        gap = np.where(right > left, self.years[right] - self.years[left], 1.0)
        return left, (inside - self.years[left]) / gap


def zero_curve(*, years: npt.ArrayLike, rates: npt.ArrayLike) -> ZeroCurve:
    """A curve through M >= 1 nodes. Raises InvalidInput unless years ascend from 0 or later, ShapesDiffer."""
    times, zeros = np.atleast_1d(at_least_zero("years", years)), np.atleast_1d(finite("rates", rates))
    if times.ndim != 1 or times.shape != zeros.shape or not len(times):
        raise ShapesDiffer(f"years {times.shape} and rates {zeros.shape}: give one rate for each of the nodes")
    refuse("years", np.diff(times, prepend=-1.0) <= 0, "must ascend, each node later than the one before")
    return ZeroCurve(times, zeros)


def flat_curve(rate: float) -> ZeroCurve:
    """The same continuous rate for every time. Raises InvalidInput if it is not finite."""
    return zero_curve(years=[0.0], rates=[rate])
