"""Amounts of money: exact prices of contracts, and floats of risk brought to whole cents."""

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.domain.money import DIGITS
from lakehouse.risk.checks import FloatArray

Cents = npt.NDArray[np.int64]


def contract_price(close: Decimal, multiplier: Decimal) -> Decimal:
    """What one contract of `multiplier` units is worth, exact."""
    with localcontext(prec=DIGITS):
        return close * multiplier


def to_cents(amounts: FloatArray) -> Cents:
    """Base currency to whole cents, half to even; the shape stays. The input is finite."""
    whole: Cents = np.rint(amounts * 100.0).astype(np.int64)
    return whole


def money(whole: np.int64) -> Decimal:
    """Whole cents as an amount."""
    return Decimal(int(whole)).scaleb(-2)


def decimal_column(whole: Cents) -> pa.Array:
    """Whole cents (n,) as an Arrow decimal(20, 2) column, without a Python object a row."""
    flat = np.ascontiguousarray(whole, dtype="<i8")
    words = np.empty((len(flat), 2), dtype="<i8")
    words[:, 0], words[:, 1] = flat, flat >> 63
    return pa.Array.from_buffers(pa.decimal128(20, 2), len(flat), [None, pa.py_buffer(words.tobytes())])
