"""Numbers and names as the demo prints them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

T = TypeVar("T")


def money(amount: Decimal) -> str:
    """1,234.50"""
    return f"{amount:,.2f}"


def signed(amount: Decimal) -> str:
    """+1,234.50"""
    return f"{amount:+,.2f}"


def percent(share: Decimal | float) -> str:
    """12.3 %, of the share 0.123"""
    return f"{share * 100:.1f} %"


def words(name: str) -> str:
    """parametric_normal as people write it."""
    return name.replace("_", " ")


def split(ranked: Sequence[T], shown: int) -> tuple[Sequence[T], Sequence[T]]:
    """Those with a line of their own, and the others; one other alone gets a line, too."""
    own = len(ranked) if len(ranked) <= shown + 1 else shown
    return ranked[:own], ranked[own:]
