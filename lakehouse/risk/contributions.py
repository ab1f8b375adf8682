"""Who and what risk comes from: marginal, component and incremental VaR and shortfall, in any grouping (Euler)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    IntArray,
    InvalidParameter,
    ShapeMismatch,
    exact_confidence,
    finite_matrix,
    require_history,
    tail_observations,
)
from lakehouse.risk.cornish_fisher import normal_tail
from lakehouse.risk.linear import horizon_sums, loss_rows, ordered_product, portfolio_pnl
from lakehouse.risk.methods import STANDARD, Conventions, Method
from lakehouse.risk.moments import check_ddof, mean_and_deviation
from lakehouse.risk.quantiles import quantile_place, tail_weights
from lakehouse.risk.shortfall import historical_es
from lakehouse.risk.student_t import fit_dof, t_quantile, t_tail_mean
from lakehouse.risk.var import historical_var


@dataclass(frozen=True, slots=True)
class Contributions:
    """Risk of P portfolios taken apart by what they hold.

    `var`, `es` (P,), base currency, positive for a loss. `marginal_var`, `marginal_es` (N, P): change of the measure
    per unit of base currency more of the instrument. `component_var`, `component_es` (N, P), base currency: exposure
    times marginal, negative for a hedge; each column sums to the measure. `convention` says how.
    """

    var: FloatArray
    es: FloatArray
    marginal_var: FloatArray
    marginal_es: FloatArray
    component_var: FloatArray
    component_es: FloatArray
    convention: str


@dataclass(frozen=True, slots=True)
class Incremental:
    """What P portfolios' risk would fall by without each of G groups: `var`, `es` (G, P), base currency."""

    var: FloatArray
    es: FloatArray


def scenario_contributions(
    returns: npt.ArrayLike,
    exposures: npt.ArrayLike,
    *,
    confidence: Confidence,
    conventions: Conventions = STANDARD,
    neighbours: int = 0,
) -> Contributions:
    """Components of historical VaR and ES, or of Monte-Carlo ones: the losses of each instrument in the scenarios that
    make the measure.

    returns (T, N): history, oldest first, or simulated scenarios (`simulate_returns`, `simulate_moves`); exposures (N,
    P) base currency. VaR's component is the mean loss given that the portfolio loses the VaR: in the scenario at the
    quantile (both, weighted, where it interpolates), which is exact but noisy; `neighbours` k
    averages over the k scenarios on each side and scales the mean to the VaR. ES's is the mean over its tail, exact.
    Simulated scenarios are already over their horizon: leave horizon_days at 1 for them. NaN policy: refused. Raises as
    `historical_var` does, InvalidParameter for neighbours below 0 or so many that their mean has lost the VaR's sign.
    Source: Tasche (1999), "Risk contributions and performance measurement";
    Hallerbach (2003), "Decomposing portfolio value-at-risk: a general analysis".
    """
    moves = horizon_sums(returns, horizon_days=conventions.horizon_days, windows=conventions.windows)
    held = finite_matrix("exposures", exposures)
    pnl = portfolio_pnl(moves, held)
    require_history(len(pnl), tail_observations(confidence), f"contributions at {confidence}")
    worst = np.argsort(loss_rows(pnl), axis=1, kind="stable")[:, ::-1]
    var = historical_var(pnl, confidence=confidence, quantile=conventions.quantile)
    shortfall = historical_es(pnl, confidence=confidence)
    tail = tail_weights(conventions.quantile, len(pnl), confidence)
    around = _around(len(pnl), confidence, conventions, neighbours) if neighbours else tail.var
    marginal_var = _conditional_loss(moves, worst, around)
    if neighbours:
        marginal_var = marginal_var * _scale(var, (held * marginal_var).sum(axis=0))
    marginal_es = _conditional_loss(moves, worst, tail.es)
    smooth = f"neighbours={neighbours},scaled" if neighbours else "at_the_quantile"
    text = f"quantile={conventions.quantile};component_var={smooth};es=acerbi_tasche;"
    return _made(var, shortfall, marginal_var, marginal_es, held, text + conventions.horizon(f"{conventions.windows}"))


def parametric_contributions(
    method: Method,
    returns: npt.ArrayLike,
    exposures: npt.ArrayLike,
    *,
    confidence: Confidence,
    conventions: Conventions = STANDARD,
) -> Contributions:
    """Components of parametric normal or Student t VaR and ES: the derivative of k x deviation - mean by exposure.

    returns (T, N) daily, oldest first; exposures (N, P) base currency. Degrees of freedom are those of each portfolio's
    P&L and are held fixed. The horizon scales as in the method. A portfolio that does not vary has only its mean.
    NaN policy: refused. Raises InvalidParameter for another method, else as `parametric_normal_var`.
    Source: Jorion (2007), "Value at Risk", 7.2; McNeil, Frey and Embrechts (2005), 6.3.
    """
    check_ddof(conventions.ddof)
    if method not in (Method.PARAMETRIC_NORMAL, Method.STUDENT_T):
        raise InvalidParameter(f"{method} has no closed-form components: pass its scenarios to scenario_contributions")
    moves, held = finite_matrix("returns", returns), finite_matrix("exposures", exposures)
    losses = loss_rows(portfolio_pnl(moves, held))
    mean, deviation, centred = mean_and_deviation(losses, conventions.ddof)
    by_instrument = loss_rows(moves)
    own_mean = by_instrument.mean(axis=1)
    joint = ordered_product(by_instrument - own_mean[:, None], np.ascontiguousarray(centred.T))
    joint /= len(moves) - conventions.ddof
    slope = joint / np.where(deviation > 0, deviation, 1.0) * math.sqrt(conventions.horizon_days)
    drift = own_mean[:, None] * conventions.horizon_days
    quantile, tail = _factors(method, losses, confidence)
    spread = deviation * math.sqrt(conventions.horizon_days)
    level = mean * conventions.horizon_days
    text = f"mean=sample;ddof={conventions.ddof};{conventions.horizon('independent_days')}"
    return _made(
        level + quantile * spread, level + tail * spread, drift + quantile * slope, drift + tail * slope, held, text
    )


