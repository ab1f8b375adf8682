"""Positions and portfolios in columns, and what they are worth.

Marks are float64, as all risk is. A position's worth is rounded to whole ten-thousandths of its portfolio's currency,
int64, so that sums are exact: the same added up anew, tick by tick, or in another order. Decimal amounts become such
quanta, and become Decimal again, at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np

from lakehouse.alerting.rules import AlertingError
from lakehouse.risk.checks import FloatArray, IntArray

QUANTA: Final = 10_000
UNKNOWN: Final = np.iinfo(np.int64).min
LARGEST: Final = 2.0**56
"""A position or cash of more quanta, seven million million units of currency, has no worth: sums of a hundred fit."""


class BadBook(AlertingError):
    """Positions that contradict themselves."""


def quanta(amount: Decimal) -> int:
    """An amount of money in ten-thousandths, rounded half to even."""
    return int((amount * QUANTA).to_integral_value(ROUND_HALF_EVEN))


def summable(held: int) -> int | None:
    """The quanta, None where they are too many to be added up: nothing then is judged by them."""
    return held if abs(held) < LARGEST else None


def clamped(held: int) -> int:
    """The quanta, or the most that can be added up."""
    return max(-int(LARGEST), min(held, int(LARGEST)))


def amount(held: int) -> Decimal:
    """Ten-thousandths as an amount of money."""
    return Decimal(held) / QUANTA


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """I positions of P portfolios in N symbols, at most one for each pair.

    `symbol`, `portfolio`, `rate` (I,) are places in `symbols`, `portfolios` and `rates`; `units` (I,) signed, times the
    instrument's multiplier; `rates` units of the portfolio's currency for one of the instrument's, NaN where unknown;
    `cash` (P,) quanta.
    """

    symbols: tuple[str, ...]
    portfolios: tuple[str, ...]
    symbol: IntArray
    portfolio: IntArray
    units: FloatArray
    rate: IntArray
    rates: FloatArray
    cash: IntArray

    def __post_init__(self) -> None:
        positions = {len(each) for each in (self.symbol, self.portfolio, self.units, self.rate)}
        if len(positions) > 1 or len(self.cash) != len(self.portfolios):
            raise BadBook("symbol, portfolio, units and rate are of one length, cash of that of portfolios")
        for name, index, size in (
            ("symbol", self.symbol, len(self.symbols)),
            ("portfolio", self.portfolio, len(self.portfolios)),
            ("rate", self.rate, len(self.rates)),
        ):
            if len(index) and not (index.min() >= 0 and index.max() < size):
                raise BadBook(f"{name} lies outside 0 to {size - 1}")
        if not np.isfinite(self.units).all():
            raise BadBook("units are finite")
        pairs = self.symbol * len(self.portfolios) + self.portfolio
        if len(np.unique(pairs)) != len(pairs):
            raise BadBook("a portfolio has one position in a symbol: add them up")


@dataclass(frozen=True, slots=True)
class Worth:
    """What P portfolios are worth, in quanta: `net` and `gross` of their positions, and how many of these have no
    price or rate; a portfolio with `missing` is not judged."""

    net: IntArray
    gross: IntArray
    missing: IntArray

    def equity(self, cash: IntArray) -> IntArray:
        return cash + self.net


def values(book: Book, marks: FloatArray) -> IntArray:
    """(I,) quanta at the `marks` (N,) of the symbols; UNKNOWN without a mark or a rate. Nothing held is worth 0."""
    with np.errstate(invalid="ignore"):
        exact = book.units * marks[book.symbol] * book.rates[book.rate] * QUANTA
        known = np.abs(exact) < LARGEST
    worth = np.where(known, np.rint(np.where(known, exact, 0.0)), 0.0).astype(np.int64)
    return np.where(known, worth, np.where(book.units == 0.0, 0, UNKNOWN)).astype(np.int64)


def worth(book: Book, value: IntArray) -> Worth:
    """The sums of `value` (I,) by portfolio."""
    count = len(book.portfolios)
    known = value != UNKNOWN
    net, gross = np.zeros(count, np.int64), np.zeros(count, np.int64)
    held = np.where(known, value, 0)
    np.add.at(net, book.portfolio, held)
    np.add.at(gross, book.portfolio, np.abs(held))
    missing = np.bincount(book.portfolio, weights=~known, minlength=count).astype(np.int64)
    return Worth(net, gross, missing)


def places(of: Sequence[str]) -> dict[str, int]:
    """Where each name stands."""
    return {name: place for place, name in enumerate(of)}


def grouped(index: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """The order that puts equal `index` together, and (count + 1,) where each group begins in it."""
    order = np.argsort(index, kind="stable").astype(np.int64)
    first = np.searchsorted(index[order], np.arange(count + 1)).astype(np.int64)
    return order, first
