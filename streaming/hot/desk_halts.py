"""For whom trading is stopped, and for whom it was, by event time. Pure."""

from collections.abc import Container, Mapping
from typing import Final
from uuid import UUID

from lakehouse.trading.venue import halted_of

_NEVER: Final = -(2**63)


class Halts:
    """A value; `changes.HALTS` says of what."""

    def __init__(self, halts: Mapping[str, object]) -> None:
        """Portfolio ids or EVERYBODY: True while it holds, else the event time, in microseconds, when it was lifted."""
        self._lifted = {whom: until for whom, until in halts.items() if isinstance(until, int) and until is not True}
        self._last = max(self._lifted.values(), default=_NEVER)
        self._named = halts.keys() - self._lifted.keys()
        self.standing: Container[UUID] = halted_of(self._named)

    def at(self, at_us: int) -> Container[UUID]:
        """Who stands still in a tick of that event time, whenever it is played."""
        if at_us >= self._last:
            return self.standing
        return halted_of({*self._named, *(whom for whom, until in self._lifted.items() if until > at_us)})
