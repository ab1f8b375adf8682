"""Rules, positions and what came of them as the plain arrays that the compiled loops of kernel.py walk."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from lakehouse.alerting.book import UNKNOWN, BadBook, Book, Worth, grouped, places, values, worth
from lakehouse.alerting.rules import OF_PORTFOLIO, OF_POSITION, OF_PRICE, OF_QUOTE, Kind, Rule
from lakehouse.risk.checks import FloatArray, IntArray

NEVER: Final = np.iinfo(np.int64).min
CODES: Final = {kind: code for code, kind in enumerate(Kind)}
FAMILIES: Final = (OF_PRICE, OF_QUOTE, OF_PORTFOLIO)


Records = npt.NDArray[np.void]
"""Records of one of the types below: what belongs together lies together, and a loop passes one array for all."""

RULE: Final = np.dtype(
    # `place` counts all rules; `position` is a place among the sorted positions, -1 where the rule has none. What
    # changes: `fired` (broken, and not armed since), `paused`, `ready_us` (fires not before), `crossings` (how many so
    # far) and `best`, the price that a trailing stop follows, NaN before the first.
    [(name, "i8") for name in ("place", "kind", "position", "cool_down_us", "ready_us", "crossings")]
    + [(name, "f8") for name in ("limit", "hysteresis", "best")]
    + [(name, "?") for name in ("is_amount", "once", "fired", "paused")],
    align=True,
)
POSITION: Final = np.dtype([("symbol", "i8"), ("portfolio", "i8"), ("units", "f8"), ("rate", "i8"), ("value", "i8")])
"""`value` in quanta or UNKNOWN."""
TOTAL: Final = np.dtype(
    # Quanta: cash; of the positions net, gross, how many are missing, the size and place of the largest; the highest
    # equity and that of the day's opening, NEVER unknown; `slack`, as in kernel.py; VaR of the last batch and live, NaN
    # unknown.
    [(name, "i8") for name in ("cash", "net", "gross", "missing", "top", "holder", "peak", "opening", "slack")]
    + [(name, "f8") for name in ("batch", "live")]
)
FOUND: Final = np.dtype(
    [(name, "i8") for name in ("rule", "row", "at_us", "sequence")] + [(name, "f8") for name in ("value", "bound")]
)
"""Crossings in the order in which they were found; the first record only counts, in `row`, those after it."""


class Table(NamedTuple):
    """Rules of one family, those of one target (symbol or portfolio) together: `first` (targets + 1,) says where they
    begin in `rules` (R,)."""

    first: IntArray
    rules: Records


Tables = tuple[Table, Table, Table]
"""Those of prices, of quotes, and of portfolios."""


class Positions(NamedTuple):
    """`held` (I,) sorted by symbol, `first` (N + 1,) says where each symbol's begin; `member_first` (P + 1,) and
    `member` (I,) list those of each portfolio; `rates` as in Book."""

    first: IntArray
    held: Records
    member_first: IntArray
    member: IntArray
    rates: FloatArray


def positions_of(book: Book, marks: FloatArray) -> tuple[Positions, IntArray]:
    """The positions of `book` at `marks`, and the order (I,) in which they were taken from it."""
    order, first = grouped(book.symbol, len(book.symbols))
    held = np.zeros(len(order), POSITION)
    columns = {"symbol": book.symbol, "portfolio": book.portfolio, "units": book.units, "rate": book.rate}
    for name, column in (columns | {"value": values(book, marks)}).items():
        held[name] = column[order]
    member, member_first = grouped(held["portfolio"], len(book.portfolios))
    return Positions(first, held, member_first, member, np.array(book.rates, dtype=np.float64)), order


def summed(held: Records, sums: Worth, totals: Records) -> None:
    """Write what the positions `held` add up to into `totals`."""
    totals["net"], totals["gross"], totals["missing"] = sums.net, sums.gross, sums.missing
    size = np.where(held["value"] == UNKNOWN, 0, np.abs(held["value"]))
    top, holder = np.zeros(len(totals), np.int64), np.full(len(totals), -1)
    np.maximum.at(top, held["portfolio"], size)
    largest = np.flatnonzero(size == top[held["portfolio"]])
    holder[held["portfolio"][largest]] = largest
    totals["top"], totals["holder"] = top, holder
    totals["slack"] = 0


def totals_of(book: Book, held: Records, order: IntArray) -> Records:
    """The totals of positions `held` that were taken from `book` in `order`; nothing is known of their past."""
    totals = np.zeros(len(book.portfolios), TOTAL)
    totals["cash"] = book.cash
    totals["peak"] = totals["opening"] = NEVER
    totals["batch"] = totals["live"] = np.nan
    value = np.empty(len(held), np.int64)
    value[order] = held["value"]
    summed(held, worth(book, value), totals)
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
        tables.append(_table(sorted_rules, first, at, len(ordered)))
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


def _table(rules: Sequence[Rule], first: IntArray, position: Sequence[int], offset: int) -> Table:
    records = np.zeros(len(rules), RULE)
    records["place"], records["position"] = np.arange(offset, offset + len(rules)), position
    records["kind"] = [CODES[rule.kind] for rule in rules]
    for name in ("limit", "hysteresis", "cool_down_us", "is_amount", "once"):
        records[name] = [getattr(rule, name) for rule in rules]
    records["ready_us"], records["best"] = NEVER, np.nan
    return Table(first, records)
