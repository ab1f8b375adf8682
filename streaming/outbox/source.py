"""PostgreSQL: which events wait, who may relay them, and that they are gone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString

import psycopg
from psycopg import Connection, conninfo
from psycopg.rows import TupleRow, class_row

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores.postgres import conninfo_of
from streaming.outbox.processor import OutboxRow

STATEMENT_S = 30
CONNECT_S = 5
REMOVE_ROWS = 5_000

LEAD: Final[LiteralString] = "SELECT pg_try_advisory_lock(hashtextextended('tidemark.outbox.relay', 0))"
WAITING: Final[LiteralString] = """
    SELECT seq, event_id, topic, key, type, owner_id, payload::text AS payload, occurred_at
    FROM ops.outbox
    WHERE published_at IS NULL AND topic = ANY(%(topics)s)
    ORDER BY seq
    LIMIT %(limit)s
"""
PUBLISHED: Final[LiteralString] = """
    UPDATE ops.outbox SET published_at = %(at)s WHERE seq = ANY(%(seqs)s) AND published_at IS NULL
"""
BACKLOG: Final[LiteralString] = """
    SELECT count(*) FILTER (WHERE topic = ANY(%(topics)s)),
           min(occurred_at) FILTER (WHERE topic = ANY(%(topics)s)),
           count(*) FILTER (WHERE topic <> ALL(%(topics)s))
    FROM ops.outbox WHERE published_at IS NULL
"""
REMOVE: Final[LiteralString] = """
    DELETE FROM ops.outbox WHERE seq IN (
        SELECT seq FROM ops.outbox WHERE published_at < %(before)s ORDER BY seq LIMIT %(limit)s
    )
"""


class OutboxUnavailable(TidemarkError):
    """PostgreSQL does not answer: nothing was marked, so nothing is lost."""


class Source:
    """One connection, opened again after a failure. Every method raises OutboxUnavailable.

    Only the connection that holds the lock relays. PostgreSQL lets go of the lock when the connection ends, so a
    relay that was killed is followed by the next one at once.
    """

    def __init__(self, section: PostgresSettings, topics: Sequence[str], *, clock: Clock) -> None:
        self._section = section
        self._topics = list(topics)
        self._clock = clock
        self._connection: Connection[TupleRow] | None = None
        self._leads = False

    def lead(self) -> bool:
        """Whether this relay is the one that relays; asks again where it was not."""
        if not self._leads:
            found = self._execute(LEAD, {}).fetchone()
            self._leads = found is not None and bool(found[0])
        return self._leads

    def waiting(self, limit: int) -> list[OutboxRow]:
        """Up to `limit` events that are not marked, in the order of seq."""
        names = {"topics": self._topics, "limit": limit}
        try:
            with self._connected().cursor(row_factory=class_row(OutboxRow)) as cursor:
                return cursor.execute(WAITING, names).fetchall()
        except psycopg.OperationalError as error:
            raise self._lost(error) from error

    def published(self, seqs: Sequence[int]) -> None:
        """Mark events as acknowledged by the broker."""
        self._execute(PUBLISHED, {"seqs": list(seqs), "at": self._clock.now()})

    def backlog(self) -> tuple[int, datetime | None, int]:
        """How many events wait, since when the oldest does, and how many are for topics that no contract knows."""
        found = self._execute(BACKLOG, {"topics": self._topics}).fetchone()
        return found or (0, None, 0)

    def remove_older(self, days: int) -> int:
        """Remove some of the events that were acknowledged more than `days` days ago; how many."""
        before = self._clock.now() - timedelta(days=days)
        return self._execute(REMOVE, {"before": before, "limit": REMOVE_ROWS}).rowcount

    def close(self) -> None:
        """Let go of the lock and the connection."""
        connection, self._connection, self._leads = self._connection, None, False
        if connection is not None:
            connection.close()

    def _execute(self, statement: LiteralString, names: dict[str, object]) -> psycopg.Cursor[TupleRow]:
        try:
            return self._connected().execute(statement, names)
        except psycopg.OperationalError as error:
            raise self._lost(error) from error

    def _connected(self) -> Connection[TupleRow]:
        if self._connection is None:
            options = f"-c timezone=UTC -c statement_timeout={STATEMENT_S * 1000}"
            text = conninfo.make_conninfo(
                conninfo_of(self._section),
                options=options,
                connect_timeout=CONNECT_S,
                application_name="tidemark-outbox",
                keepalives_idle=10,
            )
            self._connection = Connection.connect(text, autocommit=True)
        return self._connection

    def _lost(self, error: psycopg.OperationalError) -> OutboxUnavailable:
        self.close()
        return OutboxUnavailable(f"{self._section.dsn} does not answer: {error}. `tidemark doctor` says why")
