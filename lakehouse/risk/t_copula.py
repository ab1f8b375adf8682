"""Monte-Carlo with a t copula: returns that crash together, each with its own margin, seeded in blocks."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, gammaln, stdtr, stdtrit

from lakehouse.risk.checks import FloatArray, InvalidParameter, finite_matrix, require_count, require_history
from lakehouse.risk.covariance import sample_covariance
from lakehouse.risk.moments import mean_and_deviation
from lakehouse.risk.monte_carlo import LANES, Labels, Simulation, normal_block, philox, shared_factor, to_grid
from lakehouse.risk.student_t import fit_dof

DOFS = (2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 50.0, 100.0)
COPULA_DAYS = 50
SHRINK = 1e-3  # towards independence in the likelihood only: more names than days have no inverse without it


class Margins(StrEnum):
    """The distribution of each instrument alone. EMPIRICAL: its order statistics at k / (T + 1), linear between them
    and flat beyond, so that no name falls further than it ever did in a day. STUDENT_T: its mean and deviation with
    degrees of freedom by maximum likelihood, which does reach beyond history."""

    EMPIRICAL = "empirical"
    STUDENT_T = "student_t"


@dataclass(frozen=True, slots=True)
class TCopula:
    """N instruments joined by a t copula, small enough to send to every worker.

    `weights` (R, N) whole numbers of `unit` (N,): the factor of the correlation, whose R random numbers are named by
    `numbers` (R,). `dof` of the copula. `margins` with, for EMPIRICAL, `ordered` (N, T) sorted returns; for STUDENT_T
    `ordered` (N, 3): mean, deviation, dof.
    """

    weights: FloatArray
    unit: FloatArray
    numbers: tuple[int, ...]
    dof: float
    margins: Margins
    ordered: FloatArray
    observations: int


def fit_t_copula(
    returns: npt.ArrayLike,
    *,
    dof: float | None = None,
    margins: Margins = Margins.EMPIRICAL,
    ddof: int = 1,
    labels: Labels | None = None,
) -> TCopula:
    """t copula and margins of N instruments from (T, N) simple returns, oldest first.

    The correlation is that of the t scores of the ranks k / (T + 1); `dof` None picks, of DOFS, that of the highest
    likelihood of the ranks. Sort the instruments: their order decides which of two that move together follows.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter for dof <= 2, InsufficientHistory below
    COPULA_DAYS. Source: McNeil, Frey and Embrechts (2005), 5.5 (pseudo-sample and maximum likelihood).
    """
    moves = finite_matrix("returns", returns)
    days = len(moves)
    require_history(days, COPULA_DAYS, "t copula")
    if dof is not None and not 2 < dof < np.inf:
        raise InvalidParameter(f"dof is {dof}: the copula's must be above 2; use monte_carlo_normal for its limit")
    ranks = np.argsort(np.argsort(moves, axis=0, kind="stable"), axis=0, kind="stable")
    chosen = dof if dof is not None else max(DOFS, key=lambda each: _log_likelihood(ranks, each))
    factor, numbers = shared_factor(_standard(_scores(ranks, chosen)), Labels.given(labels, moves.shape))
    weights, unit = to_grid(factor)
    by_name = np.ascontiguousarray(moves.T)
    if margins is Margins.EMPIRICAL:
        return TCopula(weights, unit, numbers, chosen, margins, np.sort(by_name, axis=1), days)
    mean, deviation, _ = mean_and_deviation(by_name, ddof)
    shape = np.column_stack([mean, deviation, fit_dof(by_name)])
    return TCopula(weights, unit, numbers, chosen, margins, shape, days)


def returns_block(model: TCopula, simulation: Simulation, *, block: int, rows: int, day: int = 0) -> FloatArray:
    """One-day returns of the scenarios of one block (rows, N), for the `day` of the horizon; fewer `rows` give a
    prefix. What a worker calls, and what options and bonds are revalued at."""
    normals = normal_block(simulation, model.numbers, block=block, rows=rows, lane=LANES * day)
    drawn = philox(seed=simulation.seed, stream=simulation.stream, block=block, lane=LANES * day + 1).random(rows)
    # By its quantiles, so that other degrees of freedom bend the same draw; 0 could not be divided by.
    half = model.dof / 2
    mixing = gammaincinv(half, np.maximum(drawn, 2.0**-54)) / half
    scores = (normals @ model.weights) * model.unit / np.sqrt(mixing)[:, None]
    if model.margins is Margins.STUDENT_T:
        mean, deviation, dof = model.ordered.T
        inner = stdtrit(dof, stdtr(model.dof, scores)) * np.sqrt((dof - 2) / dof)
        # Beyond what a float's probability can tell, the score itself: stdtrit(1) is infinite.
        moves: FloatArray = mean + deviation * np.where(np.isfinite(inner), inner, scores)
        return moves
    days = model.ordered.shape[1]
    knots = stdtrit(model.dof, np.arange(1, days + 1) / (days + 1))
    columns = [np.interp(scores[:, name], knots, model.ordered[name]) for name in range(scores.shape[1])]
    return np.column_stack(columns)


def simulate_returns(model: TCopula, simulation: Simulation, *, horizon_days: int = 1) -> FloatArray:
    """Returns of every scenario in order (scenarios, N), added over independent days.

    Raises InvalidParameter for a horizon below one day.
    """
    require_count("horizon_days", horizon_days)
    moves = np.zeros((simulation.scenarios, len(model.unit)))
    for block, rows in simulation.blocks():
        start = block * simulation.block_rows
        for day in range(horizon_days):
            moves[start : start + rows] += returns_block(model, simulation, block=block, rows=rows, day=day)
    return moves


Ranks = npt.NDArray[np.int64]


def _scores(ranks: Ranks, dof: float) -> FloatArray:
    """t scores (T, N) of ranks 0 to T-1: only T quantiles are computed."""
    days = len(ranks)
    scores: FloatArray = stdtrit(dof, np.arange(1, days + 1) / (days + 1))[ranks]
    return scores


def _standard(scores: FloatArray) -> FloatArray:
    """Scores (T, N) whose products are correlations. Every column holds the same scores: one length for all."""
    centred = scores - scores[:, 0].mean()
    standard: FloatArray = centred / np.sqrt(np.square(centred[:, 0]).sum())
    return standard


def _correlation(scores: FloatArray) -> FloatArray:
    # Every column holds the same scores in another order: one variance for all, and a diagonal of exact ones.
    covariance = sample_covariance(scores)
    correlation: FloatArray = covariance / covariance[0, 0]
    correlation[np.diag_indices_from(correlation)] = 1.0
    return correlation


def _log_likelihood(ranks: Ranks, dof: float) -> float:
    """Log-likelihood of the copula density at the ranks, correlation by t scores (McNeil et al. 2005, eq. 5.31)."""
    scores = _scores(ranks, dof)
    days, names = scores.shape
    correlation = (1 - SHRINK) * _correlation(scores) + SHRINK * np.eye(names)
    factor = np.linalg.cholesky(correlation)
    inner = np.square(np.linalg.solve(factor, scores.T)).sum(axis=0)
    joint = days * (gammaln((dof + names) / 2) + (names - 1) * gammaln(dof / 2) - names * gammaln((dof + 1) / 2))
    joint -= days * float(np.log(np.diag(factor)).sum())
    together = (dof + names) / 2 * float(np.log1p(inner / dof).sum())
    apart = (dof + 1) / 2 * float(np.log1p(np.square(scores) / dof).sum())
    return float(joint - together + apart)
