"""What the quotes' writer says to PostgreSQL: its place and fence, ticks, bars, latest prices and what is dropped.

Everything but `connect`, `claim` and `drop_old` belongs to one transaction of the caller. Synchronous.
"""

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import Connection, OperationalError, conninfo, sql
from psycopg.rows import TupleRow, class_row

from lakehouse.clock import Clock
from lakehouse.domain.quote import LatestQuote, Quote
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores import quotes, quotes_copy
from lakehouse.stores.postgres import conninfo_of

CONNECT_S = 5
STATEMENT_S = 120
_GONE_MS = 30_000

CLAIM: Final[LiteralString] = """
    INSERT INTO market.quote_progress AS p (topic, partition, next_offset, epoch, owner, updated_at)
    SELECT %(topic)s, g.partition, g.first, 1, %(owner)s, %(now)s
    FROM unnest(%(partitions)s::int[], %(firsts)s::bigint[]) AS g (partition, first)
    ORDER BY g.partition
    ON CONFLICT (topic, partition) DO UPDATE SET
        epoch = p.epoch + 1, owner = excluded.owner, updated_at = excluded.updated_at
    RETURNING partition, next_offset, epoch, dropped_before
"""
HELD: Final[LiteralString] = """
    SELECT partition, next_offset, epoch, dropped_before FROM market.quote_progress
    WHERE topic = %(topic)s AND partition = ANY(%(partitions)s)
    ORDER BY partition FOR UPDATE
"""
ADVANCE: Final[LiteralString] = """
    UPDATE market.quote_progress AS p SET next_offset = g.next, updated_at = %(now)s
    FROM unnest(%(partitions)s::int[], %(nexts)s::bigint[]) AS g (partition, next)
    WHERE p.topic = %(topic)s AND p.partition = g.partition
"""
COPY: Final[LiteralString] = """
    COPY market.quote_tick (
        at, symbol, is_trade, provider, seq, price, size, bid, bid_size, ask, ask_size, kafka_partition, kafka_offset
    ) FROM STDIN (FORMAT BINARY)
"""
_US: Final[LiteralString] = "(extract(epoch FROM x.at) * 1000000)::bigint"
NEWEST_TIMES: Final = sql.SQL("""
    SELECT s.symbol, x.us FROM unnest(%(symbols)s::text[]) AS s (symbol)
    CROSS JOIN LATERAL (
        SELECT {us} AS us FROM market.quote_tick AS x WHERE x.symbol = s.symbol ORDER BY x.at DESC LIMIT 1
    ) AS x
""").format(us=sql.SQL(_US))

REPEATED: Final[LiteralString] = """
    SELECT g.place - 1
    FROM unnest(%(symbols)s::text[], %(at_us)s::bigint[], %(providers)s::text[], %(seqs)s::bigint[])
         WITH ORDINALITY AS g (symbol, us, provider, seq, place)
    WHERE EXISTS (
        SELECT FROM market.quote_tick AS x
        WHERE x.symbol = g.symbol AND x.at = 'epoch'::timestamptz + g.us * INTERVAL '1 microsecond'
          AND x.is_trade AND x.provider = g.provider AND x.seq = g.seq
    )
"""
TRADES: Final = sql.SQL("""
    SELECT x.symbol, {us}, x.seq, x.provider, x.price, coalesce(x.size, 'NaN')
    FROM unnest(%(symbols)s::text[], %(starts_us)s::bigint[]) AS g (symbol, us)
    CROSS JOIN LATERAL (
        SELECT * FROM market.quote_tick AS y
        WHERE y.symbol = g.symbol
          AND y.at >= 'epoch'::timestamptz + g.us * INTERVAL '1 microsecond'
          AND y.at < 'epoch'::timestamptz + g.us * INTERVAL '1 microsecond' + INTERVAL '1 minute'
          AND y.is_trade AND y.price >= %(lowest)s AND y.price < %(limit)s
          AND (y.size IS NULL OR y.size < %(size_limit)s)
    ) AS x
    ORDER BY x.symbol COLLATE "C", x.at, x.seq, x.provider COLLATE "C", x.kafka_partition, x.kafka_offset
""").format(us=sql.SQL(_US))
HAVE_BARS: Final[LiteralString] = """
    SELECT b.symbol, (extract(epoch FROM b.starts_at) * 1000000)::bigint
    FROM unnest(%(symbols)s::text[], %(starts_us)s::bigint[]) AS g (symbol, us)
    JOIN market.bar AS b ON b.symbol = g.symbol AND b.interval = '1m'
     AND b.starts_at = 'epoch'::timestamptz + g.us * INTERVAL '1 microsecond'
"""

