"""Covariance matrices by name: sample, exponentially weighted, and the shrinkages of Ledoit-Wolf and OAS."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, finite_matrix, require_history
from lakehouse.risk.covariance import sample_covariance
from lakehouse.risk.linear import ordered_product
from lakehouse.risk.volatility import VOLATILITY_DECAY
from lakehouse.risk.weighted import age_weights

GRID = 2.0**40  # a shrinkage is rounded to this: the BLAS behind it may change its last bits with its threads


class Covariance(StrEnum):
    """How a covariance is estimated from returns.

    SAMPLE: around the mean, divisor T - ddof. EWMA: around zero, weights decay^i (RiskMetrics 1996). LEDOIT_WOLF and
    OAS: the sample's with divisor T, drawn towards its average variance by the share that scikit-learn finds (Ledoit
    and Wolf 2004, "A well-conditioned estimator"; Chen, Wiesel, Eldar and Hero 2010); always positive definite.
    """

    SAMPLE = "sample"
    EWMA = "ewma"
    LEDOIT_WOLF = "ledoit_wolf"
    OAS = "oas"


def covariance_matrix(
    returns: npt.ArrayLike,
    *,
    estimator: Covariance = Covariance.SAMPLE,
    ddof: int = 1,
    decay: float = VOLATILITY_DECAY,
) -> FloatArray:
    """(T, N) returns, oldest first -> (N, N) symmetric; `ddof` is read by SAMPLE and `decay` by EWMA only.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory.
    """
    if estimator is Covariance.SAMPLE:
        return sample_covariance(returns, ddof=ddof)
    moves = finite_matrix("returns", returns)
    if estimator is Covariance.EWMA:
        return ewma_covariance(moves, decay=decay)
    require_history(len(moves), 2, f"covariance by {estimator}")
    plain = sample_covariance(moves, ddof=0)
    share = shrinkage(moves, estimator)
    shrunk = (1 - share) * plain
    shrunk[np.diag_indices_from(shrunk)] += share * np.diag(plain).mean()
    return shrunk


def ewma_covariance(returns: npt.ArrayLike, *, decay: float = VOLATILITY_DECAY) -> FloatArray:
    """Sum of (1 - decay) / (1 - decay^T) decay^i r r' over the T days, i days old: (T, N), oldest first -> (N, N).

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter.
    Source: RiskMetrics Technical Document (1996), 5.2, with the finite sum's weights made to add up to one.
    """
    moves = finite_matrix("returns", returns)
    weighted = np.ascontiguousarray(moves.T) * age_weights(len(moves), decay)
    product = ordered_product(weighted, moves)
    # The weight is on one side only: the two halves may differ by the last bit.
    return (product + product.T) / 2


def shrinkage(returns: npt.ArrayLike, estimator: Covariance) -> float:
    """The share of the target in a shrunk covariance, 0 to 1, as scikit-learn finds it (rounded to 2^-40)."""
    from sklearn.covariance import ledoit_wolf_shrinkage, oas  # imported on first use: heavy

    moves = finite_matrix("returns", returns)
    share = ledoit_wolf_shrinkage(moves) if estimator is Covariance.LEDOIT_WOLF else oas(moves)[1]
    return round(float(share) * GRID) / GRID
