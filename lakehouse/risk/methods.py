"""The methods by name, the conventions they follow, and one call that measures VaR and shortfall together."""

from collections.abc import Callable
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
from lakehouse.risk.covariance_estimators import Covariance
from lakehouse.risk.filtered import filtered_paths, require_paths, rescaled_pnl
from lakehouse.risk.linear import Windows
from lakehouse.risk.moments import check_ddof
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.shortfall import cornish_fisher_es, historical_es, parametric_normal_es
from lakehouse.risk.student_t import student_t_es, student_t_var
from lakehouse.risk.t_copula import Margins
from lakehouse.risk.var import cornish_fisher_var, historical_var, parametric_normal_var
from lakehouse.risk.volatility import VOLATILITY_DECAY, Garch, fit_garch
from lakehouse.risk.weighted import AGE_DECAY, age_weighted_es, age_weighted_var, check_decay


class Method(StrEnum):
    """How VaR and shortfall are measured, by the names that clients and tables know."""

    HISTORICAL = "historical"
    PARAMETRIC_NORMAL = "parametric_normal"
    CORNISH_FISHER = "cornish_fisher"
    MONTE_CARLO_NORMAL = "monte_carlo_normal"
    AGE_WEIGHTED = "age_weighted"
    FILTERED_HISTORICAL = "filtered_historical"
    STUDENT_T = "student_t"
    DELTA_NORMAL = "delta_normal"
    DELTA_GAMMA = "delta_gamma"
    MONTE_CARLO_DELTA_GAMMA = "monte_carlo_delta_gamma"
    MONTE_CARLO_T_COPULA = "monte_carlo_t_copula"


BATCH_METHODS = (
    Method.HISTORICAL,
    Method.AGE_WEIGHTED,
    Method.FILTERED_HISTORICAL,
    Method.PARAMETRIC_NORMAL,
    Method.STUDENT_T,
    Method.CORNISH_FISHER,
    Method.MONTE_CARLO_NORMAL,
    Method.MONTE_CARLO_T_COPULA,
)
"""What the daily batch measures of holdings without curvature, and publishes in gold.portfolio_risk_v1."""

