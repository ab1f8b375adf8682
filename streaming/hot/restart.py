"""Back to where the journal ends: the newest state, and the ticks since, played again as they were cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import IntArray
from lakehouse.stores.hot import Checkpoint, Row
from streaming.hot.batch import Batch
from streaming.hot.effects import Desk
from streaming.hot.journal import NO_BEAT, Standing, change_of, cuts_of, unpack
from streaming.hot.processor import Core
from streaming.hot.ticks import Raw, Reader, joined, judge
from streaming.kit.source import Source

READ_S: Final = 0.05
GIVE_UP_S: Final = 60.0


class ReplayImpossible(TidemarkError):
    """What the journal names cannot be read again from the topic."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A core that stands where the journal ends: after row `number`, before the offsets `ends`; None: nowhere yet."""

    core: Core
    number: int
    ends: tuple[int, ...] | None
    ticks: int


def resumed(
    checkpoint: Checkpoint | None, rows: Sequence[Row], source: Source, reader: Reader, desk: Desk, *, clock: Clock
) -> Resumed:
    """Go on from the state and the rows after it; what they caused is committed already. Raises ReplayImpossible,
    OffsetGapError where the broker has lost what the journal names."""
    standing = None if checkpoint is None else unpack(checkpoint.state)
    core = Core(desk, None if standing is None else standing.state)
    number = 0 if checkpoint is None else checkpoint.number
    if standing is None:
        return Resumed(core, number, None, 0)
    replay = Replay(core, source, reader, standing, clock=clock)
    for row in rows:
        if row.number != number + 1:
            raise ReplayImpossible(f"the journal has no row {number + 1}: it goes on with {row.number}")
        replay.play(row)
        number = row.number
    return Resumed(core, number, replay.ends, replay.ticks)


class Replay:
    """Plays rows of the journal with ticks that are read anew."""

    def __init__(self, core: Core, source: Source, reader: Reader, standing: Standing, *, clock: Clock) -> None:
        self._core, self._source, self._reader, self._clock = core, source, reader, clock
        self._partitions = source.partitions()
        self.ends, self.ticks = self._whole(standing.ends), 0
        landed = {number: end - 1 if end else None for number, end in zip(self._partitions, self.ends, strict=True)}
        source.assign(landed, {}, accept_gap=False, whole_topic=False)
        self._held: list[Raw] = []

    def play(self, row: Row) -> None:
        """The changes of a row, then its batches."""
        if row.changes is not None:
            self._core.change(change_of(row.changes))
        for cut in cuts_of(row.cuts, row.batches):
            if cut.beat_us != NO_BEAT:
                self._core.beat(cut.beat_us)
                continue
            ends = self._whole(cut.ends)
            self._read_to(ends)
            self._core.play(self._batch(ends))

    def _whole(self, ends: tuple[int, ...]) -> tuple[int, ...]:
        """Of partitions that the topic got later, nothing was read."""
        return ends + (0,) * (len(self._partitions) - len(ends))

    def _read_to(self, ends: tuple[int, ...]) -> None:
        goal = dict(zip(self._partitions, ends, strict=True))
        deadline = self._clock.monotonic() + GIVE_UP_S
        while not self._source.reached(goal):
            chunk = self._source.read(READ_S)
            if chunk is not None:
                self._held.append(self._reader.decoded(chunk))
            elif self._clock.monotonic() > deadline:
                raise ReplayImpossible(f"the broker does not deliver market.ticks up to {goal}: is Kafka up?")

    def _batch(self, ends: tuple[int, ...]) -> Batch:
        """What is held from the last cut to this one; what lies before it is let go."""
        first, end = _by_partition(self._partitions, self.ends), _by_partition(self._partitions, ends)
        inside = [
            np.flatnonzero((each.offset >= first[each.partition]) & (each.offset < end[each.partition]))
            for each in self._held
        ]
        parts = [each.take(rows) for each, rows in zip(self._held, inside, strict=True) if len(rows)]
        self._held = [each for each in self._held if (each.offset >= end[each.partition]).any()]
        self.ends = ends
        batch = judge(joined(parts), self._core.places).batch if parts else Batch.empty()
        self.ticks += len(batch)
        return batch


def _by_partition(partitions: Sequence[int], ends: Sequence[int]) -> IntArray:
    """Ends as an array that a partition's number looks up."""
    found = np.zeros(max(partitions) + 1, np.int64)
    found[list(partitions)] = ends
    return found
