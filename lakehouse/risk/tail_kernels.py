"""The loops behind lakehouse.risk.cube, compiled: one pass over the scenarios of each portfolio, nothing sorted whole.

Every sum runs in one fixed order within one portfolio, so that a portfolio's bytes depend on nothing beside it.
"""

from collections.abc import Callable

import numba
import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray

IntArray = npt.NDArray[np.int64]


def _worst(pnl: FloatArray, count: int) -> IntArray:
    rows, scenarios = pnl.shape
    found = np.empty((rows, count), dtype=np.int64)
    value = np.empty(count)
    for row in range(rows):
        for place in range(count):
            value[place] = np.inf
            found[row, place] = -1
        limit = np.inf
        for scenario in range(scenarios):
            candidate = pnl[row, scenario]
            if candidate >= limit:
                continue
            place = count - 1
            while place > 0 and value[place - 1] > candidate:
                value[place] = value[place - 1]
                found[row, place] = found[row, place - 1]
                place -= 1
            value[place] = candidate
            found[row, place] = scenario
            limit = value[count - 1]
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


# cache: a worker process compiles nothing that an earlier one compiled. nogil: threads may share the work.
_compile = numba.njit(cache=True, nogil=True)

worst_scenarios: Callable[[FloatArray, int], IntArray] = _compile(_worst)
"""(P, S) P&L -> (P, count) scenario numbers, worst first; of equal ones the earlier first."""

components: Callable[[FloatArray, FloatArray, IntArray, FloatArray, IntArray, int], FloatArray] = _compile(_components)
"""Exposures (P, N) times the moves (S, N) of each portfolio's worst scenarios (P, K), weighted by (K,), summed over the
instruments of each group, whose number stands in (N,) -> (P, G)."""
