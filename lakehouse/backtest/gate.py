"""The gate between the gears: two results of one strategy are the same, or something is wrong with one of them."""

from typing import Final

import numpy as np

from lakehouse.backtest.market import BacktestError
from lakehouse.backtest.result import Result
from lakehouse.risk.checks import FloatArray

TOLERANCE: Final = 1e-9
"""Largest difference of a number, as a share of it."""


class GearsDisagree(BacktestError):
    """The vectorised and the event-driven gear gave different results; the message names the first difference."""


def require_equal(one: Result, other: Result) -> None:
    """Raises GearsDisagree unless trades, equity and cash are the same."""
    if len(one.trades) != len(other.trades):
        raise GearsDisagree(f"{len(one.trades)} trades against {len(other.trades)}")
    for name in ("day", "column", "delisting"):
        _same(f"trades.{name}", getattr(one.trades, name), getattr(other.trades, name), tolerance=0.0)
    for name in ("units", "price", "fee"):
        _same(f"trades.{name}", getattr(one.trades, name), getattr(other.trades, name))
    for name in ("equity", "cash"):
        _same(name, getattr(one, name), getattr(other, name), scale=one.rules.initial_cash)


def _same(name: str, one: FloatArray, other: FloatArray, *, tolerance: float = TOLERANCE, scale: float = 0.0) -> None:
    allowed = tolerance * np.maximum(np.abs(one), scale)
    apart = np.flatnonzero(~(np.abs(one.astype(float) - other.astype(float)) <= allowed))
    if len(apart):
        first = int(apart[0])
        raise GearsDisagree(f"{name}[{first}] is {one[first]!r} against {other[first]!r}, and {len(apart) - 1} more")
