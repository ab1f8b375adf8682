"""Seeded normal Monte-Carlo in blocks: the same bytes on one partition or many, one thread or many.

Two things make that hold by construction. Random numbers come from Philox, whose state is a counter: a block's numbers
are a function of (seed, stream, block) alone. And the matrix product is exact: normals are rounded to multiples of
2^-18 (below 2^22 units each) and an instrument's weights to a grid that keeps their sum below 2^31 units, so that every
product and every partial sum is an integer below 2^53, which float64 holds exactly. No rounding, hence no influence of
the order of additions, that is of BLAS, its threads, its kernels or the shape of the block. The grid costs less than
1e-6 of an instrument's volatility, a ten-thousandth of the sampling error of 10,000 scenarios.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, InvalidParameter, finite_matrix, require_count, require_history
from lakehouse.risk.covariance import pivoted_cholesky, sample_covariance
from lakehouse.risk.moments import check_ddof

BLOCK_ROWS = 4096
NORMAL_BITS = 18  # normals are multiples of 2^-18; |z| < 16 adds 4 bits: ziggurat draws of 53 bits end below 12.4
WEIGHT_BITS = 30  # weights of an instrument sum to at most 2^30 units before rounding, below 2^31 after it
CHOLESKY_SHARE = 2  # factorising costs more than it saves where instruments are more than half of the days
WORD = 1 << 64


@dataclass(frozen=True, slots=True)
class Simulation:
    """What names a set of scenarios. Raises InvalidParameter for a seed outside 64 bits or counts below 1.

    Scenario i stands in row i % block_rows of block i // block_rows, so a longer simulation extends a shorter one and
    another `block_rows` makes other scenarios. `stream` gives one seed independent sets, one a forecast date.
    """

    seed: int
    scenarios: int
    stream: int = 0
    block_rows: int = BLOCK_ROWS

    def __post_init__(self) -> None:
        for name, value in (("seed", self.seed), ("stream", self.stream)):
            if not 0 <= value < WORD:
                raise InvalidParameter(f"{name} is {value}: must lie in [0, 2^64)")
        require_count("scenarios", self.scenarios)
        require_count("block_rows", self.block_rows)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """(block, rows) in order; the last block may be shorter."""
        for block in range(-(-self.scenarios // self.block_rows)):
            yield block, min(self.block_rows, self.scenarios - block * self.block_rows)


@dataclass(frozen=True, slots=True)
class NormalModel:
    """N instruments under jointly normal returns, small enough to send to every worker.

    `weights` (R, N) whole numbers of `unit` (N,), powers of two: R random numbers a scenario; `drift` (N,) expected
    move over the horizon.
    """

    weights: FloatArray
    unit: FloatArray
    drift: FloatArray


def fit_normal(returns: npt.ArrayLike, *, ddof: int = 1, horizon_days: int = 1) -> NormalModel:
    """Normal model of N instruments with the sample mean and covariance of simple `returns` (T, N), oldest first.

    horizon_days scales both by days (independent days). The order of the instruments decides which random number each
    one meets: sort them. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter,
    NotPositiveSemidefinite, InsufficientHistory below ddof + 1 days.
    """
    check_ddof(ddof)
    require_count("horizon_days", horizon_days)
    history = finite_matrix("returns", returns)
    require_history(len(history), ddof + 1, "a covariance")
    mean = np.ascontiguousarray(history.T).mean(axis=1)
    weights, unit = to_grid(_factor(history, mean, ddof) * math.sqrt(horizon_days))
    return NormalModel(weights, unit, mean * horizon_days)


def _factor(history: FloatArray, mean: FloatArray, ddof: int) -> FloatArray:
    """(R, N) with factor' factor = the sample covariance, R random numbers a scenario."""
    days, names = history.shape
    if CHOLESKY_SHARE * names <= days:
        return np.ascontiguousarray(pivoted_cholesky(sample_covariance(history, ddof=ddof)).T)
    centred: FloatArray = (history - mean) / math.sqrt(days - ddof)
    return centred


def philox(*, seed: int, block: int, stream: int = 0, lane: int = 0) -> np.random.Generator:
    """The generator of one block, a function of its arguments alone; `lane` separates kinds of numbers of one block.

    `block` is the top word of Philox's 256-bit counter and `lane` the next: in the bottom word, blocks would be four
    numbers apart and hold nearly the same numbers. Raises InvalidParameter for an argument outside [0, 2^64).
    Source: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """
    for name, value in (("seed", seed), ("stream", stream), ("block", block), ("lane", lane)):
        if not 0 <= value < WORD:
            raise InvalidParameter(f"{name} is {value}: must lie in [0, 2^64)")
    words = np.array([0, 0, lane, block], dtype=np.uint64)
    key = np.array([seed, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=words, key=key))


def normal_block(*, seed: int, block: int, rows: int, cols: int, stream: int = 0, lane: int = 0) -> FloatArray:
    """Standard normals of one block as whole multiples of 2^-18: (rows, cols), filled row by row.

    A function of its arguments alone; fewer `rows` give a prefix. Raises as `philox` does, whose numbers these are by
    NumPy's ziggurat; a test pins that stream.
    """
    draws = philox(seed=seed, block=block, stream=stream, lane=lane).standard_normal((rows, cols))
    # Scaling by a power of two is exact: only rint rounds.
    draws *= 2.0**NORMAL_BITS
    np.rint(draws, out=draws)
    draws *= 2.0**-NORMAL_BITS
    return draws


def moves_block(model: NormalModel, simulation: Simulation, *, block: int, rows: int) -> FloatArray:
    """Moves of the instruments in the scenarios of one block: (rows, N). What a worker calls once a block."""
    normals = normal_block(
        seed=simulation.seed, stream=simulation.stream, block=block, rows=rows, cols=len(model.weights)
    )
    moves: FloatArray = normals @ model.weights
    moves *= model.unit
    moves += model.drift
    return moves


def simulate_moves(model: NormalModel, simulation: Simulation) -> FloatArray:
    """Moves of every scenario in order: (scenarios, N); the single-process reference of the blocks."""
    moves = np.empty((simulation.scenarios, len(model.unit)))
    for block, rows in simulation.blocks():
        start = block * simulation.block_rows
        moves[start : start + rows] = moves_block(model, simulation, block=block, rows=rows)
    return moves


def to_grid(factor: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`factor` (R, P) as whole numbers below 2^31 in sum, and the power of two (P,) that each column counts in."""
    gross = np.abs(np.ascontiguousarray(factor.T)).sum(axis=1)
    exponent = np.frexp(np.maximum(gross, np.finfo(np.float64).tiny * 2.0**WEIGHT_BITS))[1]
    unit = np.ldexp(1.0, exponent - WEIGHT_BITS)
    return np.rint(factor / unit), unit