FROM_RETURNS = frozenset(
    {
        Method.MONTE_CARLO_NORMAL,
        Method.DELTA_NORMAL,
        Method.DELTA_GAMMA,
        Method.MONTE_CARLO_DELTA_GAMMA,
        Method.MONTE_CARLO_T_COPULA,
    }
)
"""Methods that a portfolio's P&L alone is not enough for: see `holdings.estimate_holdings`."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """The choices behind a number. Raises InvalidParameter for a ddof other than 0 or 1, a horizon below one day, a
    decay outside (0, 1].

    `windows` for horizons of the historical methods; `age_decay` of age weights; `volatility_decay` of EWMA
    covariance and of the fallback of GARCH; `covariance` of the delta methods; `margins` of the t copula.
    """

    quantile: Quantile = Quantile.LOWER
    ddof: int = 1
    horizon_days: int = 1
    windows: Windows = Windows.OVERLAPPING
    age_decay: float = AGE_DECAY
    volatility_decay: float = VOLATILITY_DECAY
    covariance: Covariance = Covariance.SAMPLE
    margins: Margins = Margins.EMPIRICAL

    def __post_init__(self) -> None:
        check_ddof(self.ddof)
        require_count("horizon_days", self.horizon_days)
        check_decay(self.age_decay)
        check_decay(self.volatility_decay)

    def horizon(self, rule: str) -> str:
        """The horizon as it stands in a convention; `rule` says how more than one day is reached."""
        return "horizon=1d" if self.horizon_days == 1 else f"horizon={self.horizon_days}d,{rule}"

    @property
    def covariance_text(self) -> str:
        """The covariance estimator with its parameter."""
        detail = {
            Covariance.SAMPLE: f",ddof={self.ddof}",
            Covariance.EWMA: f",decay={self.volatility_decay}",
        }
        return f"covariance={self.covariance}{detail.get(self.covariance, '')}"


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


@dataclass(frozen=True, slots=True)
class Origin:
    """Where simulated outcomes come from: the draws, the daily returns behind the model, and the model in words."""

    simulation: Simulation
    observations: int
    model: str

    @property
    def draws(self) -> str:
        """The random numbers, as they stand in a convention."""
        drawn = self.simulation
        named = ",numbers=by_label" if drawn.labels else ""
        return f"philox:seed={drawn.seed},stream={drawn.stream},block={drawn.block_rows}{named}"


@dataclass(frozen=True, slots=True)
class Filtered:
    """`outcomes` (S, P) of filtered history over a horizon, base currency; the daily returns behind them; the model in
    words."""

    outcomes: FloatArray
    observations: int
    text: str


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
    (scenarios, P) P&L of `cube.scenario_pnl`, already over the horizon, with the `simulation` that made it and the
    `observations` its model was fitted to. Filtered historical over several days needs the `simulation` of its paths.
    horizon_days > 1: sums of days (historical, age-weighted), independent days (others).
    NaN policy: refused. Raises what the method's own functions raise; InvalidParameter if simulation and observations
    are missing or given where they mean nothing, or where the method needs returns (`estimate_holdings`),
    ShapeMismatch if pnl is not the simulation's.
    """
    if method is Method.MONTE_CARLO_NORMAL:
        if simulation is None or observations is None:
            raise InvalidParameter(f"{method} needs the simulation that made pnl and the observations behind it")
        require_history(observations, conventions.ddof + 1, "returns behind the simulation")
        origin = Origin(simulation, observations, f"mean=sample;ddof={conventions.ddof}")
        return estimate_simulated(method, pnl, origin, confidence=confidence, conventions=conventions)
    if method in FROM_RETURNS:
        raise InvalidParameter(f"{method} needs returns and exposures: call estimate_holdings")
    if observations is not None or (simulation is not None and method is not Method.FILTERED_HISTORICAL):
        raise InvalidParameter(f"{method} takes its observations from pnl: leave simulation and observations out")
    if method is Method.FILTERED_HISTORICAL:
        model = fit_garch(pnl, decay=conventions.volatility_decay)
        found = filtered_outcomes(pnl, model, conventions=conventions, simulation=simulation)
        return estimate_filtered(found, confidence=confidence, conventions=conventions)
    if method in _CLOSED:
        return _closed_form(method, pnl, confidence, conventions)
    return _empirical(method, pnl, confidence, conventions)


def estimate_simulated(
    method: Method,
    pnl: npt.ArrayLike,
    origin: Origin,
    *,
    confidence: Confidence,
    conventions: Conventions = STANDARD,
) -> RiskEstimate:
    """VaR and ES from simulated outcomes (scenarios, P), already over the horizon; `origin` goes into the convention.

    NaN policy: refused. Raises ShapeMismatch if pnl has other rows than the simulation, else as `historical_var`.
    """
    outcomes = finite_matrix("pnl", pnl)
    if len(outcomes) != origin.simulation.scenarios:
        raise ShapeMismatch(f"pnl has {len(outcomes)} rows, the simulation {origin.simulation.scenarios} scenarios")
    var = historical_var(outcomes, confidence=confidence, quantile=conventions.quantile)
    return RiskEstimate(
        method=method,
        var=var,
        es=at_least(historical_es(outcomes, confidence=confidence), var),
        convention=f"quantile={conventions.quantile};es=acerbi_tasche;{origin.model};{origin.draws};"
        + conventions.horizon("independent_days"),
        observations=origin.observations,
        scenarios=len(outcomes),
    )


def at_least(shortfall: FloatArray, var: FloatArray) -> FloatArray:
    """The two differ the wrong way only by the last bit, where all losses of the tail are equal."""
    return np.maximum(shortfall, var)


