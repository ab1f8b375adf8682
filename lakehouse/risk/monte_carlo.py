"""Seeded normal Monte-Carlo in blocks: the same bytes on one partition or many, one thread or many.

Two things make that hold by construction. Random numbers come from Philox, whose state is a counter: a block's numbers
are a function of (seed, stream, block) alone. And the matrix product is exact: normals are rounded to multiples of
2^-18 (below 2^22 units each) and a portfolio's weights to a grid that keeps their sum below 2^31 units, so that every
product and every partial sum is an integer below 2^53, which float64 holds exactly. No rounding, hence no influence of
the order of additions, that is of BLAS, its threads, its kernels or the shape of the block. The grid costs less than
1e-6 of a portfolio's volatility, a ten-thousandth of the sampling error of 10,000 scenarios.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    FloatArray,
    InvalidParameter,
    finite_matrix,
    require_count,
)
from lakehouse.risk.covariance import pivoted_cholesky, sample_covariance
from lakehouse.risk.linear import loss_rows, ordered_product, portfolio_pnl

BLOCK_ROWS = 4096
NORMAL_BITS = 18  # normals are multiples of 2^-18; |z| < 16 adds 4 bits: ziggurat draws of 53 bits end below 12.4
WEIGHT_BITS = 30  # weights of a portfolio sum to at most 2^30 units before rounding, below 2^31 after it
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
    """P portfolios under jointly normal returns, small enough to send to every worker.

    `weights` (R, P) whole numbers of `unit` (P,), a power of two in base currency; `drift` (P,) expected P&L over
    the horizon; `observations` daily returns behind it, `ddof` and `horizon_days` as fitted.
    """

    weights: FloatArray
    unit: FloatArray
    drift: FloatArray
    observations: int
    ddof: int
    horizon_days: int


def fit_normal(
    returns: npt.ArrayLike, exposures: npt.ArrayLike, *, ddof: int = 1, horizon_days: int = 1
) -> NormalModel:
    """Normal model of P portfolios from the sample mean and covariance of simple returns.

    returns (T, N) daily, oldest first; exposures (N, P) base currency. horizon_days scales the mean by days and the
    covariance by days (independent days). The result for a portfolio does not depend on the others beside it, but the
    order of the instruments does matter: it decides which random number each one meets. Sort them.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory,
    NotPositiveSemidefinite.
    """
    require_count("horizon_days", horizon_days)
    pnl = portfolio_pnl(returns, exposures)
    loadings = pivoted_cholesky(sample_covariance(returns, ddof=ddof))
    held = finite_matrix("exposures", exposures)
    factor = ordered_product(np.ascontiguousarray(loadings.T), held) * math.sqrt(horizon_days)
    weights, unit = to_grid(factor)
    drift = -loss_rows(pnl).mean(axis=1) * horizon_days
    return NormalModel(weights, unit, drift, observations=len(pnl), ddof=ddof, horizon_days=horizon_days)


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


def pnl_block(model: NormalModel, simulation: Simulation, *, block: int, rows: int) -> FloatArray:
    """P&L of the scenarios of one block: (rows, P), base currency. What a worker calls once a block."""
    normals = normal_block(
        seed=simulation.seed, stream=simulation.stream, block=block, rows=rows, cols=len(model.weights)
    )
    pnl: FloatArray = normals @ model.weights
    pnl *= model.unit
    pnl += model.drift
    return pnl


def simulate_pnl(model: NormalModel, simulation: Simulation) -> FloatArray:
    """P&L of every scenario in order: (scenarios, P), base currency; the single-process reference of the blocks."""
    pnl = np.empty((simulation.scenarios, len(model.unit)))
    for block, rows in simulation.blocks():
        start = block * simulation.block_rows
        pnl[start : start + rows] = pnl_block(model, simulation, block=block, rows=rows)
    return pnl


def to_grid(factor: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`factor` (R, P) as whole numbers below 2^31 in sum, and the power of two (P,) that each column counts in."""
    gross = np.abs(np.ascontiguousarray(factor.T)).sum(axis=1)
    exponent = np.frexp(np.maximum(gross, np.finfo(np.float64).tiny * 2.0**WEIGHT_BITS))[1]
    unit = np.ldexp(1.0, exponent - WEIGHT_BITS)
    return np.rint(factor / unit), unit
