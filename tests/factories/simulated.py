"""Simulated P&L of portfolios as every caller makes it: drawn moves, exposures on their grid, one exact product."""

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cube import exposures_on_grid, normal_scenarios, scenario_pnl
from lakehouse.risk.monte_carlo import Simulation


def normal_pnl(
    returns: FloatArray, exposures: FloatArray, simulation: Simulation, *, horizon_days: int = 1
) -> FloatArray:
    """(scenarios, P) of exposures (N, P) under normal moves."""
    scenarios = normal_scenarios(returns, simulation, horizon_days=horizon_days)
    return scenario_pnl(scenarios, exposures_on_grid(exposures.T)).T
