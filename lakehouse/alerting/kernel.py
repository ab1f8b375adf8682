"""The compiled loops that judge rules, tick by tick. Importing this module loads numba.

Every tick of a batch is judged after what the ticks before it did, and state is carried from batch to batch: how ticks
are cut into batches cannot matter.

Rules of a portfolio that is far from breaking any are not looked at: its `slack` is what its positions may move before
one can be broken, found when all are judged, and used up by every move. Whoever changes anything else that they are
judged by, or a rule, takes it away.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numba
import numpy as np

from lakehouse.alerting.book import LARGEST, QUANTA, UNKNOWN
from lakehouse.alerting.columns import CODES, NEVER, Positions, Records, Table
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

_FAR: Final = 2.0**62
_ROUNDING: Final = 1e-12
"""Of a value and its bound: far more than a few roundings of a float come to."""


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
    totals: Records
    seen_us: IntArray
    time: IntArray


class Cause(NamedTuple):
    """What is judged: the row of a batch, -1 for time alone, and its event time."""

    row: int
    at_us: int


def _fires_at(rule: np.void, at: int, above: bool, value: float, bound: float) -> bool:
    """Move one rule by one value; whether it fires. NaN moves nothing."""
    if rule["paused"]:
        return False
    if rule["fired"]:
        slack = rule["hysteresis"] * abs(bound)
        is_back = value < bound - slack if above else value > bound + slack
        if is_back and not rule["once"]:
            rule["fired"] = False
            rule["best"] = value
        return False
    is_beyond = value >= bound if above else value <= bound
    if not is_beyond or at < rule["ready_us"]:
        return False
    rule["fired"] = True
    rule["ready_us"] = at + rule["cool_down_us"]
    rule["crossings"] += 1
    return True


_fires: Callable[[np.void, int, bool, float, float], bool] = _compile(_fires_at)


def _noted(found: Records, rule: np.void, cause: Cause, value: float, bound: float) -> None:
    place = found[0]["row"] + 1
    crossing = found[place]
    crossing["rule"], crossing["sequence"] = rule["place"], rule["crossings"]
    crossing["row"], crossing["at_us"] = cause.row, cause.at_us
    crossing["value"], crossing["bound"] = value, bound
    found[0]["row"] = place


_note: Callable[[Records, np.void, Cause, float, float], None] = _compile(_noted)


def _trailed(rule: np.void, mark: float, long: bool) -> float:
    """The stop of a trailing rule after `mark`. A rule that fired keeps the stop at which it did."""
    best = rule["best"]
    follows = not rule["fired"] and not rule["paused"]
    if follows and (math.isnan(best) or (mark > best if long else mark < best)):
        best = rule["best"] = mark
    share = rule["limit"] if long else -rule["limit"]
    return float(best * (1.0 - share))


_trail: Callable[[np.void, float, bool], float] = _compile(_trailed)


def _judged_price(rules: Records, held: Records, found: Records, cause: Cause, mark: float) -> None:
    for place in range(len(rules)):
        rule = rules[place]
        kind, position = rule["kind"], rule["position"]
        bound, above = rule["limit"], kind == _ABOVE
        if kind in (_STOP_LOSS, _TAKE_PROFIT, _TRAILING):
            units = held[position]["units"] if position >= 0 else 0.0
            if units == 0.0:
                continue
            above = (units > 0.0) == (kind == _TAKE_PROFIT)
            if kind == _TRAILING:
                bound = _trail(rule, mark, units > 0.0)
        if _fires(rule, cause.at_us, above, mark, bound):
            _note(found, rule, cause, mark, bound)


_judge_price: Callable[[Records, Records, Records, Cause, float], None] = _compile(_judged_price)


def _judged_quote(rules: Records, found: Records, cause: Cause, crossed: bool) -> None:
    """A tick against the rules of its symbol's quote: it has no age."""
    for place in range(len(rules)):
        rule = rules[place]
        is_crossed = rule["kind"] == _CROSSED
        value = 1.0 if is_crossed and crossed else 0.0
        bound = 1.0 if is_crossed else rule["limit"]
        if _fires(rule, cause.at_us, True, value, bound):
            _note(found, rule, cause, value, bound)


_judge_quote: Callable[[Records, Records, Cause, bool], None] = _compile(_judged_quote)


