"""Offsets of one reader: what its store holds, what comes next, what a crash left half done. Pure."""

from dataclasses import dataclass, field

import numpy as np

from lakehouse.errors import TidemarkError


class OffsetGapError(TidemarkError):
    """Messages between the store and the topic are gone; going on would hide the loss."""


class FencedError(TidemarkError):
    """Another process has taken a partition that this one holds."""


def app_id(topic: str, partition: int) -> str:
    """The Delta application id whose version is the last offset of the partition that a lander has landed."""
    return f"landing:{topic}:{partition}"


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets `first` to `last`, both included, of one partition."""

    first: int
    last: int

    def joined(self, later: "Span") -> "Span":
        return Span(self.first, later.last)


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Offsets that the broker holds: from `low` up to, and without, `high`."""

    low: int
    high: int


@dataclass(slots=True)
class PartitionState:
    """Where a reader stands in a partition.

    `expected` is the next offset. `settled` are offsets from `expected` on that reached quarantine in a flush
    whose bronze half a crash prevented: they must not be written again.
    """

    expected: int
    settled: frozenset[int] = field(default_factory=frozenset)

    def missing(self, offsets: np.ndarray) -> int:
        """How many offsets between the expected one and the run's last are not in the run (strictly increasing)."""
        return max(0, int(offsets[-1]) + 1 - self.expected) - int(np.count_nonzero(offsets >= self.expected))

    def admit(self, offsets: np.ndarray) -> np.ndarray | None:
        """Move past a run of strictly increasing offsets: True where one is new, or None where all are."""
        before, self.expected = self.expected, max(self.expected, int(offsets[-1]) + 1)
        if offsets[0] >= before and not self.settled:
            return None
        fresh = (offsets >= before) & ~np.isin(offsets, list(self.settled))
        self.settled = frozenset(offset for offset in self.settled if offset >= self.expected)
        return fresh


def resume(*, name: str, landed: int | None, marks: Watermarks, accept_gap: bool) -> int:
    """The offset to read first, given the store's last one (None: it has none) and what the broker holds.

    `name` is the topic and partition, for messages. Raises OffsetGapError where offsets between the two are
    gone, unless `accept_gap`; and always where the store is ahead of the topic.
    """
    wanted = 0 if landed is None else landed + 1
    if wanted > marks.high:
        raise OffsetGapError(
            f"{name}: offset {landed} is stored, but the topic ends at {marks.high}: the topic was created "
            "anew or cut. Its messages would be taken for old ones: restore the topic, or move "
            "what is stored of it away. A silver job then refuses to run until what is missing was ingested again and "
            "`--rebuild` accepts it"
        )
    if wanted >= marks.low:
        return wanted
    if accept_gap:
        return marks.low
    raise OffsetGapError(
        f"{name}: offsets {wanted} to {marks.low - 1} are gone from the broker and not stored. "
        "Restore them, or start once with --accept-gap to go on from the first that is left"
    )


def verify_contiguous(*, name: str, state: PartitionState, offsets: np.ndarray, low: int) -> int:
    """Judge a run that does not follow the expected offset at once; return how many offsets it skips.

    Offsets may be skipped by transaction markers and by log compaction, never by retention: raises
    OffsetGapError where the broker's first offset `low` has overtaken the expected one.
    """
    missing = state.missing(offsets)
    if missing and low > state.expected:
        raise OffsetGapError(
            f"{name}: expected offset {state.expected}, but the broker now starts at {low}: retention overtook the "
            "reader and messages are lost. Raise the topic's retention; start once with --accept-gap to go on"
        )
    return missing
