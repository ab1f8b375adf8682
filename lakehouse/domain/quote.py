"""A price as a provider reports it, and as the master table holds it."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lakehouse.errors import TidemarkError

SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.^=/_-]{0,31}")
PROVIDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LIMIT = Decimal(10) ** 10  # what numeric(18, 8) holds


class QuoteError(TidemarkError, ValueError):
    """A quote that cannot be true: no symbol, no time zone, a price of zero, or a bid above the ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One observation. Prices are in `currency` per unit; `seq` orders observations of one instant of a provider."""

    symbol: str
    price: Decimal
    currency: str
    provider: str
    as_of: datetime
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    previous_close: Decimal | None = None
    size: Decimal | None = None
    seq: int = 0

    def __post_init__(self) -> None:
        if not SYMBOL.fullmatch(self.symbol) or not PROVIDER.fullmatch(self.provider):
            raise QuoteError(f"{self.symbol!r} of {self.provider!r} is no quote: check symbol and provider")
        if not _CURRENCY.fullmatch(self.currency):
            raise QuoteError(f"{self.symbol}: {self.currency!r} is no currency")
        if self.as_of.tzinfo is None:
            raise QuoteError(f"{self.symbol}: as_of {self.as_of} has no time zone")
        for name in ("price", "bid", "ask", "previous_close"):
            _check(self, name, getattr(self, name), least=Decimal("1e-8"))
        for name in ("bid_size", "ask_size", "size"):
            _check(self, name, getattr(self, name), least=Decimal(0))
        if self.bid is not None and self.ask is not None and self.bid > self.ask:
            raise QuoteError(f"{self.symbol}: the bid {self.bid} is above the ask {self.ask}")


def _check(quote: Quote, name: str, value: Decimal | None, *, least: Decimal) -> None:
    if value is None:
        return
    if not value.is_finite() or not least <= value < _LIMIT:
        raise QuoteError(f"{quote.symbol}: {name} {value} is impossible")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestQuote:
    """A row of the master table. `version` goes up by one with each change of the symbol: streams use it as seq."""

    symbol: str
    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    previous_close: Decimal | None
    currency: str
    provider: str
    as_of: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of `interval` ('1m', '5m' or '1d'). Only the close is always known."""

    symbol: str
    interval: str
    starts_at: datetime
    close: Decimal
    provider: str
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
