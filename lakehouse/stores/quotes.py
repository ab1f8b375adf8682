"""The one way in which prices are written: the newest by event time into the master table, every one into history.

`record_quotes` belongs to the caller's transaction; `lakehouse.stores.quote_bus.publish` comes after its commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, LiteralString

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.domain.quote import Bar, LatestQuote, Quote
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction

MAX_AHEAD = timedelta(minutes=5)
CLOSE_HOUR = 21  # UTC: the close of New York in winter

_GIVEN: Final = sql.SQL("""
    unnest(
        %(id)s::uuid[], %(symbol)s::text[], %(price)s::numeric[], %(currency)s::text[], %(provider)s::text[],
        %(as_of)s::timestamptz[], %(bid)s::numeric[], %(ask)s::numeric[], %(bid_size)s::numeric[],
        %(ask_size)s::numeric[], %(previous_close)s::numeric[], %(size)s::numeric[], %(seq)s::bigint[]
    ) AS q (id, symbol, price, currency, provider, as_of, bid, ask, bid_size, ask_size, previous_close, size, seq)
""")
KNOWN: Final[LiteralString] = "SELECT symbol, currency FROM app.instrument WHERE symbol = ANY(%(symbols)s)"
KEEP: Final = sql.SQL("""
    INSERT INTO market.realtime_price_history
        (id, symbol, as_of, provider, seq, price, bid, ask, size, currency, received_at)
    SELECT q.id, q.symbol, q.as_of, q.provider, q.seq, q.price, q.bid, q.ask, q.size, q.currency, %(now)s
    FROM {given}
    ON CONFLICT DO NOTHING
""").format(given=_GIVEN)
_LATEST: Final = sql.SQL("""
    r.symbol, r.price, r.bid, r.ask, r.bid_size, r.ask_size, r.previous_close, r.currency, r.provider, r.as_of,
    r.updated_at, r.version
""")
# Rows are locked in the order of symbols, so that two batches never wait for each other in a ring. Where a provider
# does not tell the previous close, the last price of the day before is it.
REPLACE: Final = sql.SQL("""
    INSERT INTO market.realtime_symbols AS r
        (symbol, price, bid, ask, bid_size, ask_size, previous_close, currency, provider, as_of, seq, updated_at)
    SELECT DISTINCT ON (q.symbol)
           q.symbol, q.price, q.bid, q.ask, q.bid_size, q.ask_size, q.previous_close, q.currency, q.provider, q.as_of,
           q.seq, %(now)s
    FROM {given}
    ORDER BY q.symbol, q.as_of DESC, q.seq DESC
    ON CONFLICT (symbol) DO UPDATE SET
        price = excluded.price, bid = excluded.bid, ask = excluded.ask,
        bid_size = excluded.bid_size, ask_size = excluded.ask_size,
        previous_close = coalesce(
            excluded.previous_close,
            CASE WHEN (excluded.as_of AT TIME ZONE 'UTC')::date > (r.as_of AT TIME ZONE 'UTC')::date
                 THEN r.price ELSE r.previous_close END
        ),
        currency = excluded.currency, provider = excluded.provider, as_of = excluded.as_of, seq = excluded.seq,
        updated_at = excluded.updated_at, version = r.version + 1
    WHERE (excluded.as_of, excluded.seq) > (r.as_of, r.seq)
    RETURNING {latest}
""").format(given=_GIVEN, latest=_LATEST)
TOLD: Final = sql.SQL("""
    INSERT INTO market.data_provider AS p (name, quotes, last_quote_at, updated_at)
    SELECT q.provider, count(*), max(q.as_of), %(now)s
    FROM {given}
    GROUP BY q.provider
    ORDER BY q.provider
    ON CONFLICT (name) DO UPDATE SET
        quotes = p.quotes + excluded.quotes,
        last_quote_at = greatest(p.last_quote_at, excluded.last_quote_at),
        updated_at = excluded.updated_at
