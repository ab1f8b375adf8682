"""All SQL about assets: positions and open lots, added up by instrument."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from serving.kit.access import Principal
from serving.kit.database import Database

MAX_PORTFOLIOS = 500

PAGE: Final[LiteralString] = """
    WITH held AS (
        SELECT x.symbol, sum(x.quantity) AS quantity, count(*) AS portfolio_count, max(x.updated_at) AS updated_at,
               array_agg(x.portfolio_id) AS portfolios
        FROM app.position AS x
        JOIN app.portfolio AS p ON p.id = x.portfolio_id
        WHERE (%(reads_all)s OR p.owner_id = %(reader)s)
          AND (%(portfolio_id)s::uuid IS NULL OR p.id = %(portfolio_id)s)
          AND (%(symbol)s::text IS NULL OR x.symbol = %(symbol)s)
        GROUP BY x.symbol
    )
    SELECT i.id, i.symbol, i.name, i.kind AS asset_type, i.currency, i.multiplier, h.quantity, h.portfolio_count,
           h.updated_at, q.price AS last_price, q.as_of AS priced_at, coalesce(c.costs, '{}'::jsonb) AS costs
    FROM held AS h
    JOIN app.instrument AS i ON i.symbol = h.symbol
    LEFT JOIN market.realtime_symbols AS q ON q.symbol = h.symbol AND q.currency = i.currency
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(paid.currency, paid.cost_minor::text) AS costs
        FROM (
            SELECT l.currency, sum(l.cost_minor) AS cost_minor
            FROM app.lot AS l
            WHERE l.symbol = h.symbol AND l.portfolio_id = ANY (h.portfolios)
            GROUP BY l.currency
        ) AS paid
    ) AS c ON true
    WHERE (%(asset_type)s::text IS NULL OR i.kind = %(asset_type)s)
      AND (%(asset_id)s::uuid IS NULL OR i.id = %(asset_id)s)
      AND (%(after)s::uuid IS NULL OR i.id > %(after)s)
    ORDER BY i.id
    LIMIT %(limit)s
"""
HOLDINGS: Final[LiteralString] = """
    SELECT p.id AS portfolio_id, p.name AS portfolio_name, x.quantity, x.updated_at,
           coalesce(c.costs, '{}'::jsonb) AS costs
    FROM app.position AS x
    JOIN app.portfolio AS p ON p.id = x.portfolio_id
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(paid.currency, paid.cost_minor::text) AS costs
        FROM (
            SELECT l.currency, sum(l.cost_minor) AS cost_minor
            FROM app.lot AS l
            WHERE l.symbol = x.symbol AND l.portfolio_id = x.portfolio_id
            GROUP BY l.currency
        ) AS paid
    ) AS c ON true
    WHERE x.symbol = %(symbol)s AND (%(reads_all)s OR p.owner_id = %(reader)s)
    ORDER BY p.id
    LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class AssetRow:
    """An instrument with what is held of it; `costs` are minor units as digits, by currency."""

    id: UUID
    symbol: str
    name: str
    asset_type: str
    currency: str
    multiplier: Decimal
    quantity: Decimal
    portfolio_count: int
    updated_at: datetime
    last_price: Decimal | None
    priced_at: datetime | None
    costs: dict[str, str]


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """What a portfolio holds of an instrument."""

    portfolio_id: UUID
    portfolio_name: str
    quantity: Decimal
    updated_at: datetime
    costs: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which assets: every member that is not None narrows."""

    portfolio_id: UUID | None = None
    symbol: str | None = None
    asset_type: str | None = None
    asset_id: UUID | None = None
    after: UUID | None = None


class AssetRepository:
    """Reads only. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, principal: Principal, wanted: Wanted, *, limit: int) -> list[AssetRow]:
        """Up to `limit` assets of the caller by id."""
        names: dict[str, object] = {
            "portfolio_id": wanted.portfolio_id,
            "symbol": wanted.symbol,
            "asset_type": wanted.asset_type,
            "asset_id": wanted.asset_id,
            "after": wanted.after,
            "limit": limit,
        }
        return await self._database.fetch(PAGE, {**principal.reader, **names}, AssetRow)

    async def holdings(self, principal: Principal, symbol: str) -> list[HoldingRow]:
        """The caller's portfolios that hold the instrument, by id."""
        names = {**principal.reader, "symbol": symbol, "limit": MAX_PORTFOLIOS}
        return await self._database.fetch(HOLDINGS, names, HoldingRow)
