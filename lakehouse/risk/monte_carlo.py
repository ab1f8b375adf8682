"""Seeded normal Monte-Carlo in blocks: the same bytes on one partition or many, one thread or many.

Two things make that hold by construction. Random numbers come from Philox, whose state is a counter: a block's numbers
are a function of (seed, stream, block) and the label of what they move. And the matrix product is exact: normals are
rounded to multiples of 2^-18 (below 2^22 units each) and an instrument's weights to a grid that keeps their sum below
2^31 units, so that every product and every partial sum is an integer below 2^53, which float64 holds exactly. No
rounding, hence no influence of the order of additions, that is of BLAS, its threads, its kernels or the shape of the
block. The grid costs less than 1e-6 of an instrument's volatility, a ten-thousandth of the sampling error of 10,000
scenarios.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import (
    FloatArray,
    InvalidParameter,
    ShapeMismatch,
    finite_matrix,
    require_count,
    require_history,
)
from lakehouse.risk.covariance import cholesky
from lakehouse.risk.linear import ordered_product
from lakehouse.risk.moments import check_ddof

BLOCK_ROWS = 4096
NORMAL_BITS = 18  # normals are multiples of 2^-18; |z| < 16 adds 4 bits: ziggurat draws of 53 bits end below 12.4
WEIGHT_BITS = 30  # weights of an instrument sum to at most 2^30 units before rounding, below 2^31 after it
CHOLESKY_SHARE = 2  # factorising costs more than it saves where instruments are more than half of the days
WORD = 1 << 64
LANES = 4  # of the counter a day of the horizon: normals, the copula's mixing variable, the days of paths, one spare


@dataclass(frozen=True, slots=True)
class Labels:
    """Names, as numbers below 2^64, of the `instruments` (N,) and the `days` (T,) of a history.

    Random numbers go by them and not by their place: tomorrow's run, whose window has lost its oldest day and gained a
    new one, and in which somebody holds one more instrument, draws the same numbers for what both have. What changes
    from one run to the next is then the market and what is held, and hardly the luck of the draw.
    """

    instruments: tuple[int, ...]
    days: tuple[int, ...]

    @classmethod
    def of(cls, symbols: Sequence[str], days: Sequence[date]) -> "Labels":
        """The labels of instruments by their symbols, of days by their dates."""
        hashed = (blake2b(symbol.encode(), digest_size=8).digest() for symbol in symbols)
        return cls(tuple(int.from_bytes(each) for each in hashed), tuple(day.toordinal() for day in days))

    def window(self, start: int, stop: int) -> "Labels":
        """The same instruments on the days of rows `start` to before `stop`."""
        return Labels(self.instruments, self.days[start:stop])

    @classmethod
    def given(cls, labels: "Labels | None", shape: tuple[int, int]) -> "Labels":
        """`labels`, or where there are none the places 0, 1, ... of a history (T, N). Raises ShapeMismatch."""
        days, names = shape
        if labels is None:
            return cls(tuple(range(names)), tuple(range(days)))
        if (len(labels.days), len(labels.instruments)) != shape:
            raise ShapeMismatch(f"{len(labels.days)} days and {len(labels.instruments)} instruments label {shape}")
        return labels


@dataclass(frozen=True, slots=True)
class Simulation:
    """What names a set of scenarios. Raises InvalidParameter for a seed outside 64 bits or counts below 1.

    Scenario i stands in row i % block_rows of block i // block_rows, so a longer simulation extends a shorter one and
    another `block_rows` makes other scenarios. `stream` gives one seed independent sets. `labels` name the history that
    models are fitted to; without them its places do.
    """

    seed: int
    scenarios: int
    stream: int = 0
    block_rows: int = BLOCK_ROWS
    labels: Labels | None = None

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

    `weights` (R, N) whole numbers of `unit` (N,), powers of two: R random numbers a scenario, which are named by
    `numbers` (R,); `drift` (N,) expected move over the horizon.
    """

    weights: FloatArray
    unit: FloatArray
    drift: FloatArray
    numbers: tuple[int, ...]