""").format(given=_GIVEN)
ALL: Final = sql.SQL("SELECT {latest} FROM market.realtime_symbols AS r ORDER BY r.symbol").format(latest=_LATEST)
SOME: Final = sql.SQL("""
    SELECT {latest} FROM market.realtime_symbols AS r WHERE r.symbol = ANY(%(symbols)s) ORDER BY r.symbol
""").format(latest=_LATEST)
SINCE: Final = sql.SQL("""
    SELECT {latest} FROM market.realtime_symbols AS r WHERE r.updated_at > %(since)s ORDER BY r.symbol
""").format(latest=_LATEST)
PUT_BARS: Final[LiteralString] = """
    INSERT INTO market.bar AS b
        (symbol, interval, starts_at, open, high, low, close, volume, provider, received_at)
    SELECT q.symbol, q.interval, q.starts_at, q.open, q.high, q.low, q.close, q.volume, q.provider, %(now)s
    FROM unnest(
        %(symbol)s::text[], %(interval)s::text[], %(starts_at)s::timestamptz[], %(open)s::numeric[],
        %(high)s::numeric[], %(low)s::numeric[], %(close)s::numeric[], %(volume)s::numeric[], %(provider)s::text[]
    ) AS q (symbol, interval, starts_at, open, high, low, close, volume, provider)
    JOIN app.instrument AS i ON i.symbol = q.symbol
    ORDER BY q.symbol, q.interval, q.starts_at
    ON CONFLICT (symbol, interval, starts_at) DO UPDATE SET
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, provider = excluded.provider, received_at = excluded.received_at
    WHERE (b.open, b.high, b.low, b.close, b.volume, b.provider) IS DISTINCT FROM
          (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.provider)
"""
CLOSES: Final[LiteralString] = """
    SELECT DISTINCT ON (symbol) symbol, starts_at, close
    FROM market.bar
    WHERE interval = '1d' AND symbol = ANY(%(symbols)s) AND starts_at <= %(day)s
    ORDER BY symbol, starts_at DESC
"""


@dataclass(frozen=True, slots=True)
class Refused:
    """A quote that was not recorded: its place in the batch, and which rule it broke."""

    index: int
    rule: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch. `accepted` are the rows of the master table that it changed, one a symbol.

    `history` counts the observations kept, also those that were older than what the master table holds.
    """

    accepted: tuple[LatestQuote, ...]
    history: int
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    """The close of a day: `starts_at` is midnight UTC of the trading date."""

    symbol: str
    starts_at: datetime
    close: Decimal


@dataclass(frozen=True, slots=True)
class _Known:
    symbol: str
    currency: str


async def record_quotes(connection: Transaction, quotes: Sequence[Quote], *, clock: Clock) -> Recorded:
    """Write a batch in the caller's transaction. An older quote never replaces a newer one; a repeat changes nothing.

    Quotes of unknown instruments (`unknown_symbol`), of another currency than the instrument's
    (`currency_mismatch`) and of more than five minutes ahead (`from_the_future`) are left out and named.
    """
    known = await postgres.rows_of(connection, KNOWN, {"symbols": sorted({q.symbol for q in quotes})}, _Known)
    kept, refused = _sorted_out(quotes, {row.symbol: row.currency for row in known}, clock.now())
    if not kept:
        return Recorded((), 0, refused)
    given = quote_columns(kept, clock)
    history = (await connection.execute(KEEP, given)).rowcount
    accepted = await postgres.rows_of(connection, REPLACE, given, LatestQuote)
    await connection.execute(TOLD, given)
    return Recorded(tuple(accepted), history, refused)


async def record_bars(connection: Transaction, bars: Sequence[Bar], *, clock: Clock) -> int:
    """Write bars; one of the same symbol, interval and start is replaced. Returns the bars that are new or changed.

    Bars of unknown instruments are left out.
    """
    return (await connection.execute(PUT_BARS, _bar_columns(bars, clock))).rowcount


def put_bars(connection: Connection[TupleRow], bars: Sequence[Bar], *, clock: Clock) -> int:
    """`record_bars` for commands. Returns how many are new or differ from what was there."""
    return connection.execute(PUT_BARS, _bar_columns(bars, clock)).rowcount if bars else 0


