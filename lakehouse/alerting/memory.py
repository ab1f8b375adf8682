"""What a monitor has learnt, by name: kept beside an offset it is where a restart goes on, and what a changed book or
set of rules takes over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lakehouse.alerting.book import places
from lakehouse.alerting.columns import NEVER, Records, Table
from lakehouse.alerting.marks import Market
from lakehouse.risk.checks import BoolArray, FloatArray, IntArray

RULE_MEMORY: Final = ("fired", "paused", "ready_us", "crossings", "best")
PORTFOLIO_MEMORY: Final = ("peak", "opening", "batch", "live")


@dataclass(frozen=True, slots=True)
class OfRules:
    """By rule: what changes of a RULE, the crossing up to which its owner has `seen` them, and the `side` on which its
    position was held: 1 long, -1 short, 0 none."""

    ids: tuple[str, ...] = ()
    fired: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    paused: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    ready_us: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    crossings: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    best: FloatArray = field(default_factory=lambda: np.zeros(0))
    seen: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    side: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class OfPortfolios:
    """By portfolio, quanta: the highest equity, that of the day's opening, and VaR, as in TOTAL."""

    ids: tuple[str, ...] = ()
    peak: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    opening: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    batch: FloatArray = field(default_factory=lambda: np.zeros(0))
    live: FloatArray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Memory:
    """All of it: copies, which nothing changes."""

    symbols: tuple[str, ...] = ()
    market: Market = field(default_factory=lambda: Market.empty(0))
    rules: OfRules = field(default_factory=OfRules)
    portfolios: OfPortfolios = field(default_factory=OfPortfolios)
    time: IntArray = field(default_factory=lambda: np.full(3, NEVER))


def recalled(old: Sequence[str], new: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Where the names of `new` that `old` has stand in `new`, and in `old`."""
    known = places(old)
    pairs = [(place, known[name]) for place, name in enumerate(new) if name in known]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def recall_market(memory: Memory, symbols: Sequence[str], market: Market) -> None:
    """Write what is remembered of `symbols` into `market`."""
    here, there = recalled(memory.symbols, symbols)
    for column, past in zip(market, memory.market, strict=True):
        column[here] = past[there]


def recall_portfolios(memory: Memory, portfolios: Sequence[str], totals: Records) -> None:
    """Write what is remembered of `portfolios` into `totals`."""
    past = memory.portfolios
    here, there = recalled(past.ids, portfolios)
    for name in PORTFOLIO_MEMORY:
        totals[name][here] = getattr(past, name)[there]


def recall_rules(memory: Memory, ids: Sequence[str], tables: Sequence[Table], seen: IntArray, side: IntArray) -> None:
    """Write what is remembered of the rules `ids`, in the order of the tables' rows, into `tables`, `seen` and
    `side`."""
    past = memory.rules
    here, there = recalled(past.ids, ids)
    seen[here], side[here] = past.seen[there], past.side[there]
    offset = 0
    for table in tables:
        count = len(table.rules)
        own = (offset <= here) & (here < offset + count)
        for name in RULE_MEMORY:
            table.rules[name][here[own] - offset] = getattr(past, name)[there[own]]
        offset += count


def remembered(ids: Sequence[str], tables: Sequence[Table], seen: IntArray, side: IntArray) -> OfRules:
    """What the rules `ids`, in the order of the tables' rows, have come to."""
    learnt = {name: np.concatenate([table.rules[name] for table in tables]) for name in RULE_MEMORY}
    return OfRules(ids=tuple(ids), seen=seen.copy(), side=side.copy(), **learnt)
