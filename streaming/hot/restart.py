"""Back to where the journal ends: a state, and the ticks since, played again as they were cut."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import IntArray
from lakehouse.stores.hot import Checkpoint, Row
from streaming.hot.batch import Batch
from streaming.hot.effects import Desk, Effects
from streaming.hot.journal import NO_BEAT, Cut, Standing, StateUnreadable, change_of, cuts_of, unpack
from streaming.hot.processor import Core
from streaming.hot.ticks import Raw, Reader, joined, judge
from streaming.kit.source import Source

READ_S: Final = 0.05
GIVE_UP_S: Final = 60.0

Place = tuple[int, ...]
"""The next offset of each partition."""


class ReplayImpossible(TidemarkError):
    """What the journal names cannot be read again."""


@dataclass(frozen=True, slots=True)
class Left:
    """What processes before have left: the newest state, the newest row, and the newest row with batches."""

    state: Checkpoint | None
    row: Row | None
    cut: Row | None

    @property
    def is_nothing(self) -> bool:
        """Whether there was no process before."""
        return self.state is None and self.row is None

    @property
    def number(self) -> int:
        """The row after which the journal goes on."""
        return max(each.number for each in (self.state, self.row) if each is not None)

    @property
    def ends(self) -> Place | None:
        """The offsets after it; None where nothing that can be read says them."""
        after_row = None if self.cut is None else cuts_of(self.cut.cuts, self.cut.batches)[-1].ends
        if self.state is None or (self.cut is not None and self.cut.number > self.state.number):
            return after_row
        try:
            return unpack(self.state.state).ends
        except StateUnreadable:
            return after_row


class Past(Protocol):
    """Where ticks are read again, forward only."""

    def between(self, first: Place, end: Place) -> Raw | None:
        """The messages of each partition from `first` to before `end`; None where there are none."""


class Replay:
    """Plays rows of the journal. `core`, `number`, `ends` and `ticks` say how far it is."""

    def __init__(self, number: int, standing: Standing, past: Past, desk: Desk) -> None:
        """`standing` was after row `number`."""
        self.core, self.number = Core(desk, standing.state), number
        self.ends, self.ticks = standing.ends, 0
        self._past = past

    def through(self, rows: Iterable[Row]) -> "Replay":
        """Play them all; what they caused is committed already. Raises ReplayImpossible, and what the past does."""
        for row in rows:
            for _ in self.played(row):
                pass
        return self

    def played(self, row: Row) -> Iterator[Effects]:
        """The changes of a row, then its batches: what each of them caused. Raises ReplayImpossible."""
        if row.number != self.number + 1:
            raise ReplayImpossible(
                f"the journal has no row {self.number + 1}, it goes on with {row.number}: --accept-gap goes on after it"
            )
        if row.changes is not None:
            self.core.change(change_of(row.changes))
        for cut in cuts_of(row.cuts, row.batches):
            yield self.core.beat(cut.beat_us) if cut.beat_us != NO_BEAT else self._batch(cut)
        self.number = row.number

    def _batch(self, cut: Cut) -> Effects:
        first = self.ends + (0,) * (len(cut.ends) - len(self.ends))  # of partitions that are new, nothing was read
        raw = self._past.between(first, cut.ends)
        batch = Batch.empty() if raw is None else judge(raw, self.core.names).batch
        self.ends, self.ticks = cut.ends, self.ticks + len(batch)
        return self.core.play(batch).effects


class KafkaPast:
    """The topic itself, read once from `start` on."""

    def __init__(self, source: Source, reader: Reader, start: Place, *, clock: Clock) -> None:
        """Raises OffsetGapError where the broker has lost what comes next."""
        self._source, self._reader, self._clock = source, reader, clock
        self._partitions = source.partitions()
        begins = start + (0,) * (len(self._partitions) - len(start))
        landed = {number: end - 1 if end else None for number, end in zip(self._partitions, begins, strict=True)}
        source.assign(landed, {}, accept_gap=False, whole_topic=False)
        self._held: list[Raw] = []

    def between(self, first: Place, end: Place) -> Raw | None:
        """Blocking. Raises ReplayImpossible where the broker does not deliver."""
        self._read_to(end)
        found = [part for each in self._held if (part := inside(each, first, end)) is not None]
        self._held = [each for each in self._held if (each.offset >= _bound(end, each)).any()]
        return joined(found) if found else None

    def _read_to(self, end: Place) -> None:
        goal = {number: (end[number] if number < len(end) else 0) for number in self._partitions}
        deadline = self._clock.monotonic() + GIVE_UP_S
        while not self._source.reached(goal):
            chunk = self._source.read(READ_S)
            if chunk is not None:
                self._held.append(self._reader.decoded(chunk))
            elif self._clock.monotonic() > deadline:
                raise ReplayImpossible(f"the broker does not deliver market.ticks up to {goal}: is Kafka up?")


def inside(raw: Raw, first: Place, end: Place) -> Raw | None:
    """What of it lies from `first` to before `end`; None where nothing does."""
    rows = np.flatnonzero((raw.offset >= _bound(first, raw)) & (raw.offset < _bound(end, raw)))
    return raw.take(rows) if len(rows) else None


def _bound(ends: Place, raw: Raw) -> IntArray:
    """(T,) the end of each row's partition; 0 of one that the topic got later."""
    found: IntArray = np.array([*ends, 0], dtype=np.int64)[np.minimum(raw.partition, len(ends))]
    return found
