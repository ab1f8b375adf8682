"""What each portfolio holds at a close, and what that is worth: risk and stress measure the same holdings.

A portfolio that cannot be valued keeps the reason, and keeps no other from being measured.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, functions as F

from lakehouse.domain.money import cents
from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.pnl_explain import EXACT

POSITIONS = ("portfolio_id", "portfolio_name", "base_currency", "symbol", "quantity")
NAMED = 3
"""Reasons that a portfolio tells before it only counts the others."""


class Unmeasured(TidemarkError):
    """A portfolio cannot be measured; the message is the reason that its row keeps."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Who holds: identity and the currency of its reports."""

    id: str
    name: str
    base_currency: str


@dataclass(frozen=True, slots=True)
class Copied(Portfolio):
    """A portfolio in a day's copy of positions: units by symbol, in order."""

    units: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holder(Portfolio):
    """A portfolio with the worth of what it holds: exact to the cent, and by line as floats. With a `reason` it
    cannot be measured: it has neither."""

    value: Decimal | None
    exposures: Mapping[str, float]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """P holders of N lines, named as `Line` says: `exposures` (N, P), base currency, negative for a short."""

    holders: tuple[Holder, ...]
    symbols: tuple[str, ...]
    exposures: FloatArray


Worth = Callable[[Portfolio, str, Decimal], Decimal]
"""What so many units of a symbol are worth to a portfolio, base currency, exact. Raises Unmeasured."""
Line = Callable[[Portfolio, str], str]
"""Under which name a portfolio's holding of a symbol stands: see portfolio.fx.line."""


def by_its_symbol(_: Portfolio, symbol: str) -> str:
    """The line of holdings that are all priced in the currency of who holds them."""
    return symbol


def positions(copies: DataFrame, day: date) -> DataFrame:
    """The holdings copied for the close of `day`."""
    return copies.where(F.col("business_date") == F.lit(day)).select(*POSITIONS)


def copied(rows: pa.Table) -> dict[str, Copied]:
    """Rows of `positions` by portfolio, each in order."""
    found: dict[str, Copied] = {}
    for row in rows.sort_by([("portfolio_id", "ascending"), ("symbol", "ascending")]).to_pylist():
        empty = Copied(row["portfolio_id"], row["portfolio_name"], row["base_currency"])
        found.setdefault(row["portfolio_id"], empty).units[row["symbol"]] = row["quantity"]
    return found


def valued(portfolios: Iterable[Copied], worth: Worth, line: Line = by_its_symbol) -> Held:
    """What portfolios hold, each unit valued by `worth`."""
    return held_by([_holder(each, worth, line) for each in portfolios])


def held_by(holders: Iterable[Holder]) -> Held:
    """The matrix of what these hold; symbols in sorted order."""
    listed = tuple(holders)
    symbols = tuple(sorted({symbol for holder in listed for symbol in holder.exposures}))
    place = {symbol: number for number, symbol in enumerate(symbols)}
    exposures = np.zeros((len(symbols), len(listed)))
    for column, holder in enumerate(listed):
        for symbol, amount in holder.exposures.items():
            exposures[place[symbol], column] = amount
    return Held(listed, symbols, exposures)


def _holder(portfolio: Copied, worth: Worth, line: Line) -> Holder:
    named = (portfolio.id, portfolio.name, portfolio.base_currency)
    found: dict[str, Decimal] = {}
    reasons: list[str] = []
    with localcontext(EXACT):
        for symbol, units in portfolio.units.items():
            try:
                amount = worth(portfolio, symbol, units)
                found[line(portfolio, symbol)] = amount
            except Unmeasured as error:
                reasons.append(str(error))
        value = cents(sum(found.values(), Decimal(0)))
    if reasons:
        return Holder(*named, None, {}, _told(reasons))
    return Holder(*named, value, {symbol: float(amount) for symbol, amount in found.items()})


def _told(reasons: list[str]) -> str:
    """The first few, and how many more there are."""
    more = len(reasons) - NAMED
    return "; ".join(reasons[:NAMED]) + (f"; and {more} more holdings" if more > 0 else "")
