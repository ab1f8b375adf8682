"""Risk by factor: returns regressed on factor returns, and the part that is each instrument's own."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch, finite_matrix, require_history
from lakehouse.risk.linear import ordered_product


@dataclass(frozen=True, slots=True)
class FactorModel:
    """returns = factors @ betas + own, exactly: `betas` (K, N), `own` (T, N) the intercept and the residual together,
    `alpha` (N,) the daily intercept, `explained` (N,) the share of variance (R squared, 0 for a constant return)."""

    factors: FloatArray
    betas: FloatArray
    own: FloatArray
    alpha: FloatArray
    explained: FloatArray


@dataclass(frozen=True, slots=True)
class FactorBook:
    """P portfolios as exposures to K factors and N own parts: `returns` (T, K + N), `exposures` (K + N, P) and
    `grouping` (K + N, K + 1), whose last group is what no factor explains. Their product is the portfolios' P&L."""

    returns: FloatArray
    exposures: FloatArray
    grouping: FloatArray


def fit_factors(returns: npt.ArrayLike, factors: npt.ArrayLike) -> FactorModel:
    """Least squares with intercept of (T, N) returns on (T, K) factor returns of the same days.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InsufficientHistory below K + 2 days, InvalidParameter where
    the factors are collinear: betas would be arbitrary.
    """
    moves, drivers = finite_matrix("returns", returns), finite_matrix("factors", factors)
    if len(moves) != len(drivers):
        raise ShapeMismatch(f"{len(moves)} days of returns, {len(drivers)} of factors: align them first")
    require_history(len(moves), drivers.shape[1] + 2, "factor regression")
    centred = drivers - drivers.mean(axis=0)
    spread = centred.std(axis=0)
    scaled = centred / np.where(spread > 0, spread, 1.0)
    betas, _, rank, _ = np.linalg.lstsq(scaled, moves - moves.mean(axis=0), rcond=1e-10)
    if rank < drivers.shape[1]:
        raise InvalidParameter(f"the {drivers.shape[1]} factors have rank {rank}: leave out those that others imply")
    betas = betas / spread[:, None]
    own = moves - ordered_product(drivers, betas)
    alpha = own.mean(axis=0)
    total, left = moves.var(axis=0), own.var(axis=0)
    explained = np.where(total > 0, 1.0 - left / np.where(total > 0, total, 1.0), 0.0)
    return FactorModel(drivers, betas, own, alpha, explained)


def by_factor(model: FactorModel, exposures: npt.ArrayLike) -> FactorBook:
    """Portfolios (N, P) in terms of factors, for `contributions`: their components add up to the same VaR and ES.

    NaN policy: refused. Raises NonFinite, ShapeMismatch.
    """
    held = finite_matrix("exposures", exposures)
    count, names = model.betas.shape
    if len(held) != names:
        raise ShapeMismatch(f"{len(held)} instruments in exposures, {names} in the factor model")
    grouping = np.zeros((count + names, count + 1))
    grouping[np.arange(count), np.arange(count)] = 1.0
    grouping[count:, count] = 1.0
    loaded = ordered_product(model.betas, held)
    return FactorBook(np.hstack([model.factors, model.own]), np.vstack([loaded, held]), grouping)
