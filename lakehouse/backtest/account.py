"""The account of the event-driven gear: the arithmetic of lakehouse.backtest.kernel in plain Python, order by order.

Both do the same operations in the same order, and a gate compares their results: change both or none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from lakehouse.backtest.tape import Terms


@dataclass(slots=True)
class Lot:
    """An order on its way to a fill: `units` signed, `price` with slippage, `fee` of all of it."""

    column: int
    units: float
    price: float
    fee: float


@dataclass(slots=True)
class FillLog:
    """Fills as columns, in the order in which they were made."""

    day: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    units: list[float] = field(default_factory=list)
    price: list[float] = field(default_factory=list)
    fee: list[float] = field(default_factory=list)
    delisting: list[bool] = field(default_factory=list)

    def add(self, day: int, lot: Lot, *, delisting: bool = False) -> None:
        """Append one fill."""
        self.day.append(day)
        self.column.append(lot.column)
        self.units.append(lot.units)
        self.price.append(lot.price)
        self.fee.append(lot.fee)
        self.delisting.append(delisting)


def whole(units: float, lot: float) -> float:
    """`units` cut to whole lots, towards zero."""
    return units if lot <= 0.0 else float(math.trunc(units / lot)) * lot


def fee_of(size: float, price: float, terms: Terms) -> float:
    """The commission of an order of `size` units."""
    return max(terms.minimum, terms.commission * size * price + terms.per_share * size)


def opening(units: float, held: float) -> float:
    """The part of an order, in units without sign, that does not close what is held."""
    if units * held >= 0.0:
        return abs(units)
    return max(0.0, abs(units) - abs(held))


class Account:
    """Cash and units of every column, and the log of fills."""

    def __init__(self, columns: int, terms: Terms) -> None:
        self.terms = terms
        self.cash = terms.initial_cash
        self.units = [0.0] * columns
        self.mark = [math.nan] * columns
        self.log = FillLog()

    def carry(self, rate: float) -> None:
        """Interest, margin and borrow of a day, on what was held at the last close."""
        short = 0.0
        for held, mark in zip(self.units, self.mark, strict=True):
            if held < 0.0:
                short -= held * mark
        free = self.cash - short
        if free > 0.0:
            self.cash += free * rate
        elif self.cash < 0.0:
            self.cash += self.cash * (rate + self.terms.margin_spread)
        self.cash -= short * self.terms.borrow

    def act(self, column: int, split: float, dividend: float) -> None:
        """A split, then a dividend on the new units."""
        self.units[column] *= split
        self.mark[column] /= split
        self.cash += self.units[column] * dividend

    def delist(self, day: int, column: int, pays: float) -> None:
        """Close what is held at the last price times 1 + `pays`."""
        held = self.units[column]
        if held == 0.0:
            return
        price = self.mark[column] * (1.0 + pays)
        self.cash += held * price
        self.log.add(day, Lot(column, -held, price, 0.0), delisting=True)
        self.units[column] = 0.0

    def share(self, lots: Sequence[Lot], first: Sequence[float]) -> float:
        """The share of every opening order that the bound on gross exposure leaves, after all closing ones.

        `lots` are sorted by column; `first` are the prices of the moment, NaN where there is none.
        """
        equity, gross, wanted, fees = self.cash, 0.0, 0.0, 0.0
        place, count = 0, len(lots)
        for column, held in enumerate(self.units):
            if held == 0.0 and (place == count or lots[place].column != column):
                continue
            left = held
            mark = self.mark[column] if math.isnan(first[column]) else first[column]
            if held != 0.0:
                equity += held * mark
                gross += abs(held) * mark
            while place < count and lots[place].column == column:
                lot = lots[place]
                opens = opening(lot.units, left)
                closes = abs(lot.units) - opens
                wanted += opens * max(lot.price, mark)
                gross -= closes * mark
                fees += lot.fee
                equity -= closes * abs(lot.price - mark)
                left += lot.units
                place += 1
        if wanted <= 0.0:
            return 1.0
        return min(1.0, max(0.0, (self.terms.max_gross * (equity - fees) - gross) / wanted))

    def settle(self, day: int, lot: Lot, share: float) -> float:
        """Book a fill, of its opening part only `share`; returns the units that were booked."""
        if share < 1.0:
            opens = opening(lot.units, self.units[lot.column])
            size = abs(lot.units) - opens + whole(opens * share, self.terms.lot)
            if size <= 0.0:
                return 0.0
            lot.units = size if lot.units > 0.0 else -size
            lot.fee = fee_of(size, lot.price, self.terms)
        self.cash -= lot.units * lot.price + lot.fee
        self.units[lot.column] += lot.units
        self.log.add(day, lot)
        return lot.units

    def value(self, close: Sequence[float]) -> float:
        """Mark every instrument at its close of the day, or at its last one, and add up."""
        equity, mark = self.cash, self.mark
        for column, price in enumerate(close):
            if not math.isnan(price):
                mark[column] = price
            held = self.units[column]
            if held != 0.0:
                equity += held * mark[column]
        return equity
