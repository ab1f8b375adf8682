"""What a run is computed from: the positions at their newest prices, and the daily closes behind them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.portfolio.fx import Exchange
from lakehouse.portfolio.transactions import to_units
from lakehouse.portfolio.valuation import Asset, Prices, position_minor
from lakehouse.stores.books.newest import as_prices, newest_prices, newest_rates
from serving.kit.access import Principal
from serving.kit.database import Database

HISTORY_DAYS = 400  # calendar days: a year of trading days and a month

PORTFOLIOS: Final[LiteralString] = """
    SELECT p.id, p.base_currency FROM app.portfolio AS p
    WHERE (%(reads_all)s OR p.owner_id = %(reader)s) AND (%(portfolio_id)s::uuid IS NULL OR p.id = %(portfolio_id)s)
    ORDER BY p.id LIMIT 2
"""
HELD: Final[LiteralString] = """
    SELECT x.symbol, x.quantity, i.multiplier, i.currency
    FROM app.position AS x JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE x.portfolio_id = %(portfolio_id)s
    ORDER BY x.symbol
"""
CLOSES: Final[LiteralString] = """
    SELECT b.symbol, (b.starts_at AT TIME ZONE 'UTC')::date AS business_date, b.close
    FROM market.bar AS b
    WHERE b.interval = '1d' AND b.symbol IN (SELECT x.symbol FROM app.position AS x WHERE x.portfolio_id = %(id)s)
      AND b.starts_at > (
          SELECT max(n.starts_at) FROM market.bar AS n
          WHERE n.interval = '1d'
            AND n.symbol IN (SELECT x.symbol FROM app.position AS x WHERE x.portfolio_id = %(id)s)
      ) - make_interval(days => %(days)s)
    ORDER BY b.symbol, b.starts_at
"""


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """A portfolio that a session may be about."""

    id: UUID
    base_currency: str


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A position with what it is worth, in minor units of its own and of the base currency; None where unknown."""

    symbol: str
    currency: str
    own_minor: int | None
    base_minor: int | None


@dataclass(frozen=True, slots=True)
class _Held:
    symbol: str
    quantity: Decimal
    multiplier: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class CloseRow:
    """A daily close."""

    symbol: str
    business_date: date
    close: Decimal


class AnalysisRepository:
    """Reads for analysis sessions. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def portfolios(self, principal: Principal, portfolio_id: UUID | None) -> list[PortfolioRow]:
        """The portfolio, or up to two of the caller's where none is named."""
        names = {**principal.reader, "portfolio_id": portfolio_id}
        return await self._database.fetch(PORTFOLIOS, names, PortfolioRow)

    async def values(self, portfolio_id: UUID, base_currency: str, today: date) -> list[ValueRow]:
        """What the portfolio holds, worth what it is by the newest prices and rates."""
        fetch = self._database.fetch
        held = await fetch(HELD, {"portfolio_id": portfolio_id}, _Held)
        found = await newest_prices(fetch, {row.symbol for row in held}, today)
        rates = await newest_rates(fetch, {base_currency, *(row.currency for row in held)}, today)
        prices, exchange = as_prices(found.values()), Exchange(rates, base_currency)
        return [_value(row, prices, exchange, today) for row in held]

    async def closes(self, portfolio_id: UUID) -> list[CloseRow]:
        """Daily closes of what it holds, of the last 400 days before the newest."""
        return await self._database.fetch(CLOSES, {"id": portfolio_id, "days": HISTORY_DAYS}, CloseRow)


def _value(row: _Held, prices: Prices, exchange: Exchange, today: date) -> ValueRow:
    close = prices.find(row.symbol, today)
    if close is None:
        return ValueRow(row.symbol, row.currency, None, None)
    asset = Asset(row.symbol, row.currency, to_units(row.multiplier))
    own = position_minor(asset, to_units(row.quantity), close.price)
    return ValueRow(row.symbol, row.currency, own, exchange.minor(own, row.currency, today))
