"""Drawn moves of instruments for every Monte-Carlo method: the batch, the API and the components measure these."""

from dataclasses import dataclass

import numpy.typing as npt

from lakehouse.risk.checks import InvalidParameter, finite_matrix
from lakehouse.risk.cube import Scenarios, normal_scenarios, on_grid
from lakehouse.risk.methods import STANDARD, Conventions, Method, Origin
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.t_copula import fit_t_copula, simulate_returns

SIMULATED = (Method.MONTE_CARLO_NORMAL, Method.MONTE_CARLO_T_COPULA)
"""The methods whose scenarios are moves of the instruments, the same for every portfolio."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Moves of N instruments over the horizon, and where they come from. `cube.scenario_pnl` makes P&L of them."""

    scenarios: Scenarios
    origin: Origin


def drawn_scenarios(
    method: Method, returns: npt.ArrayLike, simulation: Simulation, *, conventions: Conventions = STANDARD
) -> Drawn:
    """Scenarios of one of SIMULATED, its model fitted to `returns` (T, N), simple, daily, oldest first.

    Several days are independent ones: the normal's moments grow with them, the copula's days are drawn and added.
    NaN policy: refused. Raises InvalidParameter for another method, and what fitting raises.
    """
    days = len(finite_matrix("returns", returns))
    horizon = conventions.horizon_days
    if method is Method.MONTE_CARLO_NORMAL:
        made = normal_scenarios(returns, simulation, ddof=conventions.ddof, horizon_days=horizon)
        return Drawn(made, Origin(simulation, days, f"mean=sample;ddof={conventions.ddof}"))
    if method is Method.MONTE_CARLO_T_COPULA:
        joined = fit_t_copula(returns, margins=conventions.margins, ddof=conventions.ddof, labels=simulation.labels)
        text = f"copula=t,dof={joined.dof:g},correlation=t_scores;margins={conventions.margins}"
        made = on_grid(simulate_returns(joined, simulation, horizon_days=horizon))
        return Drawn(made, Origin(simulation, days, text))
    raise InvalidParameter(f"{method} draws no moves of instruments: its scenarios are made another way")
