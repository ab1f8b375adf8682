"""What may be asked about bars, providers and exchange rates."""

from datetime import UTC, date, datetime, timedelta

from lakehouse.clock import Clock
from serving.audit.log import record
from serving.kit.access import Principal
from serving.kit.database import Database
from serving.kit.paging import decode_cursor, encode_cursor, mismatch, next_path, split
from serving.kit.types import plain
from serving.market_data.instants import EARLIEST
from serving.market_data.repository import WIDTHS_S, BarRow, BarWindow, MarketRepository, ProviderRow
from serving.market_data.schemas import (
    BarOut,
    BarsOut,
    BarsQuery,
    FeedOut,
    FxPage,
    FxQuery,
    FxRateIn,
    FxRateOut,
    MarketStatusOut,
    ProviderOut,
)
from serving.market_data.service import SymbolNotFound
from serving.quotes.service import QuoteService

MADE_FOR = timedelta(days=31)  # shorter bars are made of the observations of this time before `to`


class MarketService:
    """Reads of market data, and the write of rates."""

    def __init__(self, repository: MarketRepository, database: Database, clock: Clock, *, stale_after_s: float) -> None:
        self._repository = repository
        self._database = database
        self._clock = clock
        self._stale_after_s = stale_after_s

    async def bars(self, query: BarsQuery, path: str, quotes: QuoteService) -> BarsOut:
        """A page of bars. Raises SymbolNotFound and CursorMismatch."""
        instrument = await self._repository.instrument(query.symbol)
        if instrument is None:
            raise SymbolNotFound(f"No instrument is called {query.symbol}.")
        window = self._window(query, path)
        rows, has_more = split(await self._repository.bars(query.symbol, query.interval, window), query.limit)
        marker = {"cursor": encode_cursor([rows[-1].starts_at.isoformat()], _scope(query, path))} if has_more else {}
        latest = quotes.feed.get(query.symbol)
        return BarsOut(
            symbol=query.symbol,
            interval=query.interval,
            currency=instrument.currency,
            data=[_bar(row) for row in rows],
            has_more=has_more,
            next=next_path(path, _given(query), marker) if has_more else None,
            as_of=None if latest is None else latest.row.as_of,
            stale=latest is None or latest.is_stale(self._clock.now().timestamp()),
            warnings=quotes.warnings(),
        )

    def _window(self, query: BarsQuery, path: str) -> BarWindow:
        width_s = WIDTHS_S[query.interval]
        before = _ceiling(query.starts_to or self._clock.now() + timedelta(seconds=width_s), width_s)
        if query.cursor is not None:
            before = min(before, _decoded(query.cursor, _scope(query, path)))
        since = _ceiling(query.starts_from or EARLIEST, width_s)
        made_from = max(since, _ceiling(before - MADE_FOR, width_s)) if before - MADE_FOR > EARLIEST else since
        return BarWindow(since=since, made_from=made_from, before=before, limit=query.limit + 1)

    async def status(self, quotes: QuoteService) -> MarketStatusOut:
        """Providers, counts and freshness."""
        now = self._clock.now()
        quoted = list(quotes.feed.all())
        return MarketStatusOut(
            providers=[self._provider(row, now) for row in await self._repository.providers()],
            feed=FeedOut(source="bus" if quotes.feed.is_heard else "table", is_interrupted=quotes.feed.is_interrupted),
            instruments=await self._repository.instruments(),
            quoted=len(quoted),
            stale=sum(quote.is_stale(now.timestamp()) for quote in quoted),
            stale_after_s=self._stale_after_s,
            warnings=quotes.warnings(),
        )

    async def rates(self, query: FxQuery, path: str) -> FxPage:
        """A page of rates. Raises CursorMismatch."""
        filters = query.model_dump(include={"base", "quote", "date_from", "date_to"})
        scope = f"{path}?{sorted((name, str(value)) for name, value in filters.items())}"
        after = None if query.cursor is None else _rate_place(query.cursor, scope)
        rows, has_more = split(await self._repository.rates(filters, after, query.limit + 1), query.limit)
        following = None
        if has_more:
            last = rows[-1]
            marker = {"cursor": encode_cursor([last.as_of.isoformat(), last.base, last.quote], scope)}
            following = next_path(path, {**filters, "limit": query.limit}, marker)
        return FxPage(data=list(rows), has_more=has_more, next=following)

    async def put_rate(self, principal: Principal, rate: FxRateIn) -> FxRateOut:
        """The rate, written. Raises UnknownReference for a currency that the ledger does not know."""
        async with self._database.transaction() as connection:
            await self._repository.put_rate(connection, rate)
            pair = f"{rate.base}/{rate.quote}"
            after = rate.model_dump(mode="json")
            await record(
                connection,
                principal,
                "fx_rate.set",
                clock=self._clock,
                object_kind="fx_rate",
                object_id=pair,
                after=after,
            )
        return FxRateOut(**dict(rate))

    def _provider(self, row: ProviderRow, now: datetime) -> ProviderOut:
        is_stale = row.last_quote_at is None or (now - row.last_quote_at).total_seconds() > self._stale_after_s
        return ProviderOut(
            name=row.name, status=row.status, quotes=row.quotes, last_quote_at=row.last_quote_at, stale=is_stale
        )


def _given(query: BarsQuery) -> dict[str, object]:
    bounds = {"from": query.starts_from, "to": query.starts_to}
    texts = {name: None if at is None else at.isoformat() for name, at in bounds.items()}
    return {"symbol": query.symbol, "interval": query.interval.value, "limit": query.limit, **texts}


def _scope(query: BarsQuery, path: str) -> str:
    return f"{path}?{query.symbol}&{query.interval.value}&{query.starts_from}&{query.starts_to}"


def _decoded(cursor: str, scope: str) -> datetime:
    parts = decode_cursor(cursor, scope)
    try:
        return datetime.fromisoformat(parts[0]).astimezone(UTC)
    except (ValueError, IndexError, OverflowError) as error:
        raise mismatch() from error


def _rate_place(cursor: str, scope: str) -> tuple[date, str, str]:
    parts = decode_cursor(cursor, scope)
    try:
        day, base, quote = parts
        return date.fromisoformat(day), base, quote
    except ValueError as error:
        raise mismatch() from error


def _ceiling(instant: datetime, width_s: int) -> datetime:
    """The first start of a bar at or after `instant`."""
    seconds = -(-int(instant.timestamp() * 1_000_000) // (width_s * 1_000_000)) * width_s
    return datetime.fromtimestamp(seconds, UTC)


def _bar(row: BarRow) -> BarOut:
    return BarOut(
        starts_at=row.starts_at,
        open=None if row.open is None else plain(row.open),
        high=None if row.high is None else plain(row.high),
        low=None if row.low is None else plain(row.low),
        close=plain(row.close),
        volume=None if row.volume is None else plain(row.volume),
        provider=row.provider,
    )
