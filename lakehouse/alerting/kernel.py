"""The compiled loops that judge rules, tick by tick. Importing this module loads numba.

Every tick of a batch is judged after what the ticks before it did, and state is carried from batch to batch: how ticks
are cut into batches cannot matter.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numba
import numpy as np

from lakehouse.alerting.book import LARGEST, QUANTA, UNKNOWN
from lakehouse.alerting.columns import CODES, NEVER, Found, Positions, Table, Totals
from lakehouse.alerting.rules import Kind
from lakehouse.risk.checks import BoolArray, FloatArray, IntArray

_compile = numba.njit(cache=True, nogil=True)

_STOP_LOSS: Final = CODES[Kind.STOP_LOSS]
_TAKE_PROFIT: Final = CODES[Kind.TAKE_PROFIT]
_TRAILING: Final = CODES[Kind.TRAILING_STOP]
_ABOVE: Final = CODES[Kind.PRICE_ABOVE]
_DRAWDOWN: Final = CODES[Kind.DRAWDOWN]
_DAILY_LOSS: Final = CODES[Kind.DAILY_LOSS]
_GROSS: Final = CODES[Kind.GROSS_EXPOSURE]
_CONCENTRATION: Final = CODES[Kind.CONCENTRATION]
_VAR_BATCH: Final = CODES[Kind.VAR_BATCH]
_CROSSED: Final = CODES[Kind.CROSSED_QUOTE]
_STALE: Final = CODES[Kind.STALE_QUOTE]


class Rows(NamedTuple):
    """A batch as the market followed it: (T,) each, as in marks.Followed."""

    symbol: IntArray
    at_us: IntArray
    counted: BoolArray
    mark: FloatArray
    crossed: BoolArray


class Board(NamedTuple):
    """All that a tick is judged by, and moves. `seen_us` (N,) is the last event time of each symbol; `time` holds the
    newest event time of all, that of the next beat, and that of the first tick."""

    prices: Table
    quotes: Table
    portfolios: Table
    positions: Positions
    totals: Totals
    seen_us: IntArray
    time: IntArray


def _fires_at(table: Table, rule: int, at: int, above: bool, value: float, bound: float) -> bool:
    """Move one rule by one value; whether it fires. NaN moves nothing."""
    if table.paused[rule]:
        return False
    if table.fired[rule]:
        slack = table.hysteresis[rule] * abs(bound)
        is_back = value < bound - slack if above else value > bound + slack
        if is_back and not table.once[rule]:
            table.fired[rule] = False
            table.best[rule] = value
        return False
    is_beyond = value >= bound if above else value <= bound
    if not is_beyond or at < table.ready_us[rule]:
        return False
    table.fired[rule] = True
    table.ready_us[rule] = at + table.cool_down_us[rule]
    table.crossings[rule] += 1
    return True


_fires: Callable[[Table, int, int, bool, float, float], bool] = _compile(_fires_at)


def _noted(found: Found, rule: int, sequence: int, row: int, at: int, value: float, bound: float) -> None:
    place = found.size[0]
    found.rule[place], found.sequence[place] = rule, sequence
    found.row[place], found.at_us[place] = row, at
    found.value[place], found.bound[place] = value, bound
    found.size[0] = place + 1


_note: Callable[[Found, int, int, int, int, float, float], None] = _compile(_noted)


def _trailed(table: Table, rule: int, mark: float, long: bool) -> float:
    """The stop of a trailing rule after `mark`. A rule that fired keeps the stop at which it did."""
    best = table.best[rule]
    follows = not table.fired[rule] and not table.paused[rule]
    if follows and (math.isnan(best) or (mark > best if long else mark < best)):
        best = table.best[rule] = mark
    share = table.limit[rule] if long else -table.limit[rule]
    return float(best * (1.0 - share))


_trail: Callable[[Table, int, float, bool], float] = _compile(_trailed)


def _judged_price(board: Board, found: Found, row: int, at: int, symbol: int, mark: float) -> None:
    table = board.prices
    for rule in range(table.first[symbol], table.first[symbol + 1]):
        kind, position = table.kind[rule], table.position[rule]
        bound, above = table.limit[rule], kind == _ABOVE
        if kind in (_STOP_LOSS, _TAKE_PROFIT, _TRAILING):
            units = board.positions.units[position] if position >= 0 else 0.0
            if units == 0.0:
                continue
            above = (units > 0.0) == (kind == _TAKE_PROFIT)
            if kind == _TRAILING:
                bound = _trail(table, rule, mark, units > 0.0)
        if _fires(table, rule, at, above, mark, bound):
            _note(found, rule, table.crossings[rule], row, at, mark, bound)


_judge_price: Callable[[Board, Found, int, int, int, float], None] = _compile(_judged_price)


def _judged_quote(board: Board, found: Found, row: int, at: int, symbol: int, crossed: bool) -> None:
    """A tick against the rules of its symbol's quote: it has no age."""
    table, offset = board.quotes, len(board.prices.kind)
    for rule in range(table.first[symbol], table.first[symbol + 1]):
        is_crossed = table.kind[rule] == _CROSSED
        value = (1.0 if crossed else 0.0) if is_crossed else 0.0
        bound = 1.0 if is_crossed else table.limit[rule]
        if _fires(table, rule, at, True, value, bound):
            _note(found, offset + rule, table.crossings[rule], row, at, value, bound)


