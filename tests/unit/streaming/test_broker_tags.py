"""Tags of orders: short enough, and another one for every order."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, strategies as st

from lakehouse.clock import ManualClock
from lakehouse.domain.ids import uuid7
from streaming.broker.tags import EPOCH, LENGTH, NoTag, tag_of

LAST = datetime(2043, 12, 31, tzinfo=UTC)
MADE = st.builds(
    lambda at, entropy: uuid7(ManualClock(at), entropy),
    st.datetimes(EPOCH.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)),
    st.binary(min_size=10, max_size=10),
)


@given(MADE, MADE)
def test_two_orders_have_two_tags_of_letters_and_digits_in_the_order_of_their_ids(one: UUID, other: UUID) -> None:
    tags = tag_of(one), tag_of(other)
    assert all(len(tag) == LENGTH and tag.isascii() and tag.isalnum() for tag in tags)
    assert (tags[0] < tags[1]) == (one < other)
    assert (tags[0] == tags[1]) == (one == other)


@pytest.mark.parametrize(
    "order_id",
    [
        uuid4(),
        uuid7(ManualClock(EPOCH - timedelta(milliseconds=1))),
        uuid7(ManualClock(datetime(2045, 1, 1, tzinfo=UTC))),
    ],
)
def test_an_id_without_room_has_none(order_id: UUID) -> None:
    with pytest.raises(NoTag):
        tag_of(order_id)
