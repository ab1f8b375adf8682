"""What each portfolio holds at a close, and what that is worth in the currency of its reports. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import numpy as np
import pyarrow as pa

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.pnl_explain import EXACT
from spark_jobs.stress_explain.market import TwoCloses, Unmeasured

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Copied:
    """A portfolio in a day's copy of positions: units by symbol, in order."""

    id: str
    name: str
    base_currency: str
    units: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holder:
    """A portfolio with the worth of what it holds: exact to the cent, and by symbol as floats. With a `reason` it
    cannot be measured: it has neither."""

    id: str
    name: str
    base_currency: str
    value: Decimal | None
    exposures: Mapping[str, float]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """P holders of N instruments: `exposures` (N, P), base currency, negative for a short."""

    holders: tuple[Holder, ...]
    symbols: tuple[str, ...]
    exposures: FloatArray


def copied(positions: pa.Table) -> dict[str, Copied]:
    """Positions (portfolio_id, portfolio_name, base_currency, symbol, quantity) by portfolio, each in order."""
    found: dict[str, Copied] = {}
    for row in positions.sort_by([("portfolio_id", "ascending"), ("symbol", "ascending")]).to_pylist():
        empty = Copied(row["portfolio_id"], row["portfolio_name"], row["base_currency"])
        found.setdefault(row["portfolio_id"], empty).units[row["symbol"]] = row["quantity"]
    return found


def valued(portfolios: Iterable[Copied], market: TwoCloses) -> Held:
    """What portfolios hold at the market's close."""
    holders = tuple(_holder(each, market) for each in portfolios)
    symbols = tuple(sorted({symbol for holder in holders for symbol in holder.exposures}))
    place = {symbol: number for number, symbol in enumerate(symbols)}
    exposures = np.zeros((len(symbols), len(holders)))
    for column, holder in enumerate(holders):
        for symbol, amount in holder.exposures.items():
            exposures[place[symbol], column] = amount
    return Held(holders, symbols, exposures)


def _holder(portfolio: Copied, market: TwoCloses) -> Holder:
    named = (portfolio.id, portfolio.name, portfolio.base_currency)
    try:
        with localcontext(EXACT):
            worth = {symbol: _worth(symbol, units, portfolio, market) for symbol, units in portfolio.units.items()}
            value = sum(worth.values(), Decimal(0)).quantize(CENT, ROUND_HALF_EVEN)
    except Unmeasured as error:
        return Holder(*named, None, {}, str(error))
    return Holder(*named, value, {symbol: float(amount) for symbol, amount in worth.items()})


def _worth(symbol: str, units: Decimal, portfolio: Copied, market: TwoCloses) -> Decimal:
    close = market.close(symbol)
    if close.currency != portfolio.base_currency:
        # Its moves would be those of a price alone: the history of exchange rates is not in the lake.
        raise Unmeasured(f"{symbol} is priced in {close.currency}: scenarios have no exchange rates")
    return units * close.price * market.multiplier(symbol)
