"""Which of the lots that a sale names a fill closes."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

NamedLots = tuple[tuple[UUID, Decimal], ...]


def slice_of(lots: Iterable[tuple[UUID, Decimal]], *, start: Decimal, quantity: Decimal) -> NamedLots:
    """The part of `lots` that `quantity` units take after the first `start` units, in their order."""
    taken: list[tuple[UUID, Decimal]] = []
    skip, left = start, quantity
    for lot, size in lots:
        skipped = min(skip, size)
        skip -= skipped
        part = min(left, size - skipped)
        left -= part
        if part > 0:
            taken.append((lot, part))
    return tuple(taken)