def incremental(
    returns: npt.ArrayLike,
    exposures: npt.ArrayLike,
    grouping: npt.ArrayLike,
    *,
    confidence: Confidence,
    conventions: Conventions = STANDARD,
) -> Incremental:
    """Historical (or simulated) risk of each portfolio less its risk without each group, measured anew: (G, P).

    returns (T, N), exposures (N, P), grouping (N, G) as in `grouped`; the identity gives every position. A group that
    holds nothing has exactly 0. NaN policy: refused. Raises as `historical_var` and `grouped` do.
    Source: Jorion (2007), "Value at Risk", 7.2.2 (measured in full, not by its linear approximation).
    """
    moves = horizon_sums(returns, horizon_days=conventions.horizon_days, windows=conventions.windows)
    held = finite_matrix("exposures", exposures)
    shares = partition(grouping, len(held))
    whole = _measured(portfolio_pnl(moves, held), confidence, conventions)
    found = np.zeros((2, shares.shape[1], held.shape[1]))
    for group in range(shares.shape[1]):
        without = held * (1.0 - shares[:, [group]])
        present = (held != without).any(axis=0)
        if present.any():
            rest = _measured(portfolio_pnl(moves, without[:, present]), confidence, conventions)
            found[:, group, present] = whole[:, present] - rest
    return Incremental(found[0], found[1])


def grouped(components: npt.ArrayLike, grouping: npt.ArrayLike) -> FloatArray:
    """Components (N, P) summed by sector, currency or any other cut (G, P): the sums of columns stay.

    grouping (N, G): the share of each instrument in each group, 1 in one of them or looked through; rows sum to 1.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter where a row does not sum to 1.
    """
    parts = finite_matrix("components", components)
    return ordered_product(np.ascontiguousarray(partition(grouping, len(parts)).T), parts)


def apportioned(parts: FloatArray, total: int) -> IntArray:
    """`parts` (G,), base currency, as whole cents that sum to `total`: each is rounded down, and what is missing goes
    to the largest remainders, of equal ones to the earlier (Hamilton's method). G is at least 1."""
    exact = parts * 100.0
    whole = np.floor(exact).astype(np.int64)
    everyone, some = divmod(total - int(whole.sum()), len(whole))
    order = np.argsort(-(exact - whole), kind="stable")
    whole += everyone
    whole[order[:some]] += 1
    return whole


def partition(grouping: npt.ArrayLike, instruments: int) -> FloatArray:
    """`grouping` (N, G) as checked shares. Raises NonFinite, ShapeMismatch, InvalidParameter as `grouped` does."""
    shares = finite_matrix("grouping", grouping)
    if len(shares) != instruments:
        raise ShapeMismatch(f"grouping has {len(shares)} rows for {instruments} instruments")
    wrong = np.flatnonzero(np.abs(shares.sum(axis=1) - 1.0) > 1e-9)
    if len(wrong):
        raise InvalidParameter(
            f"grouping of instrument {wrong[0]} does not sum to 1: its risk would be lost or doubled"
        )
    return shares


def _made(
    var: FloatArray, es: FloatArray, marginal_var: FloatArray, marginal_es: FloatArray, held: FloatArray, text: str
) -> Contributions:
    return Contributions(var, es, marginal_var, marginal_es, held * marginal_var, held * marginal_es, text)


def _measured(pnl: FloatArray, confidence: Confidence, conventions: Conventions) -> FloatArray:
    var = historical_var(pnl, confidence=confidence, quantile=conventions.quantile)
    return np.stack([var, historical_es(pnl, confidence=confidence)])


def _around(scenarios: int, confidence: Confidence, conventions: Conventions, neighbours: int) -> FloatArray:
    """Equal weights, worst first, of the scenario at the quantile and as many on each side."""
    if neighbours < 0:
        raise InvalidParameter(f"neighbours is {neighbours}: must be 0 or more scenarios on each side")
    rank, _ = quantile_place(conventions.quantile, scenarios, exact_confidence(confidence))
    reach = min(neighbours, rank - 1, scenarios - rank)
    place = scenarios - rank
    weights = np.zeros(place + reach + 1)
    weights[place - reach :] = 1.0 / (2 * reach + 1)
    return weights


def _conditional_loss(moves: FloatArray, worst: npt.NDArray[np.intp], weights: FloatArray) -> FloatArray:
    """Weighted mean loss per unit of exposure (N, P) in the scenarios of each portfolio, which are `worst` first."""
    total = np.zeros((moves.shape[1], len(worst)))
    for place in np.flatnonzero(weights):
        total -= weights[place] * moves[worst[:, place]].T
    return total


def _scale(var: FloatArray, found: FloatArray) -> FloatArray:
    if (np.sign(found) != np.sign(var)).any():
        raise InvalidParameter("the neighbourhood's mean loss has not the sign of the VaR: pass fewer neighbours")
    # Nothing held, nothing lost: there is nothing to scale.
    return np.where(found == 0, 1.0, var / np.where(found == 0, 1.0, found))


def _factors(method: Method, losses: FloatArray, confidence: Confidence) -> tuple[FloatArray, FloatArray]:
    if method is Method.STUDENT_T:
        dof = fit_dof(losses)
        return t_quantile(dof, confidence), t_tail_mean(dof, confidence)
    normal = normal_tail(confidence)
    return np.full(len(losses), normal.quantile), np.full(len(losses), normal.mean)
