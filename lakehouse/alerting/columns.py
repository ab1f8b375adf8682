"""Rules, positions and what came of them as columns: the plain arrays that the compiled loops of kernel.py walk."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from lakehouse.alerting.book import UNKNOWN, BadBook, Book, Worth, grouped, places, values, worth
from lakehouse.alerting.rules import OF_PORTFOLIO, OF_POSITION, OF_PRICE, OF_QUOTE, Kind, Rule
from lakehouse.risk.checks import BoolArray, FloatArray, IntArray

NEVER: Final = np.iinfo(np.int64).min
CODES: Final = {kind: code for code, kind in enumerate(Kind)}
FAMILIES: Final = (OF_PRICE, OF_QUOTE, OF_PORTFOLIO)


class Table(NamedTuple):
    """Rules of one family, those of one target (symbol or portfolio) together: `first` (targets + 1,) says where they
    begin. All other columns (R,). `position` is a place among the sorted positions, -1 where the rule has none.

    What changes: `fired` (broken, and not armed since), `paused`, `ready_us` (fires not before), `crossings` (how many
    so far) and `best`, the price that a trailing stop follows, NaN before the first.
    """

    first: IntArray
    kind: IntArray
    limit: FloatArray
    hysteresis: FloatArray
    cool_down_us: IntArray
    is_amount: BoolArray
    once: BoolArray
    position: IntArray
    fired: BoolArray
    paused: BoolArray
    ready_us: IntArray
    crossings: IntArray
    best: FloatArray


Tables = tuple[Table, Table, Table]
"""Those of prices, of quotes, and of portfolios."""


class Positions(NamedTuple):
    """I positions sorted by symbol, `first` (N + 1,) says where each symbol's begin; `value` in quanta or UNKNOWN.

    `member_first` (P + 1,) and `member` (I,) list the positions of each portfolio.
    """

    first: IntArray
    symbol: IntArray
    portfolio: IntArray
    units: FloatArray
    rate: IntArray
    rates: FloatArray
    value: IntArray
    member_first: IntArray
    member: IntArray


class Totals(NamedTuple):
    """P portfolios in quanta: `cash`; of their positions `net`, `gross`, `missing` ones, the size (`top`) and the place
    (`holder`) of the largest; the highest equity, `peak`, and that of the day's `opening`, NEVER unknown; VaR of the
    last `batch` and `live`, NaN unknown."""

    cash: IntArray
    net: IntArray
    gross: IntArray
    missing: IntArray
    top: IntArray
    holder: IntArray
    peak: IntArray
    opening: IntArray
    batch: FloatArray
    live: FloatArray


class Found(NamedTuple):
    """Crossings in the order in which they were found; `size[0]` of them."""

    rule: IntArray
    row: IntArray
    at_us: IntArray
    sequence: IntArray
    value: FloatArray
    bound: FloatArray
    size: IntArray


def found_of(capacity: int) -> Found:
    """Room for `capacity` crossings."""
    rule, row, at, sequence = np.zeros((4, capacity), np.int64)
    return Found(rule, row, at, sequence, np.zeros(capacity), np.zeros(capacity), np.zeros(1, np.int64))


def positions_of(book: Book, marks: FloatArray) -> tuple[Positions, IntArray]:
    """The positions of `book` at `marks`, and the order (I,) in which they were taken from it."""
    order, first = grouped(book.symbol, len(book.symbols))
    portfolio = np.ascontiguousarray(book.portfolio[order], dtype=np.int64)
    member, member_first = grouped(portfolio, len(book.portfolios))
    columns = Positions(
        first=first,
        symbol=np.ascontiguousarray(book.symbol[order], dtype=np.int64),
        portfolio=portfolio,
        units=np.ascontiguousarray(book.units[order], dtype=np.float64),
        rate=np.ascontiguousarray(book.rate[order], dtype=np.int64),
        rates=np.ascontiguousarray(book.rates, dtype=np.float64).copy(),
        value=values(book, marks)[order],
        member_first=member_first,
        member=member,
    )
    return columns, order


def summed(positions: Positions, sums: Worth, totals: Totals) -> None:
    """Write what the positions add up to into `totals`."""
    totals.net[:], totals.gross[:], totals.missing[:] = sums.net, sums.gross, sums.missing
    size = np.where(positions.value == UNKNOWN, 0, np.abs(positions.value))
    totals.top[:] = 0
    np.maximum.at(totals.top, positions.portfolio, size)
    holders = np.flatnonzero(size == totals.top[positions.portfolio])
    totals.holder[:] = -1
    totals.holder[positions.portfolio[holders]] = holders


def totals_of(book: Book, positions: Positions, order: IntArray) -> Totals:
    """The totals of positions that were taken from `book` in `order`; nothing is known of their past."""
    count = len(book.portfolios)
    cash = np.array(book.cash, dtype=np.int64)
    net, gross, missing, top, holder = np.zeros((5, count), np.int64)
    peak, opening = np.full((2, count), NEVER)
    batch, live = np.full((2, count), np.nan)
    totals = Totals(cash, net, gross, missing, top, holder, peak, opening, batch, live)
    value = np.empty_like(positions.value)
    value[order] = positions.value
    summed(positions, worth(book, value), totals)
    return totals


def tables_of(rules: Sequence[Rule], book: Book, order: IntArray) -> tuple[Tables, tuple[Rule, ...]]:
    """The rules of prices, quotes and portfolios as tables, and all rules in the order of the tables' rows.

    Raises BadBook for a rule of what the book does not have. A position rule may have no position: it sleeps.
    """
    symbols, portfolios = places(book.symbols), places(book.portfolios)
    held = _held(book, order)
    tables: list[Table] = []
    ordered: list[Rule] = []
    for kinds in FAMILIES:
        own = [rule for rule in rules if rule.kind in kinds]
        of, count = (portfolios, len(portfolios)) if kinds is OF_PORTFOLIO else (symbols, len(symbols))
        target = np.array([_place(rule, of, symbols, portfolios) for rule in own], dtype=np.int64)
        by_target, first = grouped(target, count)
        sorted_rules = [own[place] for place in by_target]
        at = [held.get((rule.portfolio, rule.symbol), -1) if rule.kind in OF_POSITION else -1 for rule in sorted_rules]
        tables.append(_table(sorted_rules, first, np.array(at, dtype=np.int64)))
        ordered += sorted_rules
    prices, quotes, owners = tables
    return (prices, quotes, owners), tuple(ordered)


def _held(book: Book, order: IntArray) -> dict[tuple[str | None, str | None], int]:
    pairs = zip(book.portfolio[order].tolist(), book.symbol[order].tolist(), strict=True)
    return {(book.portfolios[owner], book.symbols[name]): place for place, (owner, name) in enumerate(pairs)}


def _place(rule: Rule, of: dict[str, int], symbols: dict[str, int], portfolios: dict[str, int]) -> int:
    for name, known in ((rule.symbol, symbols), (rule.portfolio, portfolios)):
        if name is not None and name not in known:
            raise BadBook(f"{rule.id}: the book has no {name}")
    return of[(rule.portfolio if of is portfolios else rule.symbol) or ""]


def _table(rules: Sequence[Rule], first: IntArray, position: IntArray) -> Table:
    count = len(rules)
    return Table(
        first=first,
        kind=np.array([CODES[rule.kind] for rule in rules], dtype=np.int64),
        limit=np.array([rule.limit for rule in rules], dtype=np.float64),
        hysteresis=np.array([rule.hysteresis for rule in rules], dtype=np.float64),
        cool_down_us=np.array([rule.cool_down_us for rule in rules], dtype=np.int64),
        is_amount=np.array([rule.is_amount for rule in rules], dtype=np.bool_),
        once=np.array([rule.once for rule in rules], dtype=np.bool_),
        position=position,
        fired=np.zeros(count, np.bool_),
        paused=np.zeros(count, np.bool_),
        ready_us=np.full(count, NEVER),
        crossings=np.zeros(count, np.int64),
        best=np.full(count, np.nan),
    )
