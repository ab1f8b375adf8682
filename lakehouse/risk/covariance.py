"""Sample covariance and a factor of it that works for singular matrices and refuses indefinite ones."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, RiskError, ShapeMismatch, finite_matrix, require_history
from lakehouse.risk.linear import ordered_product
from lakehouse.risk.moments import check_ddof

OWN_SHARE = 1e-3  # of an instrument's variance, unexplained by those before it, with which its turn has come
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


@dataclass(frozen=True, slots=True)
class Cholesky:
    """`loadings` (N, R) with loadings @ loadings.T = covariance; `pivots` (R,) the instrument of each column."""

    loadings: FloatArray
    pivots: npt.NDArray[np.intp]


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
    """The loadings (N, R) of `cholesky`, whose policies and errors it has."""
    return cholesky(covariance).loadings


def cholesky(covariance: npt.ArrayLike) -> Cholesky:
    """Factor of a covariance (N, N) of rank R.

    Instruments take their turns in the order given, so that a covariance that hardly changes has loadings that hardly
    change. Those with less than OWN_SHARE of their own wait, and are then taken by diagonal pivoting (Higham 2002,
    "Accuracy and Stability of Numerical Algorithms", 10.3): a singular covariance, as of more instruments than days, is
    fine and gives R < N. Element-wise operations in a fixed order: the same bits on any number of threads. Policy:
    nothing is repaired. A matrix whose correlations keep more than DEFECT_TOLERANCE unexplained is refused.
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
    pivots: list[int] = []
    while len(pivots) < len(matrix):
        pivot = _next_pivot(np.diag(remaining))
        if remaining[pivot, pivot] <= RANK_TOLERANCE:
            break
        column = remaining[:, pivot] / np.sqrt(remaining[pivot, pivot])
        loadings[:, len(pivots)] = column
        remaining -= column[:, None] * column[None, :]
        pivots.append(pivot)
    _refuse_defect(remaining)
    found = np.ascontiguousarray(loadings[:, : len(pivots)] * spread[:, None])
    return Cholesky(found, np.array(pivots, dtype=np.intp))


def _next_pivot(own: FloatArray) -> int:
    """The first that has a share of its own, or else the one with the most."""
    clear = own > OWN_SHARE
    return int(clear.argmax() if clear.any() else own.argmax())


def _refuse_defect(remaining: FloatArray) -> None:
    defect = float(np.abs(remaining).max(initial=0.0))
    if defect > DEFECT_TOLERANCE:
        raise NotPositiveSemidefinite(int(np.abs(remaining).argmax()) // len(remaining), defect)
