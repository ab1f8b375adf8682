"""The loops behind lakehouse.risk.cube, compiled: one pass over the scenarios of each portfolio, nothing sorted whole.

Every sum runs in one fixed order within one portfolio, so that a portfolio's bytes depend on nothing beside it.
"""

from collections.abc import Callable

import numba
import numpy as np

from lakehouse.risk.checks import FloatArray, IntArray

# cache: a worker process compiles nothing that an earlier one compiled. nogil: threads may share the work.
_compile = numba.njit(cache=True, nogil=True)


def _later(left: float, left_number: int, right: float, right_number: int) -> bool:
    return left > right or (left == right and left_number > right_number)


_after: Callable[[float, int, float, int], bool] = _compile(_later)


def _sifted(value: FloatArray, scenario: IntArray, start: int, size: int) -> None:
    """Restore the heap below `start`: a parent is greater than its children, or equal and later."""
    root = start
    while True:
        child = 2 * root + 1
        if child >= size:
            return
        right = child + 1
        if right < size and _after(value[right], scenario[right], value[child], scenario[child]):
            child = right
        if not _after(value[child], scenario[child], value[root], scenario[root]):
            return
        value[root], value[child] = value[child], value[root]
        scenario[root], scenario[child] = scenario[child], scenario[root]
        root = child


_sift: Callable[[FloatArray, IntArray, int, int], None] = _compile(_sifted)


def _worst(pnl: FloatArray, count: int) -> IntArray:
    rows, scenarios = pnl.shape
    found = np.empty((rows, count), dtype=np.int64)
    value = np.empty(count)
    for row in range(rows):
        kept = found[row]
        for place in range(count):
            value[place] = pnl[row, place]
            kept[place] = place
        for place in range(count // 2 - 1, -1, -1):
            _sift(value, kept, place, count)
        for scenario in range(count, scenarios):
            if pnl[row, scenario] < value[0]:
                value[0] = pnl[row, scenario]
                kept[0] = scenario
                _sift(value, kept, 0, count)
        for size in range(count - 1, 0, -1):
            value[0], value[size] = value[size], value[0]
            kept[0], kept[size] = kept[size], kept[0]
            _sift(value, kept, 0, size)
    return found


def _components(
    exposures: FloatArray, moves: FloatArray, worst: IntArray, weights: FloatArray, group_of: IntArray, groups: int
) -> FloatArray:
    rows, count = worst.shape
    names = moves.shape[1]
    total = np.zeros((rows, groups))
    tail = np.empty(names)
    for row in range(rows):
        tail[:] = 0.0
        for place in range(count):
            weight = weights[place]
            if weight == 0.0:
                continue
            scenario = worst[row, place]
            for name in range(names):
                tail[name] += weight * moves[scenario, name]
        for name in range(names):
            total[row, group_of[name]] += exposures[row, name] * tail[name]
    return total


worst_scenarios: Callable[[FloatArray, int], IntArray] = _compile(_worst)
"""(P, S) P&L -> (P, count) scenario numbers, worst first; of equal ones the earlier first."""

components: Callable[[FloatArray, FloatArray, IntArray, FloatArray, IntArray, int], FloatArray] = _compile(_components)
"""Exposures (P, N) times the moves (S, N) of each portfolio's worst scenarios (P, K), weighted by (K,), summed over the
instruments of each group, whose number stands in (N,) -> (P, G)."""