def _valued(units: float, mark: float, rate: float) -> int:
    """As lakehouse.alerting.book.values has it, operation by operation."""
    exact = units * mark * rate * QUANTA
    if abs(exact) < LARGEST:
        return int(np.rint(exact))
    return 0 if units == 0.0 else UNKNOWN


_value: Callable[[float, float, float], int] = _compile(_valued)


def _largest(held: Records, member: IntArray, first: int, end: int, total: np.void) -> None:
    """Look for the largest position of a portfolio, `member` from `first` to before `end`, anew."""
    total["top"], total["holder"] = 0, -1
    for entry in range(first, end):
        place = member[entry]
        value = held[place]["value"]
        if value != UNKNOWN and abs(value) >= total["top"]:
            total["top"], total["holder"] = abs(value), place


_find_largest: Callable[[Records, IntArray, int, int, np.void], None] = _compile(_largest)


def _replaced(total: np.void, old: int, new: int) -> None:
    """A position is worth `new` and no more `old`."""
    if old == UNKNOWN:
        total["missing"] -= 1
        old = 0
    if new == UNKNOWN:
        total["missing"] += 1
        new = 0
    total["net"] += new - old
    total["gross"] += abs(new) - abs(old)


_replace: Callable[[np.void, int, int], None] = _compile(_replaced)


def _moved(position: np.void, total: np.void, place: int, new: int) -> bool:
    """A position at `place` is worth `new` from now on; whether its portfolio's largest has to be looked for."""
    old = position["value"]
    if new == old:
        return False
    position["value"] = new
    _replace(total, old, new)
    size = 0 if new == UNKNOWN else abs(new)
    if size >= total["top"]:
        total["top"], total["holder"] = size, place
        return False
    return bool(total["holder"] == place)


_move: Callable[[np.void, np.void, int, int], bool] = _compile(_moved)


def _measured(total: np.void, kind: int, equity: int) -> tuple[float, float]:
    """A rule's value and what its limit is a share of, in quanta; NaN where it is not known."""
    if kind == _DRAWDOWN:
        return float(total["peak"] - equity), float(total["peak"])
    if kind == _DAILY_LOSS:
        opening = total["opening"]
        return (math.nan, math.nan) if opening == NEVER else (float(opening - equity), float(opening))
    if kind == _GROSS:
        return float(total["gross"]), float(equity)
    if kind == _CONCENTRATION:
        return float(total["top"]), float(equity)
    return total["batch"] if kind == _VAR_BATCH else total["live"], float(equity)


_measure: Callable[[np.void, int, int], tuple[float, float]] = _compile(_measured)


def _left(rule: np.void, value: float, bound: float) -> float:
    """How much the portfolio's positions may move, up and down added up, before the rule can be broken.

    So much can a loss, the gross worth or the largest position grow, and a bound that is a share of the equity shrink
    by its part of it. What rounding can make of it is taken off.
    """
    if rule["paused"]:
        return math.inf
    gap = bound - value
    if rule["fired"] or gap <= 0.0:
        return 0.0
    steepest = 1.0 if rule["is_amount"] else 1.0 + abs(rule["limit"])
    return float(gap / steepest - _ROUNDING * (abs(value) + abs(bound)) - 2.0)


_leave: Callable[[np.void, float, float], float] = _compile(_left)


def _judged_portfolio(rules: Records, first: int, end: int, total: np.void, found: Records, cause: Cause) -> None:
    """Judge all rules of a portfolio, and say in `slack` how much it may move before one has to be judged again."""
    total["slack"] = 0
    if total["missing"] > 0:
        return
    equity = total["cash"] + total["net"]
    slack = _FAR
    for place in range(first, end):
        rule = rules[place]
        value, of = _measure(total, rule["kind"], equity)
        bound = rule["limit"] * (QUANTA if rule["is_amount"] else of)
        if _fires(rule, cause.at_us, True, value, bound):
            _note(found, rule, cause, value / QUANTA, bound / QUANTA)
        # What is not known breaks nothing, and who tells it takes the slack away.
        slack = slack if math.isnan(value) else min(slack, _leave(rule, value, bound))
    total["slack"] = int(max(slack, 0.0))


_judge_portfolio: Callable[[Records, int, int, np.void, Records, Cause], None] = _compile(_judged_portfolio)


