"""The rules of live values: the hot process's where it is there and not behind, else by the newest prices that are
kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import minor_digits
from lakehouse.portfolio.fx import Exchange, Rates
from lakehouse.portfolio.transactions import to_units
from lakehouse.portfolio.valuation import Asset, Market, position_minor, worth
from lakehouse.stores.books.newest import NewestPrice, as_prices, newest_prices, newest_rates
from serving.kit.access import Principal
from serving.kit.types import MoneyOut, money_of
from serving.live.repository import HotRow, LiveRepository, Opening
from serving.live.schemas import LiveOut, LiveSource
from serving.performance.repository import CashRow, HeldRow, PerformanceRepository, PortfolioRow
from serving.portfolios.service import PortfolioNotFound

BEHIND: Final = timedelta(seconds=10)
"""A hot process whose newest tick is so much older than a price of the portfolio is not what to go by."""


@dataclass(frozen=True, slots=True)
class _Market:
    """The newest prices of what is held, and rates of the day."""

    today: date
    prices: dict[str, NewestPrice]
    rates: Rates

    @property
    def as_of(self) -> datetime | None:
        return max((price.as_of for price in self.prices.values()), default=None)


class LiveService:
    """Live values of the caller's portfolios."""

    def __init__(self, repository: LiveRepository, books: PerformanceRepository, clock: Clock) -> None:
        self._repository = repository
        self._books = books
        self._clock = clock

    async def live(self, principal: Principal, portfolio_id: UUID) -> LiveOut:
        """The portfolio now. Raises PortfolioNotFound and PostgresUnavailable."""
        portfolio = await self._books.find(principal, portfolio_id)
        if portfolio is None:
            raise PortfolioNotFound(portfolio_id)
        today, fetch = self._clock.now().date(), self._repository.database.fetch
        hot, held = await asyncio.gather(self._repository.hot(portfolio_id), self._books.held(portfolio_id))
        prices = await newest_prices(fetch, [row.symbol for row in held], today)
        market = _Market(today, prices, Rates(()))
        if hot is not None and not _is_behind(hot, market):
            return _of_hot(portfolio, hot)
        cash = await self._books.cash(portfolio.account_id)
        currencies = {portfolio.base_currency, *(row.currency for row in held), *(row.currency for row in cash)}
        rates, opening = await asyncio.gather(
            newest_rates(fetch, currencies, today), self._repository.opening(portfolio_id, today)
        )
        return _of_prices(portfolio, held, cash, _Market(today, prices, rates), opening)


def _is_behind(hot: HotRow, market: _Market) -> bool:
    newest = market.as_of
    return newest is not None and (hot.at is None or newest - hot.at > BEHIND)


def _of_hot(portfolio: PortfolioRow, hot: HotRow) -> LiveOut:
    base = portfolio.base_currency
    opening = None if hot.opening is None else _minor(hot.opening, base)
    amounts = None if hot.missing else tuple(_minor(each, base) for each in (hot.equity, hot.net, hot.gross))
    return _out(portfolio, LiveSource.HOT, hot.at, (amounts, hot.missing, opening))


def _of_prices(
    portfolio: PortfolioRow,
    held: Sequence[HeldRow],
    cash: Sequence[CashRow],
    found: _Market,
    opening: Opening | None,
) -> LiveOut:
    base, today = portfolio.base_currency, found.today
    assets = {row.symbol: Asset(row.symbol, row.currency, to_units(row.multiplier)) for row in held}
    market = Market(assets, as_prices(found.prices.values()), Exchange(found.rates, base))
    units = {row.symbol: to_units(row.quantity) for row in held}
    value = worth(today, units, {row.currency: row.balance_minor for row in cash}, market)
    each = [_position(row, market, today) for row in held]
    known = [minor for minor in each if minor is not None]
    missing = len(each) - len(known)
    amounts = None
    if value.value_minor is not None and value.cash_minor is not None:
        amounts = (value.value_minor, value.value_minor - value.cash_minor, sum(map(abs, known)))
    start = None if opening is None or opening.currency != base else opening.minor
    return _out(portfolio, LiveSource.PRICES, found.as_of, (amounts, missing, start))


def _position(row: HeldRow, market: Market, today: date) -> int | None:
    """What it is worth in minor units of the base currency; None without a price or rate."""
    close = market.prices.find(row.symbol, today)
    if close is None:
        return None
    own = position_minor(market.assets[row.symbol], to_units(row.quantity), close.price)
    return market.exchange.minor(own, row.currency, today)


Amounts = tuple[int, ...] | None


def _out(
    portfolio: PortfolioRow, source: LiveSource, as_of: datetime | None, found: tuple[Amounts, int, int | None]
) -> LiveOut:
    amounts, missing, opening = found
    base = portfolio.base_currency
    equity, net, gross = amounts or (None, None, None)
    return LiveOut(
        portfolio_id=portfolio.id,
        base_currency=base,
        source=source,
        as_of=as_of,
        equity=_money(equity, base),
        net=_money(net, base),
        gross=_money(gross, base),
        missing=missing,
        opening=_money(opening, base),
        day_pnl=_money(None if equity is None or opening is None else equity - opening, base),
    )


def _money(minor: int | None, currency: str) -> MoneyOut | None:
    return None if minor is None else money_of(minor, currency)


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(minor_digits(currency)).to_integral_value(ROUND_HALF_EVEN))