_judge_quote: Callable[[Board, Found, int, int, int, bool], None] = _compile(_judged_quote)


def _valued(positions: Positions, place: int, mark: float) -> int:
    """As lakehouse.alerting.book.values has it, operation by operation."""
    units = positions.units[place]
    exact = units * mark * positions.rates[positions.rate[place]] * QUANTA
    if abs(exact) < LARGEST:
        return int(np.rint(exact))
    return 0 if units == 0.0 else UNKNOWN


_value: Callable[[Positions, int, float], int] = _compile(_valued)


def _largest(positions: Positions, totals: Totals, owner: int) -> None:
    """Look for the largest position of a portfolio anew."""
    totals.top[owner], totals.holder[owner] = 0, -1
    for entry in range(positions.member_first[owner], positions.member_first[owner + 1]):
        place = positions.member[entry]
        value = positions.value[place]
        if value != UNKNOWN and abs(value) >= totals.top[owner]:
            totals.top[owner], totals.holder[owner] = abs(value), place


_find_largest: Callable[[Positions, Totals, int], None] = _compile(_largest)


def _revalued(positions: Positions, totals: Totals, place: int, mark: float) -> None:
    old, new, owner = positions.value[place], _value(positions, place, mark), positions.portfolio[place]
    if new == old:
        return
    positions.value[place] = new
    if old == UNKNOWN:
        totals.missing[owner] -= 1
        old = 0
    if new == UNKNOWN:
        totals.missing[owner] += 1
        new = 0
    totals.net[owner] += new - old
    totals.gross[owner] += abs(new) - abs(old)
    if abs(new) >= totals.top[owner]:
        totals.top[owner], totals.holder[owner] = abs(new), place
    elif totals.holder[owner] == place:
        _find_largest(positions, totals, owner)


_revalue: Callable[[Positions, Totals, int, float], None] = _compile(_revalued)


def _measured(totals: Totals, owner: int, kind: int, equity: int) -> tuple[float, float]:
    """A rule's value and what its limit is a share of, in quanta; NaN where it is not known."""
    if kind == _DRAWDOWN:
        return float(totals.peak[owner] - equity), float(totals.peak[owner])
    if kind == _DAILY_LOSS:
        opening = totals.opening[owner]
        return (math.nan, math.nan) if opening == NEVER else (float(opening - equity), float(opening))
    if kind == _GROSS:
        return float(totals.gross[owner]), float(equity)
    if kind == _CONCENTRATION:
        return float(totals.top[owner]), float(equity)
    return totals.batch[owner] if kind == _VAR_BATCH else totals.live[owner], float(equity)