def fit_normal(
    returns: npt.ArrayLike, *, ddof: int = 1, horizon_days: int = 1, labels: Labels | None = None
) -> NormalModel:
    """Normal model of N instruments with the sample mean and covariance of simple `returns` (T, N), oldest first.

    horizon_days scales both by days (independent days). The order of the instruments decides which of two that move
    together follows the other: sort them. NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter,
    NotPositiveSemidefinite, InsufficientHistory below ddof + 1 days.
    """
    check_ddof(ddof)
    require_count("horizon_days", horizon_days)
    history = finite_matrix("returns", returns)
    require_history(len(history), ddof + 1, "a covariance")
    mean = np.ascontiguousarray(history.T).mean(axis=1)
    centred = (history - mean) / math.sqrt(len(history) - ddof)
    factor, numbers = shared_factor(centred, Labels.given(labels, history.shape))
    weights, unit = to_grid(factor * math.sqrt(horizon_days))
    return NormalModel(weights, unit, mean * horizon_days, numbers)


def shared_factor(centred: FloatArray, labels: Labels) -> tuple[FloatArray, tuple[int, ...]]:
    """(R, N) whose square is that of `centred` (T, N), and what names its R random numbers a scenario.

    Few instruments: a random number for each, in their order, so that one new day turns no scenario around. Many: a
    random number for each day, which leaves the covariance unmade; a new day then brings one new number and takes one
    away, and an instrument's moves hang on nothing beside it.
    """
    days, names = centred.shape
    if CHOLESKY_SHARE * names > days:
        return centred, labels.days
    return instrument_factor(ordered_product(np.ascontiguousarray(centred.T), centred), labels.instruments)


def instrument_factor(covariance: FloatArray, instruments: Sequence[int]) -> tuple[FloatArray, tuple[int, ...]]:
    """(R, N) whose square is `covariance` (N, N), and the instrument, by its label, of each of R random numbers.

    Raises ShapeMismatch unless there is a label for each, and as `cholesky` does.
    """
    if len(instruments) != len(covariance):
        raise ShapeMismatch(f"{len(instruments)} labels for {len(covariance)} instruments: give one for each")
    found = cholesky(covariance)
    return np.ascontiguousarray(found.loadings.T), tuple(instruments[pivot] for pivot in found.pivots)


def philox(*, seed: int, block: int, stream: int = 0, lane: int = 0, number: int = 0) -> np.random.Generator:
    """The generator of one block, a function of its arguments alone; `lane` separates kinds of numbers of one block and
    `number` names one of a kind.

    `block`, `lane` and `number` are the upper words of Philox's 256-bit counter: in the bottom word, blocks would be
    four numbers apart and hold nearly the same numbers. Raises InvalidParameter for an argument outside [0, 2^64).
    Source: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """
    given = {"seed": seed, "stream": stream, "block": block, "lane": lane, "number": number}
    for name, value in given.items():
        if not 0 <= value < WORD:
            raise InvalidParameter(f"{name} is {value}: must lie in [0, 2^64)")
    words = np.array([0, number, lane, block], dtype=np.uint64)
    key = np.array([seed, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=words, key=key))


def normal_block(simulation: Simulation, numbers: Sequence[int], *, block: int, rows: int, lane: int = 0) -> FloatArray:
    """Standard normals of one block as whole multiples of 2^-18: (rows, R), a column for each of `numbers`.

    A column is a function of seed, stream, block, lane and its own number alone; fewer `rows` give a prefix. Raises as
    `philox` does, whose numbers these are by NumPy's ziggurat; a test pins that stream.
    """
    draws = np.empty((len(numbers), rows))
    for place, number in enumerate(numbers):
        source = philox(seed=simulation.seed, stream=simulation.stream, block=block, lane=lane, number=number)
        source.standard_normal(out=draws[place])
    # Scaling by a power of two is exact: only rint rounds.
    draws *= 2.0**NORMAL_BITS
    np.rint(draws, out=draws)
    draws *= 2.0**-NORMAL_BITS
    return draws.T


def moves_block(model: NormalModel, simulation: Simulation, *, block: int, rows: int) -> FloatArray:
    """Moves of the instruments in the scenarios of one block: (rows, N). What a worker calls once a block."""
    normals = normal_block(simulation, model.numbers, block=block, rows=rows)
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
