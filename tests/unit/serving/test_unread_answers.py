"""A slow line may be slow: only who takes less than the least in a second is late."""

from hypothesis import given, strategies as st

from serving.kit.slow_clients import GRACE_S, MIN_BYTES_PER_S, MustRead

SIZES = st.integers(1, 400 * MIN_BYTES_PER_S)


def ended_after(size: int, a_second: int) -> int | None:
    """The second in which a client is late that takes so many bytes `a_second`; None where it took all before."""
    connection, waiting = MustRead(), size
    for second in range(10_000):
        if connection.leaves_unread(waiting, float(second)):
            return second
        if not waiting:
            return None
        waiting = max(0, waiting - a_second)
    raise AssertionError("neither ended nor late")


@given(SIZES, st.integers(MIN_BYTES_PER_S, 10 * MIN_BYTES_PER_S))
def test_who_takes_enough_is_never_late(size: int, a_second: int) -> None:
    assert ended_after(size, a_second) is None


@given(SIZES)
def test_who_takes_nothing_is_late_when_the_grace_is_over(size: int) -> None:
    assert ended_after(size, 0) == GRACE_S + 1


@given(SIZES, st.integers(1, MIN_BYTES_PER_S // 2))
def test_who_trickles_is_late_before_long_or_done(size: int, a_second: int) -> None:
    ended = ended_after(size, a_second)
    assert ended is None or ended <= 2 * GRACE_S + 1


def test_what_was_read_begins_anew() -> None:
    connection = MustRead()
    assert not connection.leaves_unread(100, 0.0)
    assert not connection.leaves_unread(0, GRACE_S)
    assert not connection.leaves_unread(100, GRACE_S + 1)
    assert not connection.leaves_unread(100, 2 * GRACE_S + 1)
    assert connection.leaves_unread(100, 2 * GRACE_S + 2)
