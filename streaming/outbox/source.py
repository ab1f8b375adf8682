"""PostgreSQL: which events wait, who may relay them, and that they are gone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from streaming.kit.postgres import Led
from streaming.outbox.processor import OutboxRow

REMOVE_ROWS = 5_000

LOCK: Final = "tidemark.outbox.relay"
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
        self._led = Led(section, name="tidemark-outbox", lock=LOCK, away=OutboxUnavailable)
        self._topics = list(topics)
        self._clock = clock

    def lead(self) -> bool:
        """Whether this relay is the one that relays; asks again where it was not."""
        return self._led.lead()

    def waiting(self, limit: int) -> list[OutboxRow]:
        """Up to `limit` events that are not marked, in the order of seq."""
        names = {"topics": self._topics, "limit": limit}
        return self._led.rows(WAITING, names, OutboxRow)

    def published(self, seqs: Sequence[int]) -> None:
        """Mark events as acknowledged by the broker."""
        self._led.execute(PUBLISHED, {"seqs": list(seqs), "at": self._clock.now()})

    def backlog(self) -> tuple[int, datetime | None, int]:
        """How many events wait, since when the oldest does, and how many are for topics that no contract knows."""
        found = self._led.execute(BACKLOG, {"topics": self._topics}).fetchone()
        return found or (0, None, 0)

    def remove_older(self, days: int) -> int:
        """Remove some of the events that were acknowledged more than `days` days ago; how many."""
        before = self._clock.now() - timedelta(days=days)
        return self._led.execute(REMOVE, {"before": before, "limit": REMOVE_ROWS}).rowcount

    def close(self) -> None:
        """Let go of the lock and the connection."""
        self._led.close()
