"""Sample covariance and a factor of it that works for singular matrices and refuses indefinite ones."""

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, RiskError, ShapeMismatch, finite_matrix, require_history
from lakehouse.risk.linear import ordered_product
from lakehouse.risk.moments import check_ddof

RANK_TOLERANCE = 1e-12  # pivots of the correlation matrix below this are rounding
DEFECT_TOLERANCE = 1e-9  # the largest element of the correlation matrix that may be left unexplained


class NotPositiveSemidefinite(RiskError):
    """A matrix is no covariance. Carries the `instrument` (row) that shows it and by how much (`defect`)."""

    def __init__(self, instrument: int, defect: float) -> None:
        self.instrument, self.defect = instrument, defect
        super().__init__(
            f"covariance is not positive semidefinite: {defect:.3g} remains unexplained at row {instrument}; estimate "
            "it from one aligned return matrix, it is not repaired here"
        )


def sample_covariance(returns: npt.ArrayLike, *, ddof: int = 1) -> FloatArray:
    """(T, N) returns -> (N, N) covariance with divisor T - ddof, symmetric; the same bits on any number of threads.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory below ddof + 1 rows.
    """
    check_ddof(ddof)
    moves = finite_matrix("returns", returns)
    require_history(len(moves), ddof + 1, f"covariance with ddof {ddof}")
    by_instrument = np.ascontiguousarray(moves.T)
    centred = by_instrument - by_instrument.mean(axis=1)[:, None]
    return ordered_product(centred, np.ascontiguousarray(centred.T)) / (len(moves) - ddof)


def pivoted_cholesky(covariance: npt.ArrayLike) -> FloatArray:
    """Loadings (N, R) with loadings @ loadings.T = covariance (N, N) and R its rank.

    Cholesky with diagonal pivoting (Higham 2002, "Accuracy and Stability of Numerical Algorithms", 10.3): a singular
    covariance, as of more instruments than days, is fine and gives R < N. Element-wise operations in a fixed order:
    the same bits on any number of threads. Policy: nothing is repaired. A matrix whose correlations keep more than
    DEFECT_TOLERANCE unexplained is refused.
    NaN policy: refused. Raises NonFinite, ShapeMismatch (not square or not symmetric), NotPositiveSemidefinite.
    """
    matrix = finite_matrix("covariance", covariance)
    if matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0.0):
        raise ShapeMismatch(f"covariance {matrix.shape} is not a symmetric square matrix")
    variance = np.diag(matrix)
    if (variance < 0).any():
        raise NotPositiveSemidefinite(int(variance.argmin()), float(-variance.min()))
    # Worked on the correlation, so that a quiet instrument keeps its precision beside a wild one.
    spread = np.where(variance > 0, np.sqrt(variance), 1.0)
    remaining, loadings = matrix / (spread[:, None] * spread[None, :]), np.zeros_like(matrix)
    rank = 0
    while rank < len(matrix):
        pivot = int(np.argmax(np.diag(remaining)))
        if remaining[pivot, pivot] <= RANK_TOLERANCE:
            break
        loadings[:, rank] = remaining[:, pivot] / np.sqrt(remaining[pivot, pivot])
        remaining -= loadings[:, rank, None] * loadings[None, :, rank]
        rank += 1
    _refuse_defect(remaining)
    return np.ascontiguousarray(loadings[:, :rank] * spread[:, None])


def _refuse_defect(remaining: FloatArray) -> None:
    defect = float(np.abs(remaining).max(initial=0.0))
    if defect > DEFECT_TOLERANCE:
        raise NotPositiveSemidefinite(int(np.abs(remaining).argmax()) // len(remaining), defect)
