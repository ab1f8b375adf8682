"""What risk on request is measured from: holdings and daily closes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.portfolio.fx import Rates
from lakehouse.quality.actions import Action, ActionKind
from lakehouse.stores.books.history import parse_rates, read_rates
from lakehouse.stores.marts import Marts
from serving.kit.database import Database
from serving.risk.history import Closes
from serving.risk.measuring import Holding

HOLDINGS: Final[LiteralString] = """
    SELECT x.symbol, i.currency, i.multiplier, x.quantity
    FROM app.position AS x JOIN app.instrument AS i ON i.symbol = x.symbol
    WHERE x.portfolio_id = %(id)s
    ORDER BY x.symbol
"""
BARS: Final[LiteralString] = """
    SELECT s.symbol, array_agg(b.day ORDER BY b.day) AS days, array_agg(b.close ORDER BY b.day) AS closes
    FROM unnest(%(symbols)s::text[]) AS s (symbol)
    CROSS JOIN LATERAL (
        SELECT (x.starts_at AT TIME ZONE 'UTC')::date AS day, x.close
        FROM market.bar AS x
        WHERE x.interval = '1d' AND x.symbol = s.symbol
        ORDER BY x.starts_at DESC
        LIMIT %(limit)s
    ) AS b
    GROUP BY s.symbol
"""
ACTIONS: Final[LiteralString] = """
    SELECT c.symbol, c.kind, c.ex_date, c.ratio, c.related_symbol, c.cost_share, c.amount, c.currency
    FROM app.corporate_action AS c
    WHERE c.symbol = ANY(%(symbols)s) AND c.reversed_at IS NULL AND c.adjusts_prices
    ORDER BY c.symbol, c.ex_date, c.kind
"""
GOLD: Final[LiteralString] = """
    SELECT symbol, business_date, close FROM returns_daily_v1
    WHERE has({symbols:Array(String)}, symbol)
    ORDER BY symbol, business_date DESC
    LIMIT {limit:UInt32} BY symbol
"""


@dataclass(frozen=True, slots=True)
class _Action:
    symbol: str
    kind: str
    ex_date: date
    ratio: Decimal | None
    related_symbol: str | None
    cost_share: Decimal | None
    amount: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class _Close:
    symbol: str
    business_date: date
    close: Decimal


class BookRepository:
    """Reads for the measuring. Methods raise PostgresUnavailable or MartsUnavailable."""

    def __init__(self, database: Database, marts: Marts) -> None:
        self._database = database
        self._marts = marts

    async def holdings(self, portfolio_id: UUID) -> list[Holding]:
        """What a portfolio holds, by symbol; whether the caller may know is asked before."""
        return await self._database.fetch(HOLDINGS, {"id": portfolio_id}, Holding)

    async def bars(self, symbols: Sequence[str], limit: int) -> dict[str, Closes]:
        """The newest `limit` closes of each symbol that has any, from market.bar."""
        names = {"symbols": list(symbols), "limit": limit}
        rows = await self._database.fetch(BARS, names, Closes)
        return {row.symbol: row for row in rows}

    async def actions(self, symbols: Sequence[str]) -> list[Action]:
        """The corporate actions that closes of these symbols are to be adjusted for."""
        rows = await self._database.fetch(ACTIONS, {"symbols": list(symbols)}, _Action)
        return [
            Action(
                symbol=row.symbol,
                kind=ActionKind(row.kind),
                ex_date=row.ex_date,
                ratio=row.ratio,
                related_symbol=row.related_symbol,
                cost_share=row.cost_share,
                amount=row.amount,
                currency=row.currency,
            )
            for row in rows
        ]

    async def rates(self, currencies: Collection[str], last: date) -> Rates:
        """Exchange rates among `currencies` up to `last`; none are read where there is one currency."""
        return parse_rates(await read_rates(self._database.fetch, currencies, last))

    async def gold(self, symbols: Sequence[str], limit: int) -> dict[str, Closes]:
        """The same from the ClickHouse copy of gold."""
        rows = await self._marts.fetch(GOLD, {"symbols": list(symbols), "limit": limit}, _Close)
        grouped = {symbol: list(found)[::-1] for symbol, found in groupby(rows, key=lambda row: row.symbol)}
        return {
            symbol: Closes(symbol, [row.business_date for row in found], [row.close for row in found])
            for symbol, found in grouped.items()
        }
