"""Numbers and answers of brokers, read as what they are: exact, finite, or refused."""

from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from streaming.kit.remote import ProviderError

NUL: Final = rb"\u0000"
MOST: Final = Decimal(10) ** 10
"""No price is as much; no number of units at a broker either."""

Read = TypeVar("Read")


def decoded(name: str, body: bytes, kind: type[Read]) -> Read:
    """The answer as a `kind`. Raises ProviderError, without the answer's text; a NUL is in no name that can be kept."""
    if NUL in body:
        raise ProviderError(f"{name}: an answer holds a NUL", body=body)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderError(f"{name}: an answer cannot be read: {error}", body=body) from None


def amount(name: str, value: Decimal) -> Decimal:
    """A finite number of a size that can be. Raises ProviderError."""
    if not value.is_finite() or abs(value) >= MOST:
        raise ProviderError(f"{name}: {value} is no number of units and no price")
    return value


def positive(name: str, value: Decimal) -> Decimal:
    """The same above 0."""
    if amount(name, value) <= 0:
        raise ProviderError(f"{name}: {value} is no number of units and no price")
    return value


def text_of(value: Decimal) -> str:
    """Digits, without an exponent."""
    return f"{value.normalize():f}"
