"""Filtered historical simulation: past surprises, measured in the volatility of their day, at today's volatility."""

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch, finite_matrix, require_count
from lakehouse.risk.monte_carlo import LANES, Simulation, philox
from lakehouse.risk.volatility import Garch, filter_volatility

PATHS = 2  # lane of the counter that the drawn days come from


def rescaled_pnl(pnl: npt.ArrayLike, model: Garch) -> FloatArray:
    """One-day scenarios (T, P): the surprise of every past day times (tomorrow's volatility / that day's).

    pnl (T, P) oldest first, base currency. With constant volatility the result is `pnl`, bit for bit.
    NaN policy: refused. Raises NonFinite, ShapeMismatch.
    Source: Hull and White (1998), "Incorporating volatility updating into the historical simulation method for VaR";
    for one day the same as Barone-Adesi, Giannopoulos and Vosper (1999).
    """
    daily = finite_matrix("pnl", pnl)
    volatility = filter_volatility(daily, model)
    return daily + (daily - model.mean) * (_ratio(volatility[-1], volatility[:-1]) - 1.0)


def filtered_paths(pnl: npt.ArrayLike, model: Garch, *, horizon_days: int, simulation: Simulation) -> FloatArray:
    """P&L over `horizon_days` (scenarios, P): surprises drawn from the past with replacement, run through the GARCH.

    pnl (T, P) oldest first, base currency. All portfolios share the drawn days, so that a scenario is one history for
    all of them. Scenario i is a function of (seed, stream, i, block size) and the days' labels, as in `monte_carlo`.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter.
    Source: Barone-Adesi, Giannopoulos and Vosper (1999), "VaR without correlations for portfolios of derivatives".
    """
    require_count("horizon_days", horizon_days)
    daily = finite_matrix("pnl", pnl)
    volatility = filter_volatility(daily, model)
    surprises = _ratio(daily - model.mean, volatility[:-1], still=0.0)
    days = simulation.labels.days if simulation.labels else tuple(range(len(daily)))
    if len(days) != len(daily):
        raise ShapeMismatch(f"{len(days)} days label {len(daily)} rows of pnl")
    total = np.empty((simulation.scenarios, daily.shape[1]))
    for block, rows in simulation.blocks():
        drawn = _drawn_days(simulation, days, block, (rows, horizon_days))
        start = block * simulation.block_rows
        total[start : start + rows] = _run(surprises, drawn, model, volatility[-1])
    return total


def require_paths(horizon_days: int, simulation: Simulation | None) -> Simulation | None:
    """The simulation that a horizon of several days needs, None for one day. Raises InvalidParameter."""
    if horizon_days > 1 and simulation is None:
        raise InvalidParameter(f"filtered historical over {horizon_days} days draws paths: pass a simulation")
    return simulation if horizon_days > 1 else None


def _drawn_days(
    simulation: Simulation, days: tuple[int, ...], block: int, shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """Row numbers of equal chance, with replacement. Labels are drawn until they are of a day that there is: a window
    that has moved on by a day keeps all picks but those of the day that it lost, and those that the new one takes."""
    ring = 1 << (max(days) - min(days)).bit_length()
    rows = np.full(ring, -1, dtype=np.int64)
    rows[np.array(days) % ring] = np.arange(len(days))
    found = np.full(shape, -1, dtype=np.int64)
    attempt = 0
    while (missing := found < 0).any():
        lane = PATHS + LANES * attempt
        source = philox(seed=simulation.seed, stream=simulation.stream, block=block, lane=lane)
        found = np.where(missing, rows[source.integers(0, ring, shape)], found)
        attempt += 1
    return found


def _run(
    surprises: FloatArray,
    drawn: npt.NDArray[np.int64],
    model: Garch,
    volatility: FloatArray,
) -> FloatArray:
    total = np.zeros((len(drawn), surprises.shape[1]))
    variance = np.broadcast_to(np.square(volatility), total.shape)
    for day in range(drawn.shape[1]):
        shock = np.sqrt(variance) * surprises[drawn[:, day]]
        total += model.mean + shock
        variance = model.omega + model.alpha * np.square(shock) + model.beta * variance
    return total


def _ratio(above: FloatArray, below: FloatArray, still: float = 1.0) -> FloatArray:
    """above / below, and `still` where a series never moved."""
    moves = below > 0
    return np.where(moves, above / np.where(moves, below, 1.0), still)
