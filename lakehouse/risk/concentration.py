"""How concentrated holdings are, and how long it takes to be rid of them."""

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch, finite_matrix
from lakehouse.risk.linear import ordered_product

PARTICIPATION = 0.2  # share of a day's volume that a seller can be without moving the price much


def herfindahl(exposures: npt.ArrayLike) -> FloatArray:
    """Herfindahl-Hirschman index (P,) of (N, P) values held: the sum of squared shares of gross value, 1 / N to 1.

    Shorts count by their size. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter where a
    portfolio holds nothing. Source: Hirschman (1964), "The Paternity of an Index".
    """
    gross = np.ascontiguousarray(np.abs(finite_matrix("exposures", exposures)).T)
    total = gross.sum(axis=1)
    if not (total > 0).all():
        raise InvalidParameter("a portfolio holds nothing: it has no concentration")
    index: FloatArray = np.square(gross / total[:, None]).sum(axis=1)
    return index


def effective_holdings(exposures: npt.ArrayLike) -> FloatArray:
    """How many equal holdings would be as concentrated: 1 / HHI, (P,). Raises as `herfindahl`."""
    count: FloatArray = 1.0 / herfindahl(exposures)
    return count


def liquidation_days(
    quantities: npt.ArrayLike, daily_volume: npt.ArrayLike, *, participation: float = PARTICIPATION
) -> FloatArray:
    """Days to sell each holding at `participation` of its average daily volume: (N, P), fractions of a day included.

    quantities (N, P) units held, shorts negative; daily_volume (N,) units a day. 0 where nothing is held, infinity
    where something is held that does not trade. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter
    for a negative volume or a participation outside (0, 1].
    """
    held = np.abs(finite_matrix("quantities", quantities))
    volume = finite_matrix("daily_volume", np.atleast_1d(np.asarray(daily_volume, dtype=np.float64))[:, None])
    if not 0 < participation <= 1:
        raise InvalidParameter(f"participation is {participation}: must lie in (0, 1]")
    if len(volume) != len(held) or (volume < 0).any():
        raise ShapeMismatch(f"{len(volume)} volumes for {len(held)} holdings: pass one of at least 0 for each")
    rate = np.broadcast_to(volume * participation, held.shape)
    stuck = np.where(held > 0, np.inf, 0.0)
    return np.where(rate > 0, held / np.where(rate > 0, rate, 1.0), stuck)


def liquidity_horizon(exposures: npt.ArrayLike, days: npt.ArrayLike, *, share: float = 1.0) -> FloatArray:
    """Days until `share` of each portfolio's gross value is sold, all holdings at once: (P,), infinity if never.

    exposures (N, P) values, days (N, P) of `liquidation_days`. At share 1 it is the slowest holding's. NaN policy:
    refused, infinite days apart. Raises NonFinite, ShapeMismatch, InvalidParameter for a share outside (0, 1].
    """
    gross = np.abs(finite_matrix("exposures", exposures))
    needed = np.asarray(days, dtype=np.float64)
    if needed.shape != gross.shape or np.isnan(needed).any():
        raise ShapeMismatch(f"days {needed.shape} must be numbers for each of the exposures {gross.shape}")
    if not 0 < share <= 1:
        raise InvalidParameter(f"share is {share}: must lie in (0, 1]")
    return np.array([_until(gross[:, book], needed[:, book], share) for book in range(gross.shape[1])])


def weighted_days(exposures: npt.ArrayLike, days: npt.ArrayLike) -> FloatArray:
    """Mean days to liquidate (P,), weighted by gross value. Raises NonFinite, ShapeMismatch, InvalidParameter."""
    gross = np.abs(finite_matrix("exposures", exposures))
    needed = finite_matrix("days", days)
    if needed.shape != gross.shape:
        raise ShapeMismatch(f"days {needed.shape} and exposures {gross.shape} differ")
    total = ordered_product(np.ones((1, len(gross))), gross)[0]
    if not (total > 0).all():
        raise InvalidParameter("a portfolio holds nothing: it has no mean")
    mean: FloatArray = ordered_product(np.ones((1, len(gross))), gross * needed)[0] / total
    return mean


def _until(gross: FloatArray, days: FloatArray, share: float) -> float:
    """The time at which the value sold, a sum of lines that level off, reaches `share` of all."""
    held = gross > 0
    if not held.any():
        return 0.0
    value, needed = gross[held], days[held]
    if share == 1.0:
        return float(needed.max())
    order = np.argsort(needed, kind="stable")
    value, needed = value[order], needed[order]
    goal = share * float(value.sum())
    speed = np.where(np.isfinite(needed) & (needed > 0), value / np.where(needed > 0, needed, 1.0), 0.0)
    # Sold by the end of each holding's own time: the quicker ones whole, the slower ones so far.
    done, still = np.cumsum(value), np.append(np.cumsum(speed[::-1])[::-1][1:], 0.0)
    sold = done + np.where(still > 0, still * np.where(np.isfinite(needed), needed, 0.0), 0.0)
    place = int(np.argmax(sold >= goal))
    if not np.isfinite(needed[place]):
        return float("inf")
    return float(needed[place] - (sold[place] - goal) / (still[place] + speed[place])) if needed[place] > 0 else 0.0