FIVE_MINUTES: Final[LiteralString] = """
    INSERT INTO market.bar AS b
        (symbol, interval, starts_at, open, high, low, close, volume, provider, received_at)
    SELECT m.symbol, '5m', g.starts_at,
           (array_agg(coalesce(m.open, m.close) ORDER BY m.starts_at))[1],
           max(coalesce(m.high, m.close)), min(coalesce(m.low, m.close)),
           (array_agg(m.close ORDER BY m.starts_at DESC))[1], sum(m.volume),
           (array_agg(m.provider ORDER BY m.starts_at DESC))[1], %(now)s
    FROM (
        SELECT DISTINCT u.symbol, date_bin('5 minutes', u.starts_at, 'epoch') AS starts_at
        FROM unnest(%(symbols)s::text[], %(starts_at)s::timestamptz[]) AS u (symbol, starts_at)
    ) AS g
    JOIN market.bar AS m ON m.symbol = g.symbol AND m.interval = '1m'
     AND m.starts_at >= g.starts_at AND m.starts_at < g.starts_at + INTERVAL '5 minutes'
    GROUP BY m.symbol, g.starts_at
    ORDER BY m.symbol, g.starts_at
    ON CONFLICT (symbol, interval, starts_at) DO UPDATE SET
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, provider = excluded.provider, received_at = excluded.received_at
    WHERE (b.open, b.high, b.low, b.close, b.volume, b.provider) IS DISTINCT FROM
          (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.provider)
"""
PROVIDERS: Final[LiteralString] = """
    INSERT INTO market.data_provider AS p (name, quotes, last_quote_at, updated_at)
    SELECT g.name, g.quotes, 'epoch'::timestamptz + g.us * INTERVAL '1 microsecond', %(now)s
    FROM unnest(%(names)s::text[], %(counts)s::bigint[], %(newest_us)s::bigint[]) AS g (name, quotes, us)
    ORDER BY g.name
    ON CONFLICT (name) DO UPDATE SET
        quotes = p.quotes + excluded.quotes,
        last_quote_at = greatest(p.last_quote_at, excluded.last_quote_at),
        updated_at = excluded.updated_at
"""


class QuotesUnavailable(TidemarkError):
    """PostgreSQL does not answer, or another transaction was in the way: nothing was written."""


