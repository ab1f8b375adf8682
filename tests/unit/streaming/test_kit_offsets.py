"""Offsets: where a lander resumes, what it admits, what it calls a gap."""

import numpy as np
import pytest

from streaming.kit.offsets import OffsetGapError, PartitionState, Span, Watermarks, resume, verify_contiguous


def offsets(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize(
    ("landed", "marks", "start"),
    [
        (None, Watermarks(0, 0), 0),
        (None, Watermarks(0, 9), 0),
        (4, Watermarks(0, 9), 5),
        (8, Watermarks(0, 9), 9),
        (4, Watermarks(5, 5), 5),
        (4, Watermarks(5, 9), 5),
    ],
)
def test_a_partition_resumes_after_what_has_landed(landed: int | None, marks: Watermarks, start: int) -> None:
    assert resume(name="t[0]", landed=landed, marks=marks, accept_gap=False) == start


@pytest.mark.parametrize(("landed", "marks"), [(None, Watermarks(3, 9)), (4, Watermarks(6, 9))])
def test_lost_offsets_stop_it_until_a_person_accepts_them(landed: int | None, marks: Watermarks) -> None:
    with pytest.raises(OffsetGapError, match="--accept-gap"):
        resume(name="t[0]", landed=landed, marks=marks, accept_gap=False)

    assert resume(name="t[0]", landed=landed, marks=marks, accept_gap=True) == marks.low


def test_a_topic_shorter_than_the_table_is_never_accepted() -> None:
    with pytest.raises(OffsetGapError, match="created anew"):
        resume(name="t[0]", landed=9, marks=Watermarks(0, 5), accept_gap=True)


def test_a_run_that_follows_is_admitted_whole() -> None:
    state = PartitionState(5)

    assert state.missing(offsets(5, 6, 7)) == 0
    assert state.admit(offsets(5, 6, 7)) is None
    assert state.expected == 8


def test_replayed_offsets_are_dropped() -> None:
    state = PartitionState(5)

    assert state.missing(offsets(3, 4, 5, 6)) == 0
    fresh = state.admit(offsets(3, 4, 5, 6))

    assert fresh is not None
    assert fresh.tolist() == [False, False, True, True]
    assert state.expected == 7


def test_a_run_of_old_offsets_moves_nothing() -> None:
    state = PartitionState(5)

    assert verify_contiguous(name="t[0]", state=state, offsets=offsets(1, 2), low=0) == 0
    fresh = state.admit(offsets(1, 2))

    assert fresh is not None
    assert not fresh.any()
    assert state.expected == 5


def test_offsets_settled_before_a_crash_are_dropped_once_and_forgotten() -> None:
    state = PartitionState(5, frozenset({6, 9}))

    first = state.admit(offsets(5, 6, 7))
    second = state.admit(offsets(8, 9))

    assert first is not None
    assert second is not None
    assert (first.tolist(), second.tolist()) == ([True, False, True], [True, False])
    assert state.settled == frozenset()


def test_holes_are_counted_where_the_broker_still_has_what_was_expected() -> None:
    state = PartitionState(5)

    assert verify_contiguous(name="t[0]", state=state, offsets=offsets(6, 7, 10), low=0) == 3


def test_a_hole_that_retention_made_is_an_alarm() -> None:
    with pytest.raises(OffsetGapError, match="retention overtook"):
        verify_contiguous(name="t[0]", state=PartitionState(5), offsets=offsets(9, 10), low=9)


def test_spans_join() -> None:
    assert Span(1, 4).joined(Span(5, 9)) == Span(1, 9)
