"""Risk of one portfolio of shares, options and bonds: delta, delta-gamma or revalued in full, under any scenarios."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import BoolArray, Confidence, FloatArray, InvalidParameter, ShapeMismatch, finite_matrix
from lakehouse.risk.contributions import scenario_contributions
from lakehouse.risk.covariance_estimators import covariance_matrix
from lakehouse.risk.linear import Windows, horizon_sums
from lakehouse.risk.methods import STANDARD, Conventions, Method
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.revaluation import Book, revalue, slopes_of
from lakehouse.risk.simulated import drawn_scenarios
from lakehouse.risk.slopes import closed_form, expansion_pnl


class Valuation(StrEnum):
    """What an instrument gains under a scenario: its first derivatives times the moves (DELTA), second ones too
    (DELTA_GAMMA), or its value priced anew less its value now (FULL)."""

    DELTA = "delta"
    DELTA_GAMMA = "delta_gamma"
    FULL = "full"


class Source(StrEnum):
    """Where the scenarios of the factors come from. HISTORICAL: their past moves. PARAMETRIC: none are drawn, the risk
    follows from their covariance. MONTE_CARLO_NORMAL and MONTE_CARLO_T_COPULA: drawn from a model of their past."""

    HISTORICAL = "historical"
    PARAMETRIC = "parametric"
    MONTE_CARLO_NORMAL = "monte_carlo_normal"
    MONTE_CARLO_T_COPULA = "monte_carlo_t_copula"


DRAWN = {
    Source.MONTE_CARLO_NORMAL: Method.MONTE_CARLO_NORMAL,
    Source.MONTE_CARLO_T_COPULA: Method.MONTE_CARLO_T_COPULA,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done with a scenario, and where it comes from."""

    valuation: Valuation
    source: Source


@dataclass(frozen=True, slots=True)
class FactorHistory:
    """Daily `moves` (T, F) of factors, oldest first, and whether each is `relative` (F,): a price, whose moves compound
    over days, or a yield, whose moves add."""

    moves: FloatArray
    relative: BoolArray


@dataclass(frozen=True, slots=True)
class RevaluedRisk:
    """VaR and ES of one portfolio, base currency, positive for a loss; es >= var. `component_var`, `component_es` (N,)
    sum to them. `observations` daily moves used, `scenarios` outcomes behind the quantile, 0 for a closed form."""

    var: float
    es: float
    component_var: FloatArray
    component_es: FloatArray
    convention: str
    observations: int
    scenarios: int


def revalued_risk(
    history: FactorHistory,
    books: Sequence[Book],
    units: npt.ArrayLike,
    recipe: Recipe,
    *,
    confidence: Confidence,
    simulation: Simulation,
    conventions: Conventions = STANDARD,
) -> RevaluedRisk:
    """VaR and ES of `units` (N,) of the instruments of `books`, and what each position contributes (Euler).

    Moves happen at once: nothing is earned or lost by waiting. Over several days moves of history are joined in windows
    (prices compound, yields add), drawn ones as `drawn_scenarios` says, and a covariance grows with the days. A drawn
    move takes no price below zero: relative ones stop at -1.
    Components of VaR are those of the scenario at the quantile, of ES the mean over its tail; of a closed form its
    derivatives.
    NaN policy: refused. Raises InvalidParameter for FULL without scenarios, and what the parts raise.
    """
    moves, held = finite_matrix("moves", history.moves), np.asarray(units, dtype=np.float64)
    if history.relative.shape != moves.shape[1:] or held.shape != (sum(map(len, books)),):
        raise ShapeMismatch(f"{moves.shape} moves, {history.relative.shape} kinds, units {held.shape}: one for each")
    if recipe.source is Source.PARAMETRIC:
        return _parametric(moves, books, held, recipe.valuation, confidence, conventions)
    scenarios, text = _scenarios(history, recipe.source, simulation, conventions)
    pnl = _pnl(scenarios, books, recipe.valuation)
    found = scenario_contributions(
        pnl, held[:, None], confidence=confidence, conventions=Conventions(quantile=conventions.quantile)
    )
    head = f"valuation={recipe.valuation};quantile={conventions.quantile};component_var=at_the_quantile"
    return RevaluedRisk(
        var=float(found.var[0]),
        es=max(float(found.es[0]), float(found.var[0])),
        component_var=found.component_var[:, 0],
        component_es=found.component_es[:, 0],
        convention=f"{head};es=acerbi_tasche;{text}",
        observations=len(moves),
        scenarios=len(pnl),
    )


def joined(history: FactorHistory, *, horizon_days: int, windows: Windows = Windows.OVERLAPPING) -> FloatArray:
    """Moves over windows of days (M, F): those of prices compound, others add. Raises as `horizon_sums`."""
    if horizon_days == 1:
        return history.moves
    relative = history.relative
    logs = np.array(history.moves)
    logs[:, relative] = np.log1p(logs[:, relative])
    sums = horizon_sums(logs, horizon_days=horizon_days, windows=windows)
    sums[:, relative] = np.expm1(sums[:, relative])
    return sums


def _scenarios(
    history: FactorHistory, source: Source, simulation: Simulation, chosen: Conventions
) -> tuple[FloatArray, str]:
    if source is Source.HISTORICAL:
        moves = joined(history, horizon_days=chosen.horizon_days, windows=chosen.windows)
        return moves, chosen.horizon(f"{chosen.windows}_moves")
    drawn = drawn_scenarios(DRAWN[source], history.moves, simulation, conventions=chosen)
    text = f"{drawn.origin.model};{drawn.origin.draws};{chosen.horizon('independent_days')}"
    moved: FloatArray = drawn.scenarios.units * drawn.scenarios.unit
    moved[:, history.relative] = np.maximum(moved[:, history.relative], -1.0)
    return moved, text


def _pnl(scenarios: FloatArray, books: Sequence[Book], valuation: Valuation) -> FloatArray:
    if valuation is Valuation.FULL:
        return revalue(scenarios, books)
    count = sum(map(len, books))
    return expansion_pnl(scenarios, slopes_of(books), count, is_curved=valuation is Valuation.DELTA_GAMMA)


def _parametric(
    moves: FloatArray,
    books: Sequence[Book],
    units: FloatArray,
    valuation: Valuation,
    confidence: Confidence,
    chosen: Conventions,
) -> RevaluedRisk:
    if valuation is Valuation.FULL:
        raise InvalidParameter("full revaluation needs scenarios: name a source of them, or value by delta_gamma")
    covariance = covariance_matrix(moves, estimator=chosen.covariance, ddof=chosen.ddof, decay=chosen.volatility_decay)
    is_curved = valuation is Valuation.DELTA_GAMMA
    found = closed_form(
        covariance,
        slopes_of(books),
        units,
        confidence=confidence,
        horizon_days=chosen.horizon_days,
        is_curved=is_curved,
    )
    shape = "quantile=cornish_fisher" if is_curved else "quantile=normal"
    text = f"valuation={valuation};mean=zero;{chosen.covariance_text};{shape};{chosen.horizon('independent_days')}"
    return RevaluedRisk(
        found.var, max(found.es, found.var), found.component_var, found.component_es, text, len(moves), 0
    )
