"""An amount with its currency: exact, and never mixed with another currency."""

import re
from dataclasses import dataclass
from decimal import Decimal

from lakehouse.errors import TidemarkError

_CURRENCY = re.compile(r"[A-Z]{3}")


class MoneyError(TidemarkError, ValueError):
    """An amount that is not finite, or a currency that is not an ISO 4217 code."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` units of `currency`; the sign is the amount's own."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not self.amount.is_finite():
            raise MoneyError(f"{self.amount} is no amount of money: it must be finite")
        if not _CURRENCY.fullmatch(self.currency):
            raise MoneyError(f"{self.currency!r} is no currency: give its three-letter ISO 4217 code")

    @property
    def text(self) -> str:
        """The amount in plain digits with at least the scale it was given; no exponent."""
        return f"{self.amount:f}"
