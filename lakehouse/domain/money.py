"""An amount with its currency: exact, and never mixed with another currency."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from lakehouse.errors import TidemarkError

CENT = Decimal("0.01")
DIGITS = 76
"""Enough for decimal(28, 8) times decimal(18, 8), summed over any portfolio, without a rounding."""
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


def cents(amount: Decimal) -> Decimal:
    """An amount rounded half to even to two decimals, which is what gold keeps of any currency."""
    with localcontext(prec=DIGITS):
        return amount.quantize(CENT, ROUND_HALF_EVEN)


def float_cents(amount: float) -> Decimal:
    """A number of risk as an amount, rounded half to even to two decimals; a loss of nothing is 0 and not -0."""
    return Decimal(round(amount * 100.0)).scaleb(-2)