def _is_slack(total: np.void, old: int, new: int) -> bool:
    """Whether none of a portfolio's rules can be broken now that a position of it is worth `new` and no more `old`."""
    if old == UNKNOWN or new == UNKNOWN:
        total["slack"] = 0
    else:
        total["slack"] -= abs(new - old)
    return bool(total["slack"] > 0)


_slacks: Callable[[np.void, int, int], bool] = _compile(_is_slack)


def _judged_holders(board: Board, found: Records, symbol: int, mark: float, cause: Cause) -> None:
    """The portfolios that hold the symbol, each revalued and judged in turn."""
    # Taken out once: every look into a tuple of arrays counts references, which costs more than the arithmetic.
    held, rates = board.positions.held, board.positions.rates
    member, members = board.positions.member, board.positions.member_first
    rules, first, totals = board.portfolios.rules, board.portfolios.first, board.totals
    for place in range(board.positions.first[symbol], board.positions.first[symbol + 1]):
        position = held[place]
        owner = position["portfolio"]
        total = totals[owner]
        old, new = position["value"], _value(position["units"], mark, rates[position["rate"]])
        if _move(position, total, place, new):
            _find_largest(held, member, members[owner], members[owner + 1], total)
        equity = total["cash"] + total["net"]
        if total["missing"] == 0 and equity > total["peak"]:
            total["peak"] = equity
        if not _slacks(total, old, new):
            _judge_portfolio(rules, first[owner], first[owner + 1], total, found, cause)


_judge_holders: Callable[[Board, Records, int, float, Cause], None] = _compile(_judged_holders)


def _judged_tick(board: Board, found: Records, row: int, rows: Rows) -> None:
    symbol, at, mark = rows.symbol[row], rows.at_us[row], rows.mark[row]
    prices, quotes = board.prices, board.quotes
    board.time[0] = max(board.time[0], at)
    board.seen_us[symbol] = at
    cause = Cause(row, at)
    _judge_quote(quotes.rules[quotes.first[symbol] : quotes.first[symbol + 1]], found, cause, rows.crossed[row])
    if math.isnan(mark):
        return
    own = prices.rules[prices.first[symbol] : prices.first[symbol + 1]]
    _judge_price(own, board.positions.held, found, cause, mark)
    _judge_holders(board, found, symbol, mark, Cause(row, board.time[0]))


_judge_tick: Callable[[Board, Records, int, Rows], None] = _compile(_judged_tick)


def _played(board: Board, found: Records, rows: Rows, first: int, room: int) -> int:
    """Judge the rows from `first` on; the row before which it stopped, for a beat or because fewer than `room`
    crossings fit, or how many rows there are."""
    for row in range(first, len(rows.symbol)):
        if not rows.counted[row]:
            continue
        if rows.at_us[row] >= board.time[1] or len(found) - 1 - found[0]["row"] < room:
            return row
        _judge_tick(board, found, row, rows)
    return len(rows.symbol)


play: Callable[[Board, Records, Rows, int, int], int] = _compile(_played)


def _aged(board: Board, found: Records, row: int, at: int) -> None:
    """The stale quotes at `at`: seconds since the symbol's last tick, or since the first of all."""
    table = board.quotes
    for symbol in range(len(board.seen_us)):
        age = (at - max(board.seen_us[symbol], board.time[2])) / 1e6
        for place in range(table.first[symbol], table.first[symbol + 1]):
            rule = table.rules[place]
            if rule["kind"] == _STALE and _fires(rule, at, True, age, rule["limit"]):
                _note(found, rule, Cause(row, at), age, rule["limit"])


judge_ages: Callable[[Board, Records, int, int], None] = _compile(_aged)


def _swung(positions: Positions, moves: FloatArray, owners: IntArray) -> FloatArray:
    """P&L (S, P) in quanta of the portfolios `owners` under `moves` (N, S) of the symbols, position by position in a
    fixed order."""
    count = moves.shape[1]
    pnl = np.zeros((len(owners), count))
    for row in range(len(owners)):
        owner, sums = owners[row], pnl[row]
        for entry in range(positions.member_first[owner], positions.member_first[owner + 1]):
            position = positions.held[positions.member[entry]]
            if position["value"] == 0:  # what is not held needs no scenario
                continue
            value, move = float(position["value"]), moves[position["symbol"]]
            for scenario in range(count):
                sums[scenario] += value * move[scenario]
    return pnl.T


swing: Callable[[Positions, FloatArray, IntArray], FloatArray] = _compile(_swung)