def _empirical(method: Method, pnl: npt.ArrayLike, confidence: Confidence, chosen: Conventions) -> RiskEstimate:
    days = len(finite_matrix("pnl", pnl))
    horizon, windows = chosen.horizon_days, chosen.windows
    if method is Method.HISTORICAL:
        var = historical_var(
            pnl, confidence=confidence, quantile=chosen.quantile, horizon_days=horizon, windows=windows
        )
        shortfall = historical_es(pnl, confidence=confidence, horizon_days=horizon, windows=windows)
        weights = ""
    else:
        decay = chosen.age_decay
        var = age_weighted_var(
            pnl, confidence=confidence, decay=decay, quantile=chosen.quantile, horizon_days=horizon, windows=windows
        )
        shortfall = age_weighted_es(pnl, confidence=confidence, decay=decay, horizon_days=horizon, windows=windows)
        weights = f"weights=age,decay={decay};"
    return RiskEstimate(
        method=method,
        var=var,
        es=at_least(shortfall, var),
        convention=f"quantile={chosen.quantile};es=acerbi_tasche;{weights}{chosen.horizon(f'{windows}_sums')}",
        observations=days,
        scenarios=days - horizon + 1 if windows is Windows.OVERLAPPING else days // horizon,
    )


def filtered_outcomes(
    pnl: npt.ArrayLike, model: Garch, *, conventions: Conventions = STANDARD, simulation: Simulation | None = None
) -> Filtered:
    """Outcomes of P portfolios by filtered history from daily `pnl` (T, P), oldest first, and the `model` fitted to it,
    which is what costs: fit it once for all horizons and confidences. Several days need the `simulation` of their
    paths. Raises as `estimate`."""
    drawn = require_paths(conventions.horizon_days, simulation)
    days, text = len(finite_matrix("pnl", pnl)), _volatility(model, conventions)
    if drawn is None:
        return Filtered(rescaled_pnl(pnl, model), days, text)
    outcomes = filtered_paths(pnl, model, horizon_days=conventions.horizon_days, simulation=drawn)
    return Filtered(outcomes, days, f"{text};{Origin(drawn, days, '').draws}")


def estimate_filtered(found: Filtered, *, confidence: Confidence, conventions: Conventions = STANDARD) -> RiskEstimate:
    """VaR and ES of outcomes made by `filtered_outcomes` with the same conventions. Raises as `historical_var`."""
    var = historical_var(found.outcomes, confidence=confidence, quantile=conventions.quantile)
    return RiskEstimate(
        method=Method.FILTERED_HISTORICAL,
        var=var,
        es=at_least(historical_es(found.outcomes, confidence=confidence), var),
        convention=f"quantile={conventions.quantile};es=acerbi_tasche;{found.text};"
        + conventions.horizon("bootstrapped_paths"),
        observations=found.observations,
        scenarios=len(found.outcomes),
    )


def _volatility(model: Garch, chosen: Conventions) -> str:
    text = "volatility=garch11,start=mean_square"
    unfit = np.flatnonzero(model.fallback)
    if not len(unfit):
        return text
    named = ",".join(str(column) for column in unfit[:10]) + (",..." if len(unfit) > 10 else "")
    return f"{text},ewma={chosen.volatility_decay} in {len(unfit)} columns: {named}"


Measure = Callable[..., FloatArray]
_CLOSED: dict[Method, tuple[Measure, Measure, str]] = {
    Method.PARAMETRIC_NORMAL: (parametric_normal_var, parametric_normal_es, ""),
    Method.CORNISH_FISHER: (cornish_fisher_var, cornish_fisher_es, "skewness,kurtosis=population;"),
    Method.STUDENT_T: (student_t_var, student_t_es, "dof=maximum_likelihood;"),
}


def _closed_form(method: Method, pnl: npt.ArrayLike, confidence: Confidence, chosen: Conventions) -> RiskEstimate:
    value_at_risk, expected_shortfall, shape = _CLOSED[method]
    var, shortfall = (
        measure(pnl, confidence=confidence, ddof=chosen.ddof, horizon_days=chosen.horizon_days)
        for measure in (value_at_risk, expected_shortfall)
    )
    return RiskEstimate(
        method=method,
        var=var,
        es=at_least(shortfall, var),
        convention=f"mean=sample;ddof={chosen.ddof};{shape}{chosen.horizon('independent_days')}",
        observations=len(finite_matrix("pnl", pnl)),
        scenarios=0,
    )
