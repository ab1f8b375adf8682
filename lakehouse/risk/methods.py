"""The methods by name, the conventions they follow, and one call that measures VaR and shortfall together."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    InvalidParameter,
    ShapeMismatch,
    finite_matrix,
    require_count,
    require_history,
)
from lakehouse.risk.moments import check_ddof
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.shortfall import cornish_fisher_es, historical_es, parametric_normal_es
from lakehouse.risk.var import cornish_fisher_var, historical_var, parametric_normal_var


class Method(StrEnum):
    """How VaR and shortfall are measured; the values stored in gold.portfolio_risk_v1."""

    HISTORICAL = "historical"
    PARAMETRIC_NORMAL = "parametric_normal"
    CORNISH_FISHER = "cornish_fisher"
    MONTE_CARLO_NORMAL = "monte_carlo_normal"


@dataclass(frozen=True, slots=True)
class Conventions:
    """The choices behind a number. Raises InvalidParameter for a ddof other than 0 or 1 or a horizon below one day."""

    quantile: Quantile = Quantile.LOWER
    ddof: int = 1
    horizon_days: int = 1

    def __post_init__(self) -> None:
        check_ddof(self.ddof)
        require_count("horizon_days", self.horizon_days)


STANDARD = Conventions()


@dataclass(frozen=True, slots=True)
class RiskEstimate:
    """VaR and shortfall of P portfolios by one method: `var` and `es` (P,), base currency, positive for a loss.

    es >= var, element by element. `convention` says what the numbers mean; `observations` daily returns used;
    `scenarios` outcomes behind the quantile, 0 for a closed form.
    """

    method: Method
    var: FloatArray
    es: FloatArray
    convention: str
    observations: int
    scenarios: int


def estimate(
    method: Method,
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    conventions: Conventions = STANDARD,
    simulation: Simulation | None = None,
    observations: int | None = None,
) -> RiskEstimate:
    """VaR and ES of P portfolios by `method`.

    pnl: (T, P) daily P&L of today's holdings under past returns, base currency, oldest first. For Monte-Carlo: the
    (scenarios, P) result of `simulate_pnl`, already over the horizon, with the `simulation` that made it and the
    `observations` its model was fitted to. horizon_days > 1: overlapping sums (historical), independent days (others).
    NaN policy: refused. Raises what the method's functions in var and shortfall raise; InvalidParameter if simulation
    and observations are missing for Monte-Carlo or given for another method, ShapeMismatch if pnl is not theirs.
    """
    if method is Method.MONTE_CARLO_NORMAL:
        if simulation is None or observations is None:
            raise InvalidParameter(f"{method} needs the simulation that made pnl and the observations behind it")
        return _simulated(pnl, confidence, conventions, simulation, observations)
    if simulation is not None or observations is not None:
        raise InvalidParameter(f"{method} takes its observations from pnl: leave simulation and observations out")
    if method is Method.HISTORICAL:
        return _historical(pnl, confidence, conventions)
    return _closed_form(method, pnl, confidence, conventions)


def _historical(pnl: npt.ArrayLike, confidence: Confidence, chosen: Conventions) -> RiskEstimate:
    days = len(finite_matrix("pnl", pnl))
    var = historical_var(pnl, confidence=confidence, quantile=chosen.quantile, horizon_days=chosen.horizon_days)
    shortfall = historical_es(pnl, confidence=confidence, horizon_days=chosen.horizon_days)
    return RiskEstimate(
        method=Method.HISTORICAL,
        var=var,
        es=_at_least(shortfall, var),
        convention=f"quantile={chosen.quantile};es=acerbi_tasche;{_horizon(chosen, 'overlapping_sums')}",
        observations=days,
        scenarios=days - chosen.horizon_days + 1,
    )


def _closed_form(method: Method, pnl: npt.ArrayLike, confidence: Confidence, chosen: Conventions) -> RiskEstimate:
    normal = method is Method.PARAMETRIC_NORMAL
    measures = (parametric_normal_var, parametric_normal_es) if normal else (cornish_fisher_var, cornish_fisher_es)
    var, shortfall = (
        measure(pnl, confidence=confidence, ddof=chosen.ddof, horizon_days=chosen.horizon_days) for measure in measures
    )
    shape = "" if normal else "skewness,kurtosis=population;"
    return RiskEstimate(
        method=method,
        var=var,
        es=_at_least(shortfall, var),
        convention=f"mean=sample;ddof={chosen.ddof};{shape}{_horizon(chosen, 'independent_days')}",
        observations=len(finite_matrix("pnl", pnl)),
        scenarios=0,
    )


def _simulated(
    pnl: npt.ArrayLike, confidence: Confidence, chosen: Conventions, simulation: Simulation, observations: int
) -> RiskEstimate:
    outcomes = finite_matrix("pnl", pnl)
    if len(outcomes) != simulation.scenarios:
        raise ShapeMismatch(f"pnl has {len(outcomes)} rows, the simulation {simulation.scenarios} scenarios")
    require_history(observations, chosen.ddof + 1, "returns behind the simulation")
    var = historical_var(outcomes, confidence=confidence, quantile=chosen.quantile)
    origin = f"philox:seed={simulation.seed},stream={simulation.stream},block={simulation.block_rows}"
    return RiskEstimate(
        method=Method.MONTE_CARLO_NORMAL,
        var=var,
        es=_at_least(historical_es(outcomes, confidence=confidence), var),
        convention=f"quantile={chosen.quantile};es=acerbi_tasche;mean=sample;ddof={chosen.ddof};{origin};"
        + _horizon(chosen, "independent_days"),
        observations=observations,
        scenarios=simulation.scenarios,
    )


def _horizon(chosen: Conventions, rule: str) -> str:
    return "horizon=1d" if chosen.horizon_days == 1 else f"horizon={chosen.horizon_days}d,{rule}"


def _at_least(shortfall: FloatArray, var: FloatArray) -> FloatArray:
    """The two differ the wrong way only by the last bit, where all losses of the tail are equal."""
    return np.maximum(shortfall, var)
