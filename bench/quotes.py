"""Ticks a second from Kafka into TimescaleDB with its query index, bars, latest prices and offsets, exactly once.

Beside it, in the same run: the bytes of the same rows by COPY into a table like it, which keeps no bars, no prices and
no place, and so is the limit; and what people write, an INSERT a row, one by one and by executemany.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Final, LiteralString

import numpy as np
import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from bench import ticks
from bench.harness import Result
from lakehouse.clock import SystemClock
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings
from lakehouse.stores import quotes_copy, quotes_live
from streaming.kit.offsets import Span
from streaming.kit.source import Chunk
from streaming.quotes import wiring
from streaming.quotes.batch import Batch, Door
from streaming.quotes.metrics import QuotesMetrics
from streaming.quotes.writer import Flush, Writer

MESSAGES, ROWS, FLUSH_ROWS = 1_500_000, 500_000, 50_000
MANY_ROWS, MANY_BATCH, SINGLE_ROWS = 50_000, 1_000, 3_000
PARTITIONS = 4
GOAL = 250_000.0
WAIT_S = 300.0
_CLOCK = SystemClock()
INSTRUMENTS: Final[LiteralString] = """
    INSERT INTO app.instrument (symbol, name, currency, exchange)
    SELECT 'S' || lpad(n::text, 4, '0'), 'of a benchmark', 'USD', 'XNYS' FROM generate_series(0, %s) AS n
    ON CONFLICT DO NOTHING
"""
TABLE: Final[LiteralString] = """
    DROP TABLE IF EXISTS market.bench_tick;
    CREATE TABLE market.bench_tick (LIKE market.quote_tick);
    CREATE INDEX ON market.bench_tick (symbol, at DESC);
    SELECT create_hypertable(
        'market.bench_tick', by_range('at', INTERVAL '1 day'), create_default_indexes => false
    );
"""
COPY: Final[LiteralString] = "COPY market.bench_tick FROM STDIN (FORMAT BINARY)"
INSERT: Final[LiteralString] = """
    INSERT INTO market.bench_tick
        (at, symbol, is_trade, provider, seq, price, size, kafka_partition, kafka_offset)
    VALUES (to_timestamp(%(event_time_us)s / 1e6), %(symbol)s, true, %(provider)s, %(sequence)s, %(price)s, %(size)s,
            0, %(sequence)s)
"""


def run(settings: Settings) -> list[Result]:
    """From Kafka to the commit, and from prepared columns to the commit."""
    messages = ticks.messages(MESSAGES)
    with quotes_live.connect(settings.postgres) as connection:
        connection.execute(INSTRUMENTS, (ticks.SYMBOLS,))
    flushes = [_flush(messages[first : first + FLUSH_ROWS], first) for first in range(0, ROWS, FLUSH_ROWS)]
    bare_copy(settings, flushes)  # a new database makes the files of its log with the first half million rows
    written = from_columns(settings, flushes)
    limit = bare_copy(settings, flushes)
    rows = [orjson.loads(message) for message in messages[:MANY_ROWS]]
    peers = {"executemany": executemany(settings, rows), "row by row": row_by_row(settings, rows[:SINGLE_ROWS])}
    del flushes, rows
    with ticks.topic(settings.kafka, PARTITIONS) as name:
        _fill(settings, name, messages)
        whole = from_kafka(settings, name)
    notes = (
        f"trades of {ticks.SYMBOLS} instruments, index (symbol, at desc), bars, latest prices, offsets; limit: COPY of "
        "the same bytes with the same index alone; peers: INSERT in transactions of 1,000 rows and of one"
    )
    return [
        Result("quotes", "ticks/s", whole, peers, limit, GOAL, notes=f"{MESSAGES} JSON ticks on Kafka; {notes}"),
        Result("quotes_written", "rows/s", written, peers, limit, GOAL, notes=f"{ROWS} prepared rows; {notes}"),
    ]


def from_kafka(settings: Settings, name: str) -> float:
    """Ticks a second of the process's own loop, from its first read to its last commit."""
    with quotes_live.connect(settings.postgres) as connection:
        connection.execute("TRUNCATE market.quote_tick, market.bar, market.realtime_symbols")
    stop, metrics = Event(), QuotesMetrics()
    made, ends = wiring.build(settings, replace(TICKS, name=name), clock=_CLOCK, metrics=metrics)
    thread = Thread(target=made.run, args=(stop,))
    thread.start()
    try:
        made.ready.wait(WAIT_S)
        began_s = _CLOCK.monotonic()
        while (metrics.registry.get_sample_value("tidemark_quotes_ticks_total") or 0) < MESSAGES:
            if not thread.is_alive() or _CLOCK.monotonic() - began_s > WAIT_S:
                raise AssertionError("not every tick was written")
            _CLOCK.sleep(0.01)
        return MESSAGES / (_CLOCK.monotonic() - began_s)
    finally:
        stop.set()
        thread.join()
        ends.source.close()
        ends.announcer.close()


