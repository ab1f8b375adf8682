"""Sums of products in a fixed order: the same bits whatever the threads, the BLAS or the number of columns."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    ShapeMismatch,
    finite_matrix,
    require_count,
    require_history,
    tail_observations,
)

TILE_VALUES = 1 << 15  # 256 KiB of accumulator: it stays in the second-level cache while the inner index runs


class Windows(StrEnum):
    """How P&L over several days is cut from daily history: OVERLAPPING uses every start (many, dependent outcomes),
    NON_OVERLAPPING steps by the horizon back from the newest day (few, independent ones)."""

    OVERLAPPING = "overlapping"
    NON_OVERLAPPING = "non_overlapping"


def ordered_product(left: FloatArray, right: FloatArray) -> FloatArray:
    """`left` (M, K) times `right` (K, P) -> (M, P), each element summed from index 0 to K-1, one rounding a step.

    A BLAS product may change its last bits with the number of threads or of columns. Only element-wise operations
    are used here, so a column has the same bytes alone as among a thousand. About 1 ns per multiply-add.
    """
    rows, columns = left.shape[0], right.shape[1]
    total = np.zeros((rows, columns))
    step = max(1, TILE_VALUES // max(1, columns))
    for start in range(0, rows, step):
        tile = total[start : start + step]
        product = np.empty_like(tile)
        for inner in range(left.shape[1]):
            np.multiply(left[start : start + step, inner, None], right[inner], out=product)
            tile += product
    return total


def portfolio_pnl(returns: npt.ArrayLike, exposures: npt.ArrayLike) -> FloatArray:
    """Profit and loss of today's holdings under past returns.

    returns: (T, N) simple returns of N instruments, oldest first. Log returns would be wrong here: they do not
        add up across instruments.
    exposures: (N, P) value held of each instrument by each of P portfolios, base currency, negative for a short.
    Result: (T, P), base currency, negative for a loss; a portfolio's column does not depend on the other columns.
    NaN policy: refused. Raises NonFinite, ShapeMismatch.
    """
    moves, held = finite_matrix("returns", returns), finite_matrix("exposures", exposures)
    if moves.shape[1] != held.shape[0]:
        raise ShapeMismatch(f"{moves.shape[1]} instruments in returns, {held.shape[0]} in exposures: align them first")
    return ordered_product(moves, held)


def overlapping_sums(pnl: npt.ArrayLike, *, horizon_days: int) -> FloatArray:
    """P&L over `horizon_days` consecutive days: (T, P) daily -> (T - horizon_days + 1, P), overlapping windows.

    The sums overlap, so neighbours are dependent: a quantile of them has less information than its count suggests.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory.
    """
    daily = finite_matrix("pnl", pnl)
    require_count("horizon_days", horizon_days)
    require_history(len(daily), horizon_days, "overlapping sums")
    last = len(daily) - horizon_days + 1
    total = daily[:last].copy()
    for lag in range(1, horizon_days):
        total += daily[lag : lag + last]
    return total


def horizon_sums(pnl: npt.ArrayLike, *, horizon_days: int, windows: Windows = Windows.OVERLAPPING) -> FloatArray:
    """P&L over `horizon_days` consecutive days, oldest first: (T, P) daily -> (M, P), M = T - horizon_days + 1 where
    windows overlap, T // horizon_days where they do not (the oldest days that fill no window are left out).

    NaN policy: refused. Raises as `overlapping_sums` does.
    """
    sums = overlapping_sums(pnl, horizon_days=horizon_days)
    if windows is Windows.OVERLAPPING:
        return sums
    return sums[(len(sums) - 1) % horizon_days :: horizon_days]


def loss_rows(pnl: npt.ArrayLike) -> FloatArray:
    """(T, P) profit and loss -> (P, T) losses, one contiguous row a portfolio; a zero P&L is +0.0, never -0.0.

    A reduction along a contiguous row adds in the same order however many rows there are, which a reduction down a
    column does not. Raises NonFinite, ShapeMismatch.
    """
    matrix = finite_matrix("pnl", pnl)
    return np.subtract(0.0, matrix.T, order="C")


def horizon_losses(pnl: npt.ArrayLike, confidence: Confidence, horizon_days: int, windows: Windows) -> FloatArray:
    """(T, P) daily profit and loss -> (P, M) losses over the horizon, one row a portfolio, enough for a tail.

    Raises as `horizon_sums` does; InsufficientHistory below 1 / (1 - confidence) outcomes, which would hold none of it.
    """
    losses = loss_rows(horizon_sums(pnl, horizon_days=horizon_days, windows=windows))
    require_history(losses.shape[1], tail_observations(confidence), f"quantile of outcomes at {confidence}")
    return losses
