"""Monte-Carlo risk of many portfolios on many dates: one matrix product a date, quantiles last, components that add up.

Three things keep the bytes the same whatever the partitioning, the threads or the BLAS. Scenarios come from Philox
counters (`monte_carlo.normal_block`). Moves and exposures are rounded to grids on which the one large product is made
of whole numbers below 2^53, which float64 adds without rounding. And what follows the product is summed portfolio by
portfolio in a fixed order. The grids cost less than 2^-26 of a portfolio's gross exposure times the largest move.

The model is normal with the sample's mean and covariance. Where instruments are many, the covariance is never formed:
with D the demeaned returns of T days over sqrt(T - ddof), a scenario is mean + D'z for T independent normals z, whose
covariance is D'D. Where they are few, its Cholesky factor needs fewer random numbers for the same distribution.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    ShapeMismatch,
    finite_matrix,
    require_history,
    tail_observations,
)
from lakehouse.risk.monte_carlo import Simulation, fit_normal, simulate_moves
from lakehouse.risk.quantiles import Quantile, TailWeights, tail_weights

MOVE_BITS = 27
EXPOSURE_BITS = 25  # at most doubled by rounding up: 27 + 26 bits are the 53 that float64 has
PORTFOLIOS_A_BLOCK = 1_000  # 8 MB of P&L at 1,000 scenarios: it is read again while the cache still has most of it


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Moves of N instruments in S scenarios: `units` (S, N) whole numbers of `unit`, a power of two."""

    units: FloatArray
    unit: float


@dataclass(frozen=True, slots=True)
class Exposures:
    """What P portfolios hold of N instruments: `units` (P, N) whole numbers of `unit` (P,), base currency."""

    units: FloatArray
    unit: FloatArray

    def rows(self, start: int, stop: int) -> "Exposures":
        """The portfolios from `start` to before `stop`, without a copy."""
        return Exposures(self.units[start:stop], self.unit[start:stop])


@dataclass(frozen=True, slots=True)
class Groups:
    """Which group every instrument belongs to: `names` (G,) and `of` (N,), the group's number of each instrument."""

    names: tuple[str, ...]
    of: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CubeRisk:
    """Risk of P portfolios, base currency, positive for a loss.

    `var`, `es` (P,); `component_var`, `component_es` (P, G): what each group contributes, summing to `var` and `es`
    (Euler: both measures are linear in the exposures once the scenarios of the tail are named). `worst` (P, K) the
    numbers of the scenarios of the tail, worst first. A component of VaR rests on one scenario and is as noisy as that;
    a component of ES on all of the tail.
    """

    var: FloatArray
    es: FloatArray
    component_var: FloatArray
    component_es: FloatArray
    worst: npt.NDArray[np.int64]


def normal_scenarios(
    returns: npt.ArrayLike, simulation: Simulation, *, ddof: int = 1, horizon_days: int = 1
) -> Scenarios:
    """Jointly normal moves over `horizon_days` independent days, with mean and covariance of `returns` (T, N).

    returns: simple, daily, oldest first, labelled by the simulation. NaN policy: refused. Raises as `fit_normal` does.
    """
    model = fit_normal(returns, ddof=ddof, horizon_days=horizon_days, labels=simulation.labels)
    return on_grid(simulate_moves(model, simulation))


def on_grid(moves: npt.ArrayLike) -> Scenarios:
    """Simple returns (S, N), simulated or historical, on the finest grid that keeps products exact.

    Raises NonFinite, ShapeMismatch.
    """
    matrix = finite_matrix("moves", moves)
    largest = float(np.abs(matrix).max(initial=np.finfo(np.float64).tiny))
    unit = math.ldexp(1.0, math.frexp(largest)[1] - MOVE_BITS)
    return Scenarios(np.rint(matrix / unit), unit)


