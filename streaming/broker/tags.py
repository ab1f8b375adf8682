"""Short names of orders for brokers that give little room: another one for every order, always the same for one."""

import string
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from lakehouse.domain.ids import made_at
from lakehouse.errors import TidemarkError

LENGTH: Final = 19
"""Angel One: "The length of the tag should be less than 20 characters"."""
EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM: Final = 74
_MILLISECOND: Final = timedelta(milliseconds=1)


class NoTag(TidemarkError):
    """The order's id does not fit into a tag."""


def tag_of(order_id: UUID) -> str:
    """All that is in a UUIDv7, its millisecond since EPOCH and its 74 random bits, as 19 letters and digits.

    Injective: 62**19 is more than 2**74 milliseconds of 19 years. Raises NoTag for an id that was not made between
    2025 and 2043, or is no UUIDv7.
    """
    try:
        millis = (made_at(order_id) - EPOCH) // _MILLISECOND
    except ValueError as error:
        raise NoTag(str(error)) from error
    number = (millis << _RANDOM) | ((order_id.int >> 64 & 0xFFF) << 62) | (order_id.int & (1 << 62) - 1)
    if not 0 <= number < len(_DIGITS) ** LENGTH:
        raise NoTag(f"order {order_id} was not made between 2025 and 2043: a tag has no room for it")
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