class WriterFenced(TidemarkError):
    """Another process has taken the partitions: this one writes nothing any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition that this process may write: from `next_offset` on, while its epoch stays."""

    partition: int
    next_offset: int
    epoch: int
    dropped_before: datetime | None


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument and the currency of its prices."""

    symbol: str
    currency: str


@dataclass(frozen=True, slots=True)
class TradeRows:
    """Trades of some minutes as parallel lists, by (symbol, time, seq, provider), copies as they came; NaN: no size."""

    symbols: Sequence[str]
    at_us: Sequence[int]
    seqs: Sequence[int]
    providers: Sequence[str]
    prices: Sequence[float]
    sizes: Sequence[float]


def connect(section: PostgresSettings) -> Connection[TupleRow]:
    """The writer's connection. A commit may be lost with the server, and its offsets with it: nothing comes apart, so
    none waits for the disk. Raises QuotesUnavailable."""
    options = f"-c timezone=UTC -c synchronous_commit=off -c statement_timeout={STATEMENT_S * 1000}"
    text = conninfo.make_conninfo(
        conninfo_of(section),
        options=options,
        connect_timeout=CONNECT_S,
        application_name="tidemark-quotes",
        keepalives_idle=10,
        tcp_user_timeout=_GONE_MS,
    )
    try:
        return Connection.connect(text, autocommit=True)
    except OperationalError as error:
        raise QuotesUnavailable(f"{section.dsn} does not answer: {error}. `tidemark doctor` says why") from error


def claim(connection: Connection[TupleRow], topic: str, firsts: Mapping[int, int], *, clock: Clock) -> dict[int, Claim]:
    """Take the partitions, by their numbers; `firsts`: where to begin one that was never taken. This commit waits for
    the disk: were it lost with the server, the process would take itself for another."""
    names = {"topic": topic, "partitions": list(firsts), "firsts": list(firsts.values()), "now": clock.now()}
    owner = f"{socket.gethostname()} {os.getpid()}"
    with connection.transaction(), connection.cursor(row_factory=class_row(Claim)) as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        return {found.partition: found for found in cursor.execute(CLAIM, {**names, "owner": owner})}


def hold(connection: Connection[TupleRow], topic: str, claims: Mapping[int, Claim]) -> dict[int, Claim]:
    """The partitions as they are now, locked until the transaction ends. Raises WriterFenced where one was taken."""
    names = {"topic": topic, "partitions": list(claims)}
    with connection.cursor(row_factory=class_row(Claim)) as cursor:
        found = {row.partition: row for row in cursor.execute(HELD, names)}
    taken = [number for number, held in claims.items() if number not in found or found[number].epoch != held.epoch]
    if taken:
        raise WriterFenced(f"another process writes the quotes of {topic}{taken}: end one of the two")
    return found


def advance(connection: Connection[TupleRow], topic: str, nexts: Mapping[int, int], *, clock: Clock) -> None:
    """Move the partitions on to their next offsets."""
    names = {"topic": topic, "partitions": list(nexts), "nexts": list(nexts.values()), "now": clock.now()}
    connection.execute(ADVANCE, names)


def copy(connection: Connection[TupleRow], body: bytes) -> None:
    """Write ticks: rows of quotes_copy.body, in the columns of market.quote_tick."""
    with connection.cursor() as cursor, cursor.copy(COPY) as stream:
        stream.write(quotes_copy.HEADER)
        stream.write(body)
        stream.write(quotes_copy.TRAILER)


def instruments(connection: Connection[TupleRow]) -> dict[str, str]:
    """The currency of every instrument, by symbol."""
    return {row[0]: row[1] for row in connection.execute("SELECT symbol, currency FROM app.instrument")}


def newest_times(connection: Connection[TupleRow], symbols: Sequence[str]) -> dict[str, int]:
    """The time of the newest tick of each symbol that has any, in microseconds since 1970."""
    return {row[0]: row[1] for row in connection.execute(NEWEST_TIMES, {"symbols": list(symbols)})}


def repeated(
    connection: Connection[TupleRow],
    symbols: Sequence[str],
    at_us: Sequence[int],
    providers: Sequence[str],
    seqs: Sequence[int],
) -> list[int]:
    """Which of the trades, by their places, are there already."""
    names = {"symbols": symbols, "at_us": at_us, "providers": providers, "seqs": seqs}
    return [row[0] for row in connection.execute(REPEATED, names)]


def trades_in(
    connection: Connection[TupleRow], minutes: Sequence[tuple[str, int]], *, lowest: float, limit: float, most: float
) -> TradeRows:
    """The trades of some minutes, each a symbol and its first microsecond, with prices from `lowest` to below `limit`
    and sizes below `most`."""
    symbols, starts_us = _split(minutes)
    names = {"symbols": symbols, "starts_us": starts_us, "lowest": lowest, "limit": limit, "size_limit": most}
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(TRADES, names).fetchall()
    return TradeRows(*zip(*rows, strict=True)) if rows else TradeRows((), (), (), (), (), ())


def have_bars(connection: Connection[TupleRow], minutes: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the minutes that have a bar."""
    symbols, starts_us = _split(minutes)
    return {(row[0], row[1]) for row in connection.execute(HAVE_BARS, {"symbols": symbols, "starts_us": starts_us})}


def fold_five_minutes(
    connection: Connection[TupleRow], minutes: Iterable[tuple[str, datetime]], *, clock: Clock
) -> None:
    """Make the bars of five minutes anew that some bars of a minute, by symbol and start, are part of."""
    symbols, starts_at = _split(minutes)
    connection.execute(FIVE_MINUTES, {"symbols": symbols, "starts_at": starts_at, "now": clock.now()})


def latest(connection: Connection[TupleRow]) -> list[LatestQuote]:
    """Every row of the master table."""
    with connection.cursor(row_factory=class_row(LatestQuote)) as cursor:
        return cursor.execute(quotes.ALL).fetchall()


def replace_latest(connection: Connection[TupleRow], given: Sequence[Quote], *, clock: Clock) -> list[LatestQuote]:
    """Put newer quotes into the master table and return the rows that changed; an older one changes nothing."""
    with connection.cursor(row_factory=class_row(LatestQuote)) as cursor:
        return cursor.execute(quotes.REPLACE, quotes.quote_columns(given, clock)).fetchall()


def tell_providers(connection: Connection[TupleRow], counts: Mapping[str, tuple[int, int]], *, clock: Clock) -> None:
    """Count ticks by provider: how many, and the time of the newest in microseconds since 1970."""
    names = {
        "names": list(counts),
        "counts": [count for count, _ in counts.values()],
        "newest_us": [newest_us for _, newest_us in counts.values()],
        "now": clock.now(),
    }
    connection.execute(PROVIDERS, names)


def _split(pairs: Iterable[tuple[object, object]]) -> tuple[list[object], list[object]]:
    """Pairs as two lists."""
    firsts, seconds = [], []
    for first, second in pairs:
        firsts.append(first)
        seconds.append(second)
    return firsts, seconds