def exposures_on_grid(exposures: npt.ArrayLike) -> Exposures:
    """Exposures (P, N), one portfolio a row, base currency, negative for a short. Raises NonFinite, ShapeMismatch."""
    matrix = finite_matrix("exposures", exposures)
    gross = np.abs(matrix).sum(axis=1)
    exponent = np.frexp(np.maximum(gross, np.finfo(np.float64).tiny * 2.0**EXPOSURE_BITS))[1]
    unit = np.ldexp(1.0, exponent - EXPOSURE_BITS)
    return Exposures(np.rint(matrix / unit[:, None]), unit)


def scenario_pnl(scenarios: Scenarios, exposures: Exposures) -> FloatArray:
    """P&L of every portfolio in every scenario: (P, S), base currency, negative for a loss. Exact on the grids.

    Vectors of portfolios in one unit add up to the vector of their sum. Raises ShapeMismatch.
    """
    if scenarios.units.shape[1] != exposures.units.shape[1]:
        raise ShapeMismatch(
            f"{scenarios.units.shape[1]} instruments in scenarios, {exposures.units.shape[1]} in exposures"
        )
    pnl: FloatArray = exposures.units @ scenarios.units.T
    pnl *= (exposures.unit * scenarios.unit)[:, None]
    return pnl


def measure(
    scenarios: Scenarios,
    exposures: Exposures,
    levels: Sequence[Confidence],
    *,
    groups: Groups | None = None,
    quantile: Quantile = Quantile.LOWER,
) -> tuple[CubeRisk, ...]:
    """VaR and ES of every portfolio at every confidence, with what each group of instruments contributes.

    The same numbers as `historical_var` and `historical_es` of the scenarios' P&L. Without `groups` there is one column
    of components, the whole. Raises ShapeMismatch; InvalidParameter; InsufficientHistory below
    1 / (1 - confidence) scenarios.
    """
    count, names = scenarios.units.shape
    for level in levels:
        require_history(count, tail_observations(level), f"VaR at {level} from scenarios")
    if groups is not None and len(groups.of) != names:
        raise ShapeMismatch(f"groups name {len(groups.of)} instruments, scenarios have {names}")
    tails = [tail_weights(quantile, count, level) for level in levels]
    blocks = [
        _block(scenarios, exposures.rows(start, start + PORTFOLIOS_A_BLOCK), groups, tails)
        for start in range(0, len(exposures.unit), PORTFOLIOS_A_BLOCK)
    ]
    return tuple(_joined(parts) for parts in zip(*blocks, strict=True))


def _block(
    scenarios: Scenarios, exposures: Exposures, groups: Groups | None, tails: Sequence[TailWeights]
) -> list[CubeRisk]:
    # Imported here: processes that read risk and compute none need no compiler.
    from lakehouse.risk.tail_kernels import worst_scenarios

    pnl = scenario_pnl(scenarios, exposures)
    worst = worst_scenarios(pnl, max(len(tail.es) for tail in tails))
    losses = 0.0 - np.take_along_axis(pnl, worst, axis=1)
    measured = []
    for tail in tails:
        chosen = worst[:, : len(tail.es)]
        var, shortfall = (_weighted(losses, weights) for weights in (tail.var, tail.es))
        if groups is None:
            parts = var[:, None], shortfall[:, None]
        else:
            parts = _components(scenarios, exposures, groups, chosen, tail)
        measured.append(CubeRisk(var, np.maximum(shortfall, var), *parts, chosen))
    return measured


def _weighted(losses: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum of weights (K,) times the first K losses of every row, added from the worst on."""
    total = np.zeros(len(losses))
    for place in np.flatnonzero(weights):
        total += weights[place] * losses[:, place]
    return total


def _components(
    scenarios: Scenarios, exposures: Exposures, groups: Groups, worst: npt.NDArray[np.int64], tail: TailWeights
) -> tuple[FloatArray, FloatArray]:
    from lakehouse.risk.tail_kernels import components

    scale = -(exposures.unit * scenarios.unit)[:, None]
    var, shortfall = (
        components(exposures.units, scenarios.units, worst, weights, groups.of, len(groups.names)) * scale
        for weights in (tail.var, tail.es)
    )
    return var, shortfall


def _joined(parts: Sequence[CubeRisk]) -> CubeRisk:
    names = ("var", "es", "component_var", "component_es", "worst")
    return CubeRisk(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
