"""Any method for P portfolios from the returns of what they hold: one call for the API, the jobs and notebooks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import Confidence, FloatArray, InvalidParameter, finite_matrix
from lakehouse.risk.covariance_estimators import covariance_matrix
from lakehouse.risk.cube import exposures_on_grid, scenario_pnl
from lakehouse.risk.delta_gamma import (
    delta_gamma_es,
    delta_gamma_var,
    delta_normal_es,
    delta_normal_var,
    quadratic_moments,
    simulate_quadratic,
)
from lakehouse.risk.kernels import require_one_day
from lakehouse.risk.linear import portfolio_pnl
from lakehouse.risk.methods import (
    FROM_RETURNS,
    STANDARD,
    Conventions,
    Method,
    Origin,
    RiskEstimate,
    at_least,
    estimate,
    estimate_simulated,
)
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.rolling_filtered import Forecasts
from lakehouse.risk.simulated import SIMULATED, drawn_scenarios
from lakehouse.risk.var_backtest import require_days


@dataclass(frozen=True, slots=True)
class Rolling:
    """What rolling forecasts are made from: `window` days each; `streams` one number a forecast day, for example its
    ordinal date, so that days have independent scenarios and keep them in later runs; `simulation` the draws."""

    window: int
    streams: Sequence[int]
    simulation: Simulation


def estimate_holdings(
    method: Method,
    returns: npt.ArrayLike,
    exposures: npt.ArrayLike,
    *,
    confidence: Confidence,
    simulation: Simulation,
    conventions: Conventions = STANDARD,
    gamma: npt.ArrayLike | None = None,
) -> RiskEstimate:
    """VaR and ES of P portfolios by any `method`.

    returns (T, N) simple, daily, oldest first, instruments in sorted order; exposures (N, P) base currency, for options
    their delta equivalent. `simulation` names the scenarios of the methods that draw any. `gamma` (N, P) or (P, N, N),
    base currency per squared return: read by the delta-gamma methods and refused by the others, which would lose it;
    without it a book is linear, and its convention says so.
    NaN policy: refused. Raises InvalidParameter for a gamma that is not read, and what the method's functions raise.
    """
    if gamma is not None and method not in (Method.DELTA_GAMMA, Method.MONTE_CARLO_DELTA_GAMMA):
        raise InvalidParameter(f"{method} knows no gamma: use delta_gamma, monte_carlo_delta_gamma or full revaluation")
    if method not in FROM_RETURNS:
        paths = method is Method.FILTERED_HISTORICAL and conventions.horizon_days > 1
        return estimate(
            method,
            portfolio_pnl(returns, exposures),
            confidence=confidence,
            conventions=conventions,
            simulation=simulation if paths else None,
        )
    if method is Method.DELTA_NORMAL:
        return _delta_normal(returns, exposures, confidence, conventions)
    if method is Method.DELTA_GAMMA:
        return _delta_gamma(returns, exposures, gamma, confidence, conventions)
    outcomes, model = _simulated(method, returns, exposures, simulation, conventions, gamma)
    origin = Origin(simulation, len(finite_matrix("returns", returns)), model)
    return estimate_simulated(method, outcomes, origin, confidence=confidence, conventions=conventions)


def rolling_holdings(
    method: Method,
    returns: npt.ArrayLike,
    exposures: npt.ArrayLike,
    *,
    confidence: Confidence,
    rolling: Rolling,
    conventions: Conventions = STANDARD,
) -> Forecasts:
    """One-day forecasts of the last len(rolling.streams) rows of `returns` by any method, each made anew from the
    window before it: `estimate_holdings` of that window. The slow and sure way; `rolling_var` gives the same numbers
    for methods that P&L is enough for.

    NaN policy: refused. Raises InvalidParameter for a longer horizon, InsufficientHistory, and what the method raises.
    """
    require_one_day(conventions)
    moves = finite_matrix("returns", returns)
    require_days(len(moves), rolling.window, len(rolling.streams))
    first = len(moves) - len(rolling.streams)
    days = [
        estimate_holdings(
            method,
            moves[day - rolling.window : day],
            exposures,
            confidence=confidence,
            simulation=replace(rolling.simulation, stream=stream),
            conventions=conventions,
        )
        for day, stream in enumerate(rolling.streams, start=first)
    ]
    return Forecasts(np.stack([each.var for each in days]), np.stack([each.es for each in days]))


def _delta_normal(
    returns: npt.ArrayLike, exposures: npt.ArrayLike, confidence: Confidence, chosen: Conventions
) -> RiskEstimate:
    covariance, days = _covariance(returns, chosen)
    var, shortfall = (
        measure(covariance, exposures, confidence=confidence, horizon_days=chosen.horizon_days)
        for measure in (delta_normal_var, delta_normal_es)
    )
    convention = f"mean=zero;{chosen.covariance_text};{chosen.horizon('independent_days')}"
    return RiskEstimate(Method.DELTA_NORMAL, var, at_least(shortfall, var), convention, days, 0)


def _delta_gamma(
    returns: npt.ArrayLike,
    exposures: npt.ArrayLike,
    gamma: npt.ArrayLike | None,
    confidence: Confidence,
    chosen: Conventions,
) -> RiskEstimate:
    covariance, days = _covariance(returns, chosen)
    curved, shape = _gamma(gamma, exposures)
    moments = quadratic_moments(covariance, exposures, curved, horizon_days=chosen.horizon_days)
    var, shortfall = (measure(moments, confidence=confidence) for measure in (delta_gamma_var, delta_gamma_es))
    convention = (
        f"mean=zero;{chosen.covariance_text};{shape};quantile=cornish_fisher;{chosen.horizon('independent_days')}"
    )
    return RiskEstimate(Method.DELTA_GAMMA, var, at_least(shortfall, var), convention, days, 0)


def _simulated(
    method: Method,
    returns: npt.ArrayLike,
    exposures: npt.ArrayLike,
    simulation: Simulation,
    chosen: Conventions,
    gamma: npt.ArrayLike | None,
) -> tuple[FloatArray, str]:
    """Outcomes (scenarios, P) over the horizon, and the model behind them in words."""
    if method in SIMULATED:
        drawn = drawn_scenarios(method, returns, simulation, conventions=chosen)
        held = exposures_on_grid(finite_matrix("exposures", exposures).T)
        return scenario_pnl(drawn.scenarios, held).T, drawn.origin.model
    covariance, _ = _covariance(returns, chosen)
    curved, shape = _gamma(gamma, exposures)
    outcomes = simulate_quadratic(covariance, exposures, curved, simulation, horizon_days=chosen.horizon_days)
    return outcomes, f"mean=zero;{chosen.covariance_text};{shape}"


def _covariance(returns: npt.ArrayLike, chosen: Conventions) -> tuple[FloatArray, int]:
    moves = finite_matrix("returns", returns)
    found = covariance_matrix(moves, estimator=chosen.covariance, ddof=chosen.ddof, decay=chosen.volatility_decay)
    return found, len(moves)


def _gamma(gamma: npt.ArrayLike | None, exposures: npt.ArrayLike) -> tuple[FloatArray, str]:
    if gamma is None:
        return np.zeros_like(finite_matrix("exposures", exposures)), "gamma=none"
    given = np.asarray(gamma, dtype=np.float64)
    return given, "gamma=own" if given.ndim == 2 else "gamma=cross"
