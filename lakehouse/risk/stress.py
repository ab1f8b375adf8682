"""Stress tests: what holdings would lose in a window of history, and under shocks made up."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray, InvalidParameter, RiskError, ShapeMismatch, finite_matrix
from lakehouse.risk.linear import ordered_product, portfolio_pnl
from lakehouse.risk.returns import DateArray, simple_returns
from lakehouse.risk.scenarios import Hypothetical, Shock, Target, Window

MAX_GAP_DAYS = 7  # a close may stand for the days after it over a long weekend, not for longer
SINGULAR = 1e-12


class WindowNotCovered(RiskError):
    """A window lies outside the history at hand. Carries its `name` and the `available` first and last day."""

    def __init__(self, window: Window, available: tuple[str, str]) -> None:
        self.name, self.available = window.name, available
        super().__init__(
            f"window {window.name} ({window.first} to {window.last}) is not in the prices, which are from "
            f"{available[0]} to {available[1]}: leave it out or supply the history; it is not a loss of 0"
        )


class UnknownTarget(RiskError):
    """A shock names what the universe does not have. Carries the `shock`."""

    def __init__(self, scenario: str, shock: Shock) -> None:
        self.shock = shock
        super().__init__(f"scenario {scenario}: there is no {shock.target} {shock.key!r} among the instruments")


@dataclass(frozen=True, slots=True)
class WindowMoves:
    """How N instruments moved in a window: `first` and `last` the closes used, `days` (D,) after the first,
    `path` (D, N) returns since the first close; the last row is the move of the whole window."""

    name: str
    first: date
    last: date
    days: DateArray
    path: FloatArray


@dataclass(frozen=True, slots=True)
class HistoricalStress:
    """A window's effect on P portfolios held unchanged: `pnl` (P,) at its end; `worst_pnl` (P,) at the lowest close
    on the way, at most 0; `worst_on` (P,) that day. Base currency, negative for a loss."""

    name: str
    first: date
    last: date
    pnl: FloatArray
    worst_pnl: FloatArray
    worst_on: DateArray


@dataclass(frozen=True, slots=True)
class Universe:
    """The N instruments that shocks are applied to, in the order of the exposures.

    `sectors` of each, empty where unknown; `known_sectors` exist whether or not an instrument is of them, so that a
    shock of one reaches nothing rather than being a mistake. `betas` (N, K) to the K `factors`: how an instrument moves
    for a move of 1.00 of a factor. Raises ShapeMismatch where lengths differ.
    """

    symbols: tuple[str, ...]
    sectors: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    betas: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    known_sectors: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.sectors and len(self.sectors) != len(self.symbols):
            raise ShapeMismatch(f"{len(self.sectors)} sectors of {len(self.symbols)} symbols: give each its own")
        if self.factors and self.betas.shape != (len(self.symbols), len(self.factors)):
            raise ShapeMismatch(f"betas {self.betas.shape} are not {len(self.symbols)} x {len(self.factors)}")


def window_moves(window: Window, *, dates: npt.ArrayLike, prices: npt.ArrayLike) -> WindowMoves:
    """How instruments, or factors, moved in a window.

    dates (T,) ascending days; prices (T, N) adjusted closes, all present (see `returns.align`). The base is the last
    close on or before the window's first day, the end the last on or before its last; each at most MAX_GAP_DAYS old.
    NaN policy: refused. Raises WindowNotCovered, NonFinite, ShapeMismatch, InvalidPrice, InvalidParameter.
    """
    calendar = np.asarray(dates, dtype="datetime64[D]")
    matrix = finite_matrix("prices", prices)
    if calendar.shape != matrix.shape[:1] or not len(calendar):
        raise ShapeMismatch(f"dates {calendar.shape} and prices {matrix.shape}: give one row of prices for each day")
    if (np.diff(calendar) <= np.timedelta64(0, "D")).any():
        raise InvalidParameter("dates must ascend, each day once")
    base, end = (_close_on(calendar, day, window) for day in (window.first, window.last))
    if end <= base:
        raise WindowNotCovered(window, (str(calendar[0]), str(calendar[-1])))
    simple_returns(matrix[base : end + 1])  # refuses prices that are not positive
    path = matrix[base + 1 : end + 1] / matrix[base] - 1.0
    return WindowMoves(window.name, calendar[base].item(), calendar[end].item(), calendar[base + 1 : end + 1], path)


def historical_stress(
    window: Window, *, dates: npt.ArrayLike, prices: npt.ArrayLike, exposures: npt.ArrayLike
) -> HistoricalStress:
    """What a window of history would do to today's holdings, bought and held through it.

    exposures (N, P) value held, base currency, negative for a short. Instruments without that history: replace their
    prices by their factors' and their exposures by `betas.T @ exposures`. Raises as `window_moves` and ShapeMismatch.
    """
    moves = window_moves(window, dates=dates, prices=prices)
    pnl = portfolio_pnl(moves.path, exposures)
    lowest = np.argmin(pnl, axis=0)
    worst = np.minimum(pnl[lowest, np.arange(pnl.shape[1])], 0.0)
    return HistoricalStress(
        name=moves.name,
        first=moves.first,
        last=moves.last,
        pnl=pnl[-1],
        worst_pnl=worst,
        worst_on=np.where(worst < 0.0, moves.days[lowest], np.datetime64(moves.first, "D")),
    )


def through_betas(betas: npt.ArrayLike, factor_moves: npt.ArrayLike) -> FloatArray:
    """Moves of N instruments from those of K factors: (S, K) -> (S, N), never below a total loss of -1.

    NaN policy: refused. Raises NonFinite, ShapeMismatch.
    """
    loadings, moves = finite_matrix("betas", betas), finite_matrix("factor_moves", factor_moves)
    if loadings.shape[1] != moves.shape[1]:
        raise ShapeMismatch(f"betas to {loadings.shape[1]} factors, moves of {moves.shape[1]}")
    reached: FloatArray = np.maximum(ordered_product(moves, np.ascontiguousarray(loadings.T)), -1.0)
    return reached


def hypothetical_moves(
    scenario: Hypothetical, universe: Universe, *, covariance: npt.ArrayLike | None = None
) -> FloatArray:
    """Moves of the N instruments under shocks made up: (N,); 0 for what no shock names or reaches. Who wins: Target.

    With the factors' `covariance` (K, K) the factors without a shock move as they are expected to, given the others
    (`expected_moves`); without it they stay. Raises UnknownTarget, ShapeMismatch, NonFinite, InvalidParameter.
    """
    given = {target: _by_key(scenario, target) for target in Target}
    _refuse_unknown(scenario, universe)
    moves = np.zeros(len(universe.symbols))
    if given[Target.FACTOR]:
        factors = _factor_moves(given[Target.FACTOR], universe, covariance)
        moves = through_betas(universe.betas, factors[None, :])[0]
    if given[Target.ALL]:
        moves[:] = given[Target.ALL][""]
    for place, symbol in enumerate(universe.symbols):
        sector = universe.sectors[place] if universe.sectors else ""
        for target, key in ((Target.SECTOR, sector), (Target.SYMBOL, symbol)):
            moves[place] = given[target].get(key, moves[place])
    return moves


def expected_moves(covariance: npt.ArrayLike, *, shocked: Mapping[int, float]) -> FloatArray:
    """All K factors' moves when some are given: the others at their expectation under joint normality, (K,).

    covariance (K, K); `shocked`: row of a factor -> its move. Source: Kupiec (1998), "Stress testing in a value at
    risk framework", Journal of Derivatives 6. Raises NonFinite, ShapeMismatch, InvalidParameter where the shocked
    factors are no independent ones (their covariance is singular) or a row does not exist.
    """
    matrix = finite_matrix("covariance", covariance)
    if matrix.shape[0] != matrix.shape[1]:
        raise ShapeMismatch(f"covariance {matrix.shape} is not square")
    rows = sorted(shocked)
    if not rows or rows[0] < 0 or rows[-1] >= len(matrix):
        raise InvalidParameter(f"shocked factors {rows}: name some of the rows 0 to {len(matrix) - 1}")
    moves = np.array([shocked[row] for row in rows], dtype=np.float64)
    inner = matrix[np.ix_(rows, rows)]
    spread = np.sqrt(np.abs(np.diag(inner)))
    if (spread == 0).any() or np.linalg.cond(inner / np.outer(spread, spread)) > 1.0 / SINGULAR:
        raise InvalidParameter(f"factors {rows} move together or not at all: shock fewer of them")
    expected: FloatArray = matrix[:, rows] @ np.linalg.solve(inner, moves)
    expected[rows] = moves
    return expected


def stress_pnl(moves: npt.ArrayLike, exposures: npt.ArrayLike) -> FloatArray:
    """P&L of P portfolios under K sets of moves: (K, N) and (N, P) -> (K, P), base currency, negative for a loss."""
    return portfolio_pnl(moves, exposures)


def _close_on(calendar: DateArray, day: date, window: Window) -> int:
    place = int(np.searchsorted(calendar, np.datetime64(day, "D"), side="right")) - 1
    if place < 0 or calendar[place].item() < day - timedelta(days=MAX_GAP_DAYS):
        raise WindowNotCovered(window, (str(calendar[0]), str(calendar[-1])))
    return place


def _by_key(scenario: Hypothetical, target: Target) -> dict[str, float]:
    return {shock.key: shock.move for shock in scenario.shocks if shock.target is target}


def _refuse_unknown(scenario: Hypothetical, universe: Universe) -> None:
    known: dict[Target, Collection[str]] = {
        Target.ALL: ("",),
        Target.SECTOR: {*universe.sectors, *universe.known_sectors},
        Target.SYMBOL: universe.symbols,
        Target.FACTOR: universe.factors,
    }
    for shock in scenario.shocks:
        if shock.key not in known[shock.target]:
            raise UnknownTarget(scenario.name, shock)


def _factor_moves(given: dict[str, float], universe: Universe, covariance: npt.ArrayLike | None) -> FloatArray:
    shocked = {universe.factors.index(key): move for key, move in given.items()}
    if covariance is not None:
        expected = expected_moves(covariance, shocked=shocked)
        if len(expected) != len(universe.factors):
            raise ShapeMismatch(f"covariance of {len(expected)} factors, the universe has {len(universe.factors)}")
        return expected
    moves = np.zeros(len(universe.factors))
    for row, move in shocked.items():
        moves[row] = move
    return moves
