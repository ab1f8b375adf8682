"""What a run is computed from: the positions at their newest prices, and the daily closes behind them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from serving.kit.access import Principal
from serving.kit.database import Database

HISTORY_DAYS = 400  # calendar days: a year of trading days and a month

PORTFOLIOS: Final[LiteralString] = """
    SELECT p.id, p.base_currency FROM app.portfolio AS p
    WHERE (%(reads_all)s OR p.owner_id = %(reader)s) AND (%(portfolio_id)s::uuid IS NULL OR p.id = %(portfolio_id)s)
    ORDER BY p.id LIMIT 2
"""
# The newest rate up to today, in the direction that exists; 1 within a currency, nothing where there is no rate.
VALUES: Final[LiteralString] = """
    SELECT x.symbol, x.quantity, i.multiplier, i.currency,
           coalesce(q.price, (
               SELECT b.close FROM market.bar AS b
               WHERE b.symbol = x.symbol AND b.interval = '1d' ORDER BY b.starts_at DESC LIMIT 1
           )) AS price,
           CASE WHEN i.currency = p.base_currency THEN 1 ELSE (
               SELECT CASE WHEN r.base = i.currency THEN r.rate ELSE 1 / r.rate END FROM market.fx_rate AS r
               WHERE (r.base, r.quote) IN ((i.currency, p.base_currency), (p.base_currency, i.currency))
               ORDER BY r.as_of DESC LIMIT 1
           ) END AS fx_rate
    FROM app.position AS x
    JOIN app.portfolio AS p ON p.id = x.portfolio_id
    JOIN app.instrument AS i ON i.symbol = x.symbol
    LEFT JOIN market.realtime_symbols AS q ON q.symbol = x.symbol
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
    """A position with what it is worth; price and rate are None where unknown."""

    symbol: str
    quantity: Decimal
    multiplier: Decimal
    currency: str
    price: Decimal | None
    fx_rate: Decimal | None


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

    async def values(self, portfolio_id: UUID) -> list[ValueRow]:
        """What the portfolio holds, with the newest prices."""
        return await self._database.fetch(VALUES, {"portfolio_id": portfolio_id}, ValueRow)

    async def closes(self, portfolio_id: UUID) -> list[CloseRow]:
        """Daily closes of what it holds, of the last 400 days before the newest."""
        return await self._database.fetch(CLOSES, {"id": portfolio_id, "days": HISTORY_DAYS}, CloseRow)
