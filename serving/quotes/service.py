"""What may be asked about quotes."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

import orjson

from lakehouse.clock import Clock
from lakehouse.stores.postgres import PostgresUnavailable
from serving.kit.types import plain
from serving.quotes.feed import QuoteFeed
from serving.quotes.repository import PointRow, QuoteRepository
from serving.quotes.schemas import MissingSymbol, PricePoint, PriceSeries, QuoteHistoryOut
from serving.quotes.wire import WireQuote

MAX_POINTS = 1000
INTERRUPTED = "feed_interrupted: neither the bus nor PostgreSQL answers; prices may have changed since"


class QuoteService:
    """Reads of the feed, and of what was observed before."""

    def __init__(self, feed: QuoteFeed, repository: QuoteRepository, clock: Clock) -> None:
        self.feed = feed
        self._repository = repository
        self._clock = clock

    async def answer(self, symbols: Sequence[str]) -> bytes:
        """JSON of QuotesOut. Without missing symbols it does no input or output.

        Raises PostgresUnavailable where nothing was ever loaded, or a missing symbol cannot be looked up.
        """
        self.require_loaded()
        now_s = self._clock.now().timestamp()
        get = self.feed.get
        found = [quote.body(now_s) for quote in map(get, symbols) if quote is not None]
        missing = b"[]"
        if len(found) < len(symbols):
            lacking = [symbol for symbol in symbols if get(symbol) is None]
            missing = orjson.dumps([each.model_dump() for each in await self.missing(lacking)])
        warnings = orjson.dumps(self.warnings())
        return b'{"data":[%b],"missing":%b,"warnings":%b}' % (b",".join(found), missing, warnings)

    async def missing(self, symbols: Sequence[str]) -> list[MissingSymbol]:
        """Why these symbols have no quote. Raises PostgresUnavailable."""
        if not symbols:
            return []
        known = await self._repository.known(symbols)
        return [
            MissingSymbol(symbol=symbol, reason="no_quote" if symbol in known else "unknown_symbol")
            for symbol in symbols
        ]

    async def history(self, symbols: Sequence[str], minutes: int) -> QuoteHistoryOut:
        """The observations of the last `minutes`. Raises PostgresUnavailable."""
        self.require_loaded()
        now = self._clock.now()
        rows = await self._repository.history(symbols, since=now - timedelta(minutes=minutes), limit=MAX_POINTS + 1)
        by_symbol = {symbol: list(points) for symbol, points in groupby(rows, key=lambda row: row.symbol)}
        quoted = [quote for quote in map(self.feed.get, symbols) if quote is not None]
        lacking = [symbol for symbol in symbols if self.feed.get(symbol) is None]
        now_s = now.timestamp()
        return QuoteHistoryOut(
            data=[_series(quote, by_symbol.get(quote.row.symbol, []), now_s) for quote in quoted],
            missing=await self.missing(lacking),
            warnings=self.warnings(),
        )

    def warnings(self) -> list[str]:
        """What holds for every answer of the moment."""
        return [INTERRUPTED] if self.feed.is_interrupted else []

    def require_loaded(self) -> None:
        """Raise PostgresUnavailable where no quote could be read since the start."""
        if not self.feed.is_loaded:
            raise PostgresUnavailable("no quote was read yet")


def distinct(symbols: str) -> list[str]:
    """The symbols of a comma-separated list, each once, in its order."""
    return list(dict.fromkeys(symbols.split(",")))


def _series(quote: WireQuote, points: Sequence[PointRow], now_s: float) -> PriceSeries:
    newest = points[-MAX_POINTS:]
    return PriceSeries(
        symbol=quote.row.symbol,
        points=[_point(row) for row in newest],
        truncated=len(points) > len(newest),
        stale=quote.is_stale(now_s),
    )


def _point(row: PointRow) -> PricePoint:
    return PricePoint(
        as_of=row.as_of,
        price=plain(row.price),
        bid=None if row.bid is None else plain(row.bid),
        ask=None if row.ask is None else plain(row.ask),
        size=None if row.size is None else plain(row.size),
        currency=row.currency,
        provider=row.provider,
    )
