"""Amounts of money: exact sums, rounded once, and floats of risk brought to whole cents."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.risk.checks import FloatArray

CENT = Decimal("0.01")
DIGITS = 76
"""Enough for decimal(28, 8) times decimal(18, 8), summed over any portfolio, without a rounding."""
Cents = npt.NDArray[np.int64]


def contract_price(close: Decimal, multiplier: Decimal) -> Decimal:
    """What one contract of `multiplier` units is worth, exact."""
    with localcontext(prec=DIGITS):
        return close * multiplier


def exact_value(lines: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The sum of quantity times price, exact, then rounded half to even to the cent."""
    with localcontext(prec=DIGITS):
        total = sum((quantity * price for quantity, price in lines), Decimal(0))
        return total.quantize(CENT, ROUND_HALF_EVEN)


def to_cents(amounts: FloatArray) -> Cents:
    """Base currency to whole cents, half to even; the shape stays. The input is finite."""
    cents: Cents = np.rint(amounts * 100.0).astype(np.int64)
    return cents


def apportioned(parts: FloatArray, total: int) -> Cents:
    """`parts` (G,), base currency, as whole cents that sum to `total`: each is rounded down, and what is missing goes
    to the largest remainders, of equal ones to the earlier (Hamilton's method). G is at least 1."""
    exact = parts * 100.0
    cents = np.floor(exact).astype(np.int64)
    everyone, some = divmod(total - int(cents.sum()), len(cents))
    order = np.argsort(-(exact - cents), kind="stable")
    cents += everyone
    cents[order[:some]] += 1
    return cents


def money(cents: np.int64) -> Decimal:
    """Whole cents as an amount."""
    return Decimal(int(cents)).scaleb(-2)


def decimal_column(cents: Cents) -> pa.Array:
    """Whole cents (n,) as an Arrow decimal(20, 2) column, without a Python object a row."""
    flat = np.ascontiguousarray(cents, dtype="<i8")
    words = np.empty((len(flat), 2), dtype="<i8")
    words[:, 0], words[:, 1] = flat, flat >> 63
    return pa.Array.from_buffers(pa.decimal128(20, 2), len(flat), [None, pa.py_buffer(words.tobytes())])
