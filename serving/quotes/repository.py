"""All SQL about quotes beyond the master table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString

from serving.kit.database import Database

KNOWN: Final[LiteralString] = "SELECT symbol FROM app.instrument WHERE symbol = ANY(%(symbols)s)"
# What was observed by hand or by a provider's post, and the trades of the live stream; UNION drops a trade's copies.
# float8 becomes numeric by its shortest text, as bars take it: the cast alone would round at the fifteenth digit.
HISTORY: Final[LiteralString] = """
    SELECT i.symbol, h.as_of, h.price, h.bid, h.ask, h.size, h.currency, h.provider
    FROM app.instrument AS i
    CROSS JOIN LATERAL (
        (
            SELECT x.as_of, x.seq, x.price, x.bid, x.ask, x.size, x.currency, x.provider
            FROM market.realtime_price_history AS x
            WHERE x.symbol = i.symbol AND x.as_of > %(since)s
            ORDER BY x.as_of DESC, x.provider DESC, x.seq DESC
            LIMIT %(limit)s
        )
        UNION
        (
            SELECT t.at, t.seq, t.price::text::numeric(18, 8), NULL, NULL, t.size::text::numeric(28, 8), i.currency,
                   t.provider
            FROM market.quote_tick AS t
            WHERE t.symbol = i.symbol AND t.at > %(since)s AND t.is_trade AND t.price >= 1e-8 AND t.price < 1e10
              AND (t.size IS NULL OR t.size < 1e12)
            ORDER BY t.at DESC, t.provider DESC, t.seq DESC
            LIMIT %(limit)s
        )
        ORDER BY as_of DESC, provider DESC, seq DESC
        LIMIT %(limit)s
    ) AS h
    WHERE i.symbol = ANY(%(symbols)s)
    ORDER BY i.symbol, h.as_of, h.provider, h.seq
"""


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """A symbol alone."""

    symbol: str


@dataclass(frozen=True, slots=True)
class PointRow:
    """One observation."""

    symbol: str
    as_of: datetime
    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    size: Decimal | None
    currency: str
    provider: str


class QuoteRepository:
    """Reads of instruments and price history. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, symbols: Sequence[str]) -> frozenset[str]:
        """Those of `symbols` that are instruments."""
        rows = await self._database.fetch(KNOWN, {"symbols": list(symbols)}, SymbolRow)
        return frozenset(row.symbol for row in rows)

    async def history(self, symbols: Sequence[str], *, since: datetime, limit: int) -> list[PointRow]:
        """The newest `limit` observations of each symbol after `since`, by symbol, oldest first."""
        names = {"symbols": list(symbols), "since": since, "limit": limit}
        return await self._database.fetch(HISTORY, names, PointRow)
