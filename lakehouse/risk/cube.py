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
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    ShapeMismatch,
    exact_confidence,
    finite_matrix,
    require_count,
    require_history,
    tail_observations,
)
from lakehouse.risk.covariance import pivoted_cholesky, sample_covariance
from lakehouse.risk.moments import check_ddof
from lakehouse.risk.monte_carlo import NormalModel, Simulation, simulate_pnl, to_grid
from lakehouse.risk.quantiles import Quantile, quantile_place

MOVE_BITS = 27
EXPOSURE_BITS = 25  # at most doubled by rounding up: 27 + 26 bits are the 53 that float64 has
CHOLESKY_SHARE = 2  # factorising costs more than it saves where instruments are more than half of the days
INSERTED = 64  # tails longer than this are found faster by selection than by insertion
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

    returns: simple, daily, oldest first. The order of the instruments decides which random number each one meets: sort
    them. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, NotPositiveSemidefinite,
    InsufficientHistory below ddof + 1 days.
    """
    check_ddof(ddof)
    require_count("horizon_days", horizon_days)
    history = finite_matrix("returns", returns)
    require_history(len(history), ddof + 1, "a covariance")
    mean = np.ascontiguousarray(history.T).mean(axis=1)
    weights, unit = to_grid(_factor(history, mean, ddof) * math.sqrt(horizon_days))
    drift = mean * horizon_days
    model = NormalModel(weights, unit, drift, observations=len(history), ddof=ddof, horizon_days=horizon_days)
    return on_grid(simulate_pnl(model, simulation))


def _factor(history: FloatArray, mean: FloatArray, ddof: int) -> FloatArray:
    """(R, N) with factor' factor = the sample covariance, R random numbers a scenario."""
    days, names = history.shape
    if CHOLESKY_SHARE * names <= days:
        return np.ascontiguousarray(pivoted_cholesky(sample_covariance(history, ddof=ddof)).T)
    centred: FloatArray = (history - mean) / math.sqrt(days - ddof)
    return centred


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


def scenario_var(
    scenarios: Scenarios, exposures: Exposures, levels: Sequence[Confidence], quantile: Quantile = Quantile.LOWER
) -> FloatArray:
    """VaR of every portfolio at every confidence: (L, P), base currency, positive for a loss; a block at a time.

    Raises ShapeMismatch; InvalidParameter; InsufficientHistory below 1 / (1 - confidence) scenarios.
    """
    count, total = len(scenarios.units), len(exposures.unit)
    for level in levels:
        require_history(count, tail_observations(level), f"VaR at {level} from scenarios")
    places = [quantile_place(quantile, count, exact_confidence(level)) for level in levels]
    deepest = count + 1 - min(rank for rank, _ in places)
    found = np.empty((len(levels), total))
    for start in range(0, total, PORTFOLIOS_A_BLOCK):
        losses = _worst_losses(scenario_pnl(scenarios, exposures.rows(start, start + PORTFOLIOS_A_BLOCK)), deepest)
        for number, (rank, weight) in enumerate(places):
            below, above = losses[:, count - rank], losses[:, max(count - rank - 1, 0)]
            # Clipped because rounding may lift the interpolated value one unit past the order statistic above it.
            found[number, start : start + len(losses)] = np.minimum(below + weight * (above - below), above)
    return found


def _worst_losses(pnl: FloatArray, count: int) -> FloatArray:
    """(P, count) the largest losses, descending."""
    if count > INSERTED:
        return 0.0 - np.sort(np.partition(pnl, count - 1, axis=1)[:, :count], axis=1)
    from lakehouse.risk.tail_kernels import worst_scenarios

    losses: FloatArray = 0.0 - np.take_along_axis(pnl, worst_scenarios(pnl, count), axis=1)
    return losses


def measure(scenarios: Scenarios, exposures: Exposures, groups: Groups, *, confidence: Confidence) -> CubeRisk:
    """VaR and ES of every portfolio, with what each group of instruments contributes.

    VaR is the order statistic ceil(S c) of the losses (Quantile.LOWER), ES the mean of the worst S (1 - c), the last
    one by its fraction (Acerbi and Tasche 2002): the same numbers as `historical_var` and `historical_es` give.
    Raises ShapeMismatch; InvalidParameter; InsufficientHistory below 1 / (1 - confidence) scenarios.
    """
    count = len(scenarios.units)
    require_history(count, tail_observations(confidence), f"VaR at {confidence} from scenarios")
    if len(groups.of) != scenarios.units.shape[1]:
        raise ShapeMismatch(f"groups name {len(groups.of)} instruments, scenarios have {scenarios.units.shape[1]}")
    tail = _tail(count, exact_confidence(confidence))
    total = len(exposures.units)
    blocks = [
        _block(scenarios, exposures.rows(start, start + PORTFOLIOS_A_BLOCK), groups, tail)
        for start in range(0, total, PORTFOLIOS_A_BLOCK)
    ]
    joined = zip(*blocks, strict=True)
    return CubeRisk(*(np.concatenate(parts) for parts in joined))


def _tail(scenarios: int, confidence: Fraction) -> FloatArray:
    """Weights of the worst scenarios in ES; the last of them is the scenario of the VaR, and may weigh nothing."""
    mass = scenarios * (1 - confidence)
    rank = scenarios - math.ceil(scenarios * confidence) + 1  # 1 is the worst
    weights = np.zeros(rank)
    whole = math.floor(mass)
    weights[:whole] = 1.0
    if whole < rank:
        weights[whole] = float(mass - whole)
    return weights / float(mass)


def _block(
    scenarios: Scenarios, exposures: Exposures, groups: Groups, tail: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, npt.NDArray[np.int64]]:
    # Imported here: processes that read risk and compute none need no compiler.
    from lakehouse.risk.tail_kernels import components, worst_scenarios

    pnl = scenario_pnl(scenarios, exposures)
    worst = worst_scenarios(pnl, len(tail))
    scale = -(exposures.unit * scenarios.unit)[:, None]
    at_quantile = np.zeros(len(tail))
    at_quantile[-1] = 1.0
    component_var, component_es = (
        components(exposures.units, scenarios.units, worst, weights, groups.of, len(groups.names)) * scale
        for weights in (at_quantile, tail)
    )
    var = 0.0 - pnl[np.arange(len(pnl)), worst[:, -1]]
    return var, component_es.sum(axis=1), component_var, component_es, worst