def load_daily_bars(connection: Connection[TupleRow], bars: Sequence[Bar], *, currency: str, clock: Clock) -> int:
    """`record_bars` for commands, and the last close of each symbol becomes its quote of 21:00 UTC that day."""
    loaded = put_bars(connection, bars, clock=clock)
    symbols = sorted({bar.symbol for bar in bars})
    known = {row[0] for row in connection.execute(KNOWN, {"symbols": symbols})}
    quotes = [quote for quote in _last_quotes(bars, currency) if quote.symbol in known]
    if quotes:
        given = quote_columns(quotes, clock)
        for statement in (KEEP, REPLACE, TOLD):
            connection.execute(statement, given)
    return loaded


async def latest(connection: Transaction, symbols: Sequence[str]) -> dict[str, LatestQuote]:
    """Rows of the master table by symbol; symbols without a quote are absent."""
    rows = await postgres.rows_of(connection, SOME, {"symbols": list(symbols)}, LatestQuote)
    return {row.symbol: row for row in rows}


async def closes_on(connection: Transaction, symbols: Sequence[str], day: datetime) -> dict[str, Close]:
    """The last daily close on or before `day` (midnight UTC) of each symbol that has one."""
    rows = await postgres.rows_of(connection, CLOSES, {"symbols": list(symbols), "day": day}, Close)
    return {row.symbol: row for row in rows}


def _sorted_out(
    quotes: Sequence[Quote], currencies: Mapping[str, str], now: datetime
) -> tuple[list[Quote], tuple[Refused, ...]]:
    """The quotes to write, and why the others are not."""
    kept: list[Quote] = []
    refused: list[Refused] = []
    for index, quote in enumerate(quotes):
        rule = _rule_broken(quote, currencies, now)
        if rule is None:
            kept.append(quote)
        else:
            refused.append(Refused(index, rule))
    return kept, tuple(refused)


def _rule_broken(quote: Quote, currencies: Mapping[str, str], now: datetime) -> str | None:
    currency = currencies.get(quote.symbol)
    if currency is None:
        return "unknown_symbol"
    if currency != quote.currency:
        return "currency_mismatch"
    return "from_the_future" if quote.as_of > now + MAX_AHEAD else None


def quote_columns(quotes: Sequence[Quote], clock: Clock) -> dict[str, object]:
    """The parameters of KEEP, REPLACE and TOLD."""
    names = ("symbol", "price", "currency", "provider", "as_of", "bid", "ask", "bid_size", "ask_size")
    columns: dict[str, object] = {
        name: [getattr(quote, name) for quote in quotes] for name in (*names, "previous_close", "size", "seq")
    }
    return {**columns, "id": [uuid7(clock) for _ in quotes], "now": clock.now()}


def _bar_columns(bars: Sequence[Bar], clock: Clock) -> dict[str, object]:
    # The last one wins where a batch names a bar twice: one statement cannot write a row two times.
    last = {(bar.symbol, bar.interval, bar.starts_at): bar for bar in bars}
    names = ("symbol", "interval", "starts_at", "open", "high", "low", "close", "volume", "provider")
    columns: dict[str, object] = {name: [getattr(bar, name) for bar in last.values()] for name in names}
    return {**columns, "now": clock.now()}


def _last_quotes(bars: Sequence[Bar], currency: str) -> list[Quote]:
    by_symbol: dict[str, list[Bar]] = {}
    for bar in sorted(bars, key=lambda each: each.starts_at):
        by_symbol.setdefault(bar.symbol, []).append(bar)
    return [_last_quote(found, currency) for found in by_symbol.values()]


def _last_quote(found: Sequence[Bar], currency: str) -> Quote:
    last = found[-1]
    day = last.starts_at.astimezone(UTC)
    return Quote(
        symbol=last.symbol,
        price=last.close,
        currency=currency,
        provider=last.provider,
        as_of=day.replace(hour=CLOSE_HOUR),
        previous_close=found[-2].close if len(found) > 1 else None,
    )