_measure: Callable[[Totals, int, int, int], tuple[float, float]] = _compile(_measured)


def _judged_portfolio(board: Board, found: Found, row: int, at: int, owner: int) -> None:
    totals, table = board.totals, board.portfolios
    if totals.missing[owner] > 0:
        return
    equity = totals.cash[owner] + totals.net[owner]
    if equity > totals.peak[owner]:
        totals.peak[owner] = equity
    offset = len(board.prices.kind) + len(board.quotes.kind)
    for rule in range(table.first[owner], table.first[owner + 1]):
        value, of = _measure(totals, owner, table.kind[rule], equity)
        bound = table.limit[rule] * (QUANTA if table.is_amount[rule] else of)
        if _fires(table, rule, at, True, value, bound):
            _note(found, offset + rule, table.crossings[rule], row, at, value / QUANTA, bound / QUANTA)


_judge_portfolio: Callable[[Board, Found, int, int, int], None] = _compile(_judged_portfolio)


def _judged_tick(board: Board, found: Found, row: int, rows: Rows) -> None:
    symbol, at, mark = rows.symbol[row], rows.at_us[row], rows.mark[row]
    positions = board.positions
    board.time[0] = max(board.time[0], at)
    board.seen_us[symbol] = at
    _judge_quote(board, found, row, at, symbol, rows.crossed[row])
    if math.isnan(mark):
        return
    _judge_price(board, found, row, at, symbol, mark)
    for place in range(positions.first[symbol], positions.first[symbol + 1]):
        _revalue(positions, board.totals, place, mark)
        _judge_portfolio(board, found, row, board.time[0], positions.portfolio[place])


_judge_tick: Callable[[Board, Found, int, Rows], None] = _compile(_judged_tick)


def _played(board: Board, found: Found, rows: Rows, first: int, room: int) -> int:
    """Judge the rows from `first` on; the row before which it stopped, for a beat or because fewer than `room`
    crossings fit, or how many rows there are."""
    for row in range(first, len(rows.symbol)):
        if not rows.counted[row]:
            continue
        if rows.at_us[row] >= board.time[1] or len(found.rule) - found.size[0] < room:
            return row
        _judge_tick(board, found, row, rows)
    return len(rows.symbol)


play: Callable[[Board, Found, Rows, int, int], int] = _compile(_played)


def _aged(board: Board, found: Found, row: int, at: int) -> None:
    """The stale quotes at `at`: seconds since the symbol's last tick, or since the first of all."""
    table, offset = board.quotes, len(board.prices.kind)
    for symbol in range(len(board.seen_us)):
        age = (at - max(board.seen_us[symbol], board.time[2])) / 1e6
        for rule in range(table.first[symbol], table.first[symbol + 1]):
            if table.kind[rule] == _STALE and _fires(table, rule, at, True, age, table.limit[rule]):
                _note(found, offset + rule, table.crossings[rule], row, at, age, table.limit[rule])


judge_ages: Callable[[Board, Found, int, int], None] = _compile(_aged)


def _swung(positions: Positions, moves: FloatArray, owners: IntArray) -> FloatArray:
    """P&L (S, P) in quanta of the portfolios `owners` under `moves` (N, S) of the symbols, position by position in a
    fixed order."""
    pnl = np.zeros((len(owners), moves.shape[1]))
    for place in range(len(owners)):
        owner = owners[place]
        for entry in range(positions.member_first[owner], positions.member_first[owner + 1]):
            position = positions.member[entry]
            if positions.value[position] != 0:  # what is not held needs no scenario
                pnl[place] += positions.value[position] * moves[positions.symbol[position]]
    return pnl.T


swing: Callable[[Positions, FloatArray, IntArray], FloatArray] = _compile(_swung)
