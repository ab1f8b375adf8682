"""Identifiers that sort by the time they were made: UUID version 7 (RFC 9562)."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from lakehouse.clock import Clock, epoch_us

ENTROPY_BYTES = 10
SYSTEM_USER = UUID("00000000-0000-7000-8000-000000000000")  # owns what no person owns; nobody can log in as it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_LOW_62 = (1 << 62) - 1
_LOW_12 = (1 << 12) - 1
_LOW_48 = (1 << 48) - 1


def uuid7(clock: Clock, entropy: bytes | None = None) -> UUID:
    """A UUIDv7 of the clock's millisecond. Of two made in different milliseconds the later one is greater.

    `entropy` is 10 bytes, of which 74 bits are used; without it the operating system's generator is asked.
    Raises ValueError for another length or for a clock before 1970.
    """
    random = secrets.token_bytes(ENTROPY_BYTES) if entropy is None else entropy
    if len(random) != ENTROPY_BYTES:
        raise ValueError(f"uuid7 takes {ENTROPY_BYTES} bytes of entropy, not {len(random)}")
    millis = epoch_us(clock.now()) // 1000
    if not 0 <= millis <= _LOW_48:
        raise ValueError(f"{clock.now()} cannot be written into a UUIDv7: use an instant from 1970 on")
    bits = int.from_bytes(random, "big")
    high = (bits >> 62) & _LOW_12
    return UUID(int=(millis << 80) | _VERSION_7 | (high << 64) | _VARIANT | (bits & _LOW_62))


def made_at(made: UUID) -> datetime:
    """The millisecond of a UUIDv7, in UTC. Raises ValueError for an id of another version."""
    if made.version != 7:
        raise ValueError(f"{made} does not say when it was made: it is no UUIDv7")
    return _EPOCH + (made.int >> 80) * _MILLISECOND
