"""Defects of many instruments' bars at once, from columns of equal length."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lakehouse.quality.bars import USUAL, Bars, Days, Defect, Floats, Limits, defects

SHARE_OF_NAMES = 0.05
"""A day is taken for a session where this share of the instruments has a bar, and two of them at least."""


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars of many instruments in any order, one row a bar; a price or volume that is absent is NaN."""

    symbols: NDArray[np.str_]
    days: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def scan(columns: BarColumns, sessions: Days | None = None, limits: Limits = USUAL) -> tuple[Defect, ...]:
    """The defects of every instrument, by symbol, day and kind. `sessions`: the market's days, ascending; without them
    those on which enough instruments have a bar. Raises ValueError for a bar that is there twice, or a close that is
    not above zero."""
    if columns.days.size == 0:
        return ()
    order = np.lexsort((columns.days, columns.symbols))
    names = columns.symbols[order]
    edges = np.flatnonzero(np.concatenate(([True], names[1:] != names[:-1], [True])))
    known = _common_days(columns.days, edges.size - 1) if sessions is None else sessions
    found: list[Defect] = []
    for start, end in pairwise(edges):
        found += defects(_bars(columns, order[start:end]), known, limits)
    return tuple(found)


def _common_days(days: Days, names: int) -> Days:
    distinct, counts = np.unique(days, return_counts=True)
    return distinct[counts >= max(2.0, SHARE_OF_NAMES * names)]


def _bars(columns: BarColumns, rows: NDArray[np.intp]) -> Bars:
    return Bars(
        symbol=str(columns.symbols[rows[0]]),
        days=columns.days[rows],
        open=columns.open[rows],
        high=columns.high[rows],
        low=columns.low[rows],
        close=columns.close[rows],
        volume=columns.volume[rows],
    )
