"""How long ticks are kept, and what the edition of TimescaleDB at hand can do for them. Nothing of it is needed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import Connection, NotSupportedError, ProgrammingError
from psycopg.rows import TupleRow

from lakehouse.clock import Clock

EXTENSION: Final[LiteralString] = """
    SELECT extversion, current_setting('timescaledb.license', true) FROM pg_extension WHERE extname = 'timescaledb'
"""
IS_HYPERTABLE: Final[LiteralString] = """
    SELECT EXISTS (
        SELECT FROM timescaledb_information.hypertables
        WHERE hypertable_schema = 'market' AND hypertable_name = 'quote_tick'
    )
"""
NEWEST_DROPPED: Final[LiteralString] = """
    SELECT max(range_end) FROM timescaledb_information.chunks
    WHERE hypertable_schema = 'market' AND hypertable_name = 'quote_tick' AND range_end <= %(before)s
"""
DROP_CHUNKS: Final[LiteralString] = "SELECT drop_chunks('market.quote_tick', older_than => %(before)s::timestamptz)"
PIECE: Final = 200_000
"""Rows of a plain table that are deleted at a time: ticks that come meanwhile do not wait for millions."""

DELETE: Final[LiteralString] = """
    DELETE FROM market.quote_tick WHERE ctid = ANY (ARRAY(
        SELECT t.ctid FROM market.quote_tick AS t WHERE t.at < %(before)s LIMIT %(most)s
    ))
"""
DROPPED: Final[LiteralString] = """
    UPDATE market.quote_progress
    SET dropped_before = greatest(dropped_before, %(dropped)s), updated_at = %(now)s
    WHERE topic = %(topic)s
"""
IS_COMPRESSED: Final[LiteralString] = """
    SELECT EXISTS (
        SELECT FROM timescaledb_information.hypertables
        WHERE hypertable_schema = 'market' AND hypertable_name = 'quote_tick' AND compression_enabled
    )
"""
COMPRESS: Final[LiteralString] = """
    ALTER TABLE market.quote_tick SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol', timescaledb.compress_orderby = 'at DESC'
    )
"""
COMPRESS_LATER: Final[LiteralString] = """
    SELECT add_compression_policy('market.quote_tick', compress_after => INTERVAL '2 days', if_not_exists => true)
"""


@dataclass(frozen=True, slots=True)
class Edition:
    """What there is: `version` of TimescaleDB ('' without it), its `license`, and whether old ticks are compressed."""

    version: str
    license: str
    is_hypertable: bool
    compresses: bool


def edition(connection: Connection[TupleRow]) -> Edition:
    """Look, and have ticks of more than two days compressed where the edition can do that.

    Continuous aggregates are not asked for: bars are corrected by ticks of any age, and are tables of ours anywhere.
    """
    found = connection.execute(EXTENSION).fetchone()
    if found is None:
        return Edition("", "", is_hypertable=False, compresses=False)
    is_hypertable = _is_hypertable(connection)
    return Edition(str(found[0]), str(found[1] or ""), is_hypertable, is_hypertable and _compressed(connection))


def drop_old(connection: Connection[TupleRow], topic: str, before: datetime, *, clock: Clock, most: int = PIECE) -> int:
    """Drop ticks that are older; how many chunks, or rows of a plain table: of these at most `most`, and where it was
    so many, there may be more. In one transaction with the note that bars before the newest dropped tick cannot be
    made anew."""
    with connection.transaction():
        if _is_hypertable(connection):
            newest = connection.execute(NEWEST_DROPPED, {"before": before}).fetchone()
            dropped = connection.execute(DROP_CHUNKS, {"before": before}).rowcount
            until = newest[0] if newest else None
        else:
            dropped = connection.execute(DELETE, {"before": before, "most": most}).rowcount
            until = before
        if dropped > 0:
            connection.execute(DROPPED, {"topic": topic, "dropped": until, "now": clock.now()})
        return dropped


def _is_hypertable(connection: Connection[TupleRow]) -> bool:
    return connection.execute(EXTENSION).fetchone() is not None and _true(connection, IS_HYPERTABLE)


def _compressed(connection: Connection[TupleRow]) -> bool:
    """Whether compression is set up now. The Apache edition refuses, and so may a server for reasons of its own; the
    community edition was not to be had for tests."""
    if _true(connection, IS_COMPRESSED):
        return True
    try:
        with connection.transaction():
            connection.execute(COMPRESS)
            connection.execute(COMPRESS_LATER)
    except (NotSupportedError, ProgrammingError):
        return False
    return True


def _true(connection: Connection[TupleRow], question: LiteralString) -> bool:
    found = connection.execute(question).fetchone()
    return found is not None and bool(found[0])
