"""Scenario vectors: P&L of every portfolio in every scenario, added up first and measured last."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    IntArray,
    InvalidParameter,
    ShapeMismatch,
    finite_matrix,
    require_count,
)
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.shortfall import historical_es
from lakehouse.risk.var import historical_var


@dataclass(frozen=True, slots=True)
class Worst:
    """The `scenario` numbers (K, P) of each portfolio's worst outcomes, worst first, and their `pnl` (K, P)."""

    scenario: IntArray
    pnl: FloatArray


@dataclass(frozen=True, slots=True)
class VectorRisk:
    """VaR and shortfall (P,), base currency, positive for a loss, of scenario vectors."""

    var: FloatArray
    es: FloatArray


def total_pnl(vectors: Sequence[npt.ArrayLike]) -> FloatArray:
    """Sum of scenario vectors (S, P) of the same scenarios: of factor sets, of desks, of a fund's parts -> (S, P).

    Risk of a total is measured on this and is never a sum of risks. The order of the summands is that given: keep it,
    and the bytes are the same. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter without any.
    """
    if not vectors:
        raise InvalidParameter("no scenario vector to add up: pass at least one")
    total = finite_matrix("vectors", vectors[0]).copy()
    for vector in vectors[1:]:
        part = finite_matrix("vectors", vector)
        if part.shape != total.shape:
            raise ShapeMismatch(f"vectors {part.shape} and {total.shape} are not of the same scenarios and portfolios")
        total += part
    return total


def rolled_up(pnl: npt.ArrayLike, parents: Sequence[int], count: int) -> FloatArray:
    """Vectors (S, P) of portfolios added up to those of their parents (S, count); parents[p] is a column below count.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter for a parent outside 0 to count - 1.
    """
    vectors = finite_matrix("pnl", pnl)
    if len(parents) != vectors.shape[1]:
        raise ShapeMismatch(f"{len(parents)} parents for {vectors.shape[1]} portfolios")
    if any(not 0 <= parent < count for parent in parents):
        raise InvalidParameter(f"parents must lie in 0 to {count - 1}")
    total = np.zeros((len(vectors), count))
    for column, parent in enumerate(parents):
        total[:, parent] += vectors[:, column]
    return total


def worst_scenarios(pnl: npt.ArrayLike, *, count: int) -> Worst:
    """The `count` lowest outcomes of each of P vectors (S, P); of equal ones the lower scenario number comes first.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter for a count below 1 or above S.
    """
    outcomes = np.ascontiguousarray(finite_matrix("pnl", pnl).T)
    require_count("count", count)
    if count > outcomes.shape[1]:
        raise InvalidParameter(f"count is {count}: there are {outcomes.shape[1]} scenarios")
    order = np.argsort(outcomes, axis=1, kind="stable")[:, :count]
    values = np.take_along_axis(outcomes, order, axis=1)
    return Worst(np.ascontiguousarray(order.T, dtype=np.int64), np.ascontiguousarray(values.T))


def measure_vectors(
    vectors: Sequence[npt.ArrayLike], *, confidence: Confidence, quantile: Quantile = Quantile.LOWER
) -> VectorRisk:
    """VaR and shortfall of the sum of `vectors` (S, P): totals first, quantiles last.

    NaN policy: refused. Raises as `total_pnl` and `historical_var` do.
    """
    total = total_pnl(vectors)
    var = historical_var(total, confidence=confidence, quantile=quantile)
    return VectorRisk(var, np.maximum(historical_es(total, confidence=confidence), var))