def from_columns(settings: Settings, flushes: list[Flush]) -> float:
    """Rows a second of the writer alone."""
    topic = "bench.columns"
    with quotes_live.connect(settings.postgres) as connection:
        writer = Writer(connection, topic, quotes_live.claim(connection, topic, {0: 0}, clock=_CLOCK), clock=_CLOCK)
        began_s = _CLOCK.monotonic()
        for flush in flushes:
            writer.write(flush)
        return ROWS / (_CLOCK.monotonic() - began_s)


def bare_copy(settings: Settings, flushes: list[Flush]) -> float:
    """Rows a second of COPY alone, a transaction a flush."""
    with _table(settings) as connection:
        began_s = _CLOCK.monotonic()
        for flush in flushes:
            with connection.cursor() as cursor, cursor.copy(COPY) as stream:
                stream.write(quotes_copy.HEADER + flush.body + quotes_copy.TRAILER)
        return ROWS / (_CLOCK.monotonic() - began_s)


def executemany(settings: Settings, rows: list[dict[str, object]]) -> float:
    """Rows a second of executemany, a transaction for every thousand."""
    with _table(settings) as connection:
        began_s = _CLOCK.monotonic()
        for first in range(0, len(rows), MANY_BATCH):
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(INSERT, rows[first : first + MANY_BATCH])
        return len(rows) / (_CLOCK.monotonic() - began_s)


def row_by_row(settings: Settings, rows: list[dict[str, object]]) -> float:
    """Rows a second of an INSERT each, in a transaction each that waits for no disk either."""
    with _table(settings) as connection:
        began_s = _CLOCK.monotonic()
        for row in rows:
            connection.execute(INSERT, row)
        return len(rows) / (_CLOCK.monotonic() - began_s)


@contextmanager
def _table(settings: Settings) -> Iterator[Connection[TupleRow]]:
    """A connection as the writer's, and an empty hypertable like market.quote_tick."""
    with quotes_live.connect(settings.postgres) as connection:
        connection.execute(TABLE)
        yield connection
        connection.execute("DROP TABLE market.bench_tick")


def _flush(messages: list[bytes], first: int) -> Flush:
    """Messages of one partition as the reading thread prepares them."""
    count = len(messages)
    chunk = Chunk(
        values=messages,
        partition=np.zeros(count, np.int32),
        offset=np.arange(first, first + count),
        kafka_ts_us=np.full(count, 2**60),
        keys=[None] * count,
        read_us=2**60,
        spans={0: Span(first, first + count - 1)},
    )
    batch = Batch(0.0)
    batch.add(chunk, Door(TICKS, max_message_bytes=1_000_000, max_future_s=0.0))
    return batch.seal()


def _fill(settings: Settings, name: str, messages: list[bytes]) -> None:
    """Every tick to the partition of its symbol, in order."""
    sender = ticks.producer(settings.kafka, "bench-quotes")
    for message in messages:
        ticks.send(sender, name, message, partition=int(message[12:16]) % PARTITIONS)
    sender.flush()
