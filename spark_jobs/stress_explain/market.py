"""Prices and exchange rates of two closes, with what is missing refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa

from lakehouse.portfolio.fx import STALE_DAYS, Rates, line
from spark_jobs.kit.holdings import Portfolio, Unmeasured
from spark_jobs.kit.rates import rate_on


@dataclass(frozen=True, slots=True)
class Close:
    """A price in its currency, and its day."""

    day: date
    price: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class TwoCloses:
    """The market at the closes of `previous` and `day`. `before` holds the newest close of an instrument on or before
    `previous`, `after` that of `day` itself; `multipliers` where they are not 1."""

    previous: date | None
    day: date
    before: Mapping[str, Close]
    after: Mapping[str, Close]
    rates: Rates
    multipliers: Mapping[str, Decimal]

    def multiplier(self, symbol: str) -> Decimal:
        """Units of the underlying in one unit."""
        return self.multipliers.get(symbol, Decimal(1))

    def close_before(self, symbol: str) -> Close:
        """Raises Unmeasured without one, or for one that is older than prices usually get."""
        return _usable(self.before, symbol, self._previous())

    def close(self, symbol: str) -> Close:
        """Raises Unmeasured without one."""
        return _usable(self.after, symbol, self.day)

    def worth(self, portfolio: Portfolio, symbol: str, units: Decimal) -> Decimal:
        """What units are worth at the close: see kit.holdings.Worth."""
        close = self.close(symbol)
        return units * close.price * self.multiplier(symbol) * self.rate(close.currency, portfolio.base_currency)

    def line(self, portfolio: Portfolio, symbol: str) -> str:
        """See kit.holdings.Line."""
        return line(symbol, self.close(symbol).currency, portfolio.base_currency)

    def rate(self, currency: str, base: str) -> Decimal:
        """Units of `base` for one of `currency` on the day. Raises Unmeasured."""
        return rate_on(self.rates, (currency, base), self.day)

    def rates_of(self, currency: str, base: str) -> tuple[Decimal, Decimal]:
        """The same at the close before, and on the day."""
        return rate_on(self.rates, (currency, base), self._previous()), self.rate(currency, base)

    def _previous(self) -> date:
        if self.previous is None:
            raise Unmeasured(f"there is no close before {self.day}")
        return self.previous


def two_closes(
    bars: pa.Table, previous: date | None, day: date, rates: Rates, multipliers: Mapping[str, Decimal]
) -> TwoCloses:
    """The market of `bars` (symbol, business_date, close, currency), whose order does not matter."""
    before: dict[str, Close] = {}
    after: dict[str, Close] = {}
    for bar in sorted(bars.to_pylist(), key=lambda bar: bar["business_date"]):
        close = Close(bar["business_date"], bar["close"], bar["currency"])
        if close.day == day:
            after[bar["symbol"]] = close
        elif previous is not None and close.day <= previous:
            before[bar["symbol"]] = close
    return TwoCloses(previous, day, before, after, rates, multipliers)


def _usable(closes: Mapping[str, Close], symbol: str, day: date) -> Close:
    found = closes.get(symbol)
    if found is None or found.day < day - timedelta(days=STALE_DAYS):
        raise Unmeasured(f"{symbol} has no close of {day}")
    return found
