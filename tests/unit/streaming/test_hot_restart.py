"""Where the journal goes on, by what processes before have left: rows, a state, or one that cannot be read."""

from datetime import UTC, datetime

import pytest

from lakehouse.stores.hot import Checkpoint, Row
from streaming.hot.journal import Cut, Standing, StateUnreadable, cuts_to_bytes, pack, unpack
from streaming.hot.processor import State
from streaming.hot.restart import Left, Place

AT = datetime(2026, 11, 21, tzinfo=UTC)
BROKEN = Checkpoint(5, b"no state", AT)


def row(number: int, *ends: Place) -> Row:
    cuts = cuts_to_bytes([Cut(each) for each in ends])
    return Row(number=number, batches=len(ends), cuts=cuts, changes=None, ticks=0, committed_at=AT)


def state(number: int, ends: Place) -> Checkpoint:
    return Checkpoint(number, pack(Standing(State(), ends)), AT)


@pytest.mark.parametrize(
    ("left", "number", "ends"),
    [
        (Left(state(0, (3, 4)), None, None), 0, (3, 4)),
        (Left(state(5, (3, 4)), row(9), row(8, (5, 4), (6, 7))), 9, (6, 7)),
        (Left(state(5, (3, 4)), row(9), row(4, (1, 1))), 9, (3, 4)),
        (Left(None, row(9), row(8, (6, 7))), 9, (6, 7)),
        (Left(BROKEN, row(5, (6, 7)), row(5, (6, 7))), 5, (6, 7)),
        (Left(BROKEN, row(6), None), 6, None),
        (Left(None, row(6), None), 6, None),
        (Left(state(7, (3, 4)), row(6), None), 7, (3, 4)),
    ],
)
def test_it_goes_on_after_the_last_row(left: Left, number: int, ends: Place | None) -> None:
    assert (left.is_nothing, left.number, left.ends) == (False, number, ends)


def test_only_without_state_and_rows_nobody_was_there_before() -> None:
    assert Left(None, None, None).is_nothing


def test_a_state_that_cannot_be_read_names_the_way_on() -> None:
    with pytest.raises(StateUnreadable, match="--accept-gap"):
        unpack(BROKEN.state)
