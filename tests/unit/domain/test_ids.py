"""UUIDv7: version, variant, time order, and nothing of the entropy lost."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, uuid4

import pytest
from hypothesis import given, strategies as st

from lakehouse.clock import ManualClock
from lakehouse.domain.ids import ENTROPY_BYTES, made_at, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 230 * 365 * 86_400 * 1_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))
ENTROPY = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


def test_the_example_of_the_rfc() -> None:
    clock = ManualClock(datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC))
    bits = (0xCC3 << 62) | 0x18C4DC0C0C07398F
    assert str(uuid7(clock, bits.to_bytes(ENTROPY_BYTES, "big"))) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(INSTANTS, ENTROPY)
def test_version_variant_and_time(instant: datetime, entropy: bytes) -> None:
    made = uuid7(ManualClock(instant), entropy)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == (instant - EPOCH) // timedelta(milliseconds=1)


@given(ENTROPY, ENTROPY)
def test_a_later_millisecond_sorts_later_whatever_the_entropy(first: bytes, second: bytes) -> None:
    clock = ManualClock()
    earlier = uuid7(clock, first)
    clock.sleep(0.001)
    assert earlier < uuid7(clock, second)


def test_the_operating_system_gives_entropy() -> None:
    clock = ManualClock()
    assert len({uuid7(clock) for _ in range(1000)}) == 1000


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        uuid7(ManualClock(), b"short")
    with pytest.raises(ValueError, match="1969"):
        uuid7(ManualClock(datetime(1969, 12, 31, tzinfo=UTC)))


def test_an_id_tells_the_millisecond_in_which_it_was_made() -> None:
    instant = datetime(2024, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)
    assert made_at(uuid7(ManualClock(instant))) == instant.replace(microsecond=123_000)
    with pytest.raises(ValueError, match="no UUIDv7"):
        made_at(uuid4())
