"""Lots of one instrument: which one a sale takes first, and what it takes from the cost. Pure, in whole numbers."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lakehouse.clock import epoch_us
from lakehouse.portfolio.transactions import half_even

_UNIT_COST_SCALE = 10**16


class LotMethod(StrEnum):
    """Which lot is closed first."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    AVERAGE = "average"
    SPECIFIC = "specific"


@dataclass(slots=True)
class Lot:
    """Units of one purchase that are left, and their cost. `units` are of 10^-8; both are negative of a short lot.

    Changed in place by the book that holds it: a fold of 50,000 transactions would otherwise copy it as often.
    """

    id: UUID
    opened_by: UUID
    opened_at: datetime
    original_units: int
    units: int
    cost_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Units taken from a lot with their part of its cost, signed as the lot's."""

    lot: Lot
    units: int
    cost_minor: int


class LotBook:
    """The open lots of one instrument, all long or all short, in the order of a method.

    Under `average` a purchase joins the lot of its currency: one pool, opened by its first purchase.
    """

    def __init__(self, method: LotMethod, lots: Iterable[Lot] = ()) -> None:
        self._method = method
        self._lots: dict[UUID, Lot] = {}
        self._queue: list[tuple[tuple[object, ...], Lot]] = []
        self.units = 0
        for lot in lots:
            self.open(lot)

    @property
    def lots(self) -> list[Lot]:
        """Open lots in no particular order."""
        return list(self._lots.values())

    def open(self, lot: Lot) -> None:
        """Add a lot; it has units, and the sign of those that are open."""
        self.units += lot.units
        pool = self._pool(lot.currency) if self._method is LotMethod.AVERAGE else None
        if pool is not None:
            pool.units += lot.units
            pool.original_units += lot.original_units
            pool.cost_minor += lot.cost_minor
            return
        self._lots[lot.id] = lot
        heapq.heappush(self._queue, (self._key(lot), lot))

    def units_of(self, lot_id: UUID) -> int:
        """Units of an open lot; 0 where none has this id."""
        lot = self._lots.get(lot_id)
        return 0 if lot is None else lot.units

    def take(self, units: int) -> list[Taken]:
        """Take `units` (positive, at most those that are open) in the order of the method."""
        taken: list[Taken] = []
        while units:
            lot = self._first()
            part = min(units, abs(lot.units))
            taken.append(self._take_from(lot, part))
            units -= part
            if lot.units and self._method is LotMethod.HIFO:
                heapq.heapreplace(self._queue, (self._key(lot), lot))
        return taken

    def take_picked(self, picks: Sequence[tuple[UUID, int]]) -> list[Taken]:
        """Take these units from these lots, which have them."""
        return [self._take_from(self._lots[lot_id], units) for lot_id, units in picks]

    def rescale(self, numerator: int, denominator: int) -> list[Taken]:
        """Multiply every lot's units, as a split does. A lot of which nothing is left is taken out, with its cost."""
        vanished: list[Taken] = []
        for lot in sorted(self.lots, key=lambda lot: (lot.opened_at, lot.id)):  # whatever order they were stored in
            scaled = half_even(lot.units * numerator, denominator)
            if not scaled:
                vanished.append(self._take_from(lot, abs(lot.units)))
                continue
            self.units += scaled - lot.units
            lot.original_units = half_even(lot.original_units * numerator, denominator)
            lot.units = scaled
        self._requeue()
        return vanished

    def move_cost(self, moved: dict[UUID, int]) -> None:
        """Take from lots, by id, a part of their cost and none of their units."""
        for lot_id, cost in moved.items():
            self._lots[lot_id].cost_minor -= cost
        self._requeue()

    def _take_from(self, lot: Lot, part: int) -> Taken:
        held = abs(lot.units)
        cost = lot.cost_minor if part == held else half_even(lot.cost_minor * part, held)
        signed = part if lot.units > 0 else -part
        lot.units -= signed
        lot.cost_minor -= cost
        self.units -= signed
        if not lot.units:
            del self._lots[lot.id]
        return Taken(lot, signed, cost)

    def _first(self) -> Lot:
        # Lots that were picked or vanished leave their place in the queue behind.
        while not self._queue[0][1].units:
            heapq.heappop(self._queue)
        return self._queue[0][1]

    def _pool(self, currency: str) -> Lot | None:
        return next((lot for lot in self._lots.values() if lot.currency == currency), None)

    def _requeue(self) -> None:
        self._queue = [(self._key(lot), lot) for lot in self._lots.values()]
        heapq.heapify(self._queue)

    def _key(self, lot: Lot) -> tuple[object, ...]:
        """The place of a lot, a function of what is stored of it: a fold may go on from stored lots."""
        if self._method is LotMethod.LIFO:
            return (-epoch_us(lot.opened_at), -lot.id.int)
        if self._method is LotMethod.HIFO:
            # Costs in two currencies do not compare: one currency is used up before the next.
            return (lot.currency, -(lot.cost_minor * _UNIT_COST_SCALE // lot.units), lot.opened_at, lot.id.int)
        return (lot.opened_at, lot.id.int)
