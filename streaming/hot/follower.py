"""Follows books, rules and orders in a thread of its own: events hint at what to read again, rows are the truth."""

import asyncio
from datetime import date
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final
from uuid import UUID

import psycopg
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.contracts.topics import books, risk
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores.hot_var import newest_var
from lakehouse.stores.marts import Marts, MartsUnavailable
from lakehouse.stores.postgres import IN_THE_WAY
from streaming.hot import reading
from streaming.hot.changes import VAR, Change, Sight, difference
from streaming.hot.reading import Asked
from streaming.hot.writer import connect

REFRESH_S: Final = 30.0
POLL_S: Final = 0.05
HALTS_S: Final = 0.25
"""A switch that stops trading is looked up, not waited for: it holds while Kafka is away, too."""
PAUSE_S: Final = 1.0
HINTS: Final = 500
SAID: Final = 200
"""Characters of an error that are logged."""
RULES: Final = risk.RULES.name
TOPICS: Final = (books.PORTFOLIO.name, books.ORDER.name, RULES)
NOTHING: Final = Asked(frozenset(), frozenset(), halts=False)

log = structlog.get_logger(__name__)


class FollowerEnded(TidemarkError):
    """The thread that reads books has failed: the process ends, and starts anew."""


class Follower:
    """Reads what events hint at within POLL_S, halts every HALTS_S, and everything every REFRESH_S.

    `hint` and `taken` are the loop's; all else happens in the thread. A reading that fails is told and tried again.
    """

    def __init__(self, section: PostgresSettings, marts: Marts, consumer: Consumer, *, clock: Clock) -> None:
        self._section, self._marts, self._consumer, self._clock = section, marts, consumer, clock
        self._hints: SimpleQueue[UUID] = SimpleQueue()
        self._found: SimpleQueue[Change] = SimpleQueue()
        self._stop, self._ended = Event(), Event()
        self._thread: Thread | None = None
        self._connection: AsyncConnection[TupleRow] | None = None
        self._halts_s = float("-inf")
        self._scenarios_of: tuple[frozenset[str], date] | None = None

    def start(self, seen: Sight) -> None:
        """Follow from what was `seen`, beginning with everything."""
        self._thread = Thread(target=self._run, args=(seen.copy(),), name="follower", daemon=True)
        self._thread.start()

    def hint(self, portfolio: UUID) -> None:
        """Something of this portfolio is known to have changed."""
        self._hints.put(portfolio)

    def taken(self) -> Change | None:
        """The next change that was found. Raises FollowerEnded: what is judged would be older and older."""
        if self._ended.is_set():
            raise FollowerEnded("nothing follows the books any more; the log says why")
        try:
            return self._found.get_nowait()
        except Empty:
            return None

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._consumer.close()

    def _run(self, seen: Sight) -> None:
        try:
            asyncio.run(self._follow(seen))
        finally:
            self._ended.set()  # whatever ended it; the interpreter writes the traceback of a thread that fails

    async def _follow(self, seen: Sight) -> None:
        owed, refreshed_s, var, listens = NOTHING, float("-inf"), None, False
        while not self._stop.is_set():
            now = self._clock.monotonic()
            if now - refreshed_s >= REFRESH_S:
                listens = listens or self._listen()
                owed, refreshed_s = Asked(), now
                if var is None or var.done():
                    var = asyncio.create_task(self._read_var(seen))  # marts that do not answer delay nothing else
            if owed != NOTHING:
                owed = await self._read(seen, owed)
            await asyncio.sleep(0)
            owed = _joined(owed, self._asked())
        await self._close()
        self._marts.close()

    async def _read(self, seen: Sight, asked: Asked) -> Asked:
        """Read and hand on what differs; what is still owed, as it could not be read."""
        try:
            if self._connection is None:
                self._connection = await connect(self._section, "tidemark-hot-follower")
            change = await reading.changes(self._connection, seen, asked, clock=self._clock)
            self._hand_on(seen, change)
            if change or asked.portfolios is None:
                await self._read_scenarios(self._connection, seen)
        except IN_THE_WAY:
            return asked
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
            log.warning("books_not_read", error=str(error), retry_s=PAUSE_S)
            await self._close()
            self._stop.wait(PAUSE_S)
            return asked
        return NOTHING

    async def _read_scenarios(self, connection: AsyncConnection[TupleRow], seen: Sight) -> None:
        """Past returns, where other symbols need them or a new day has come."""
        wanted = reading.with_live_var(seen), self._clock.now().date()
        if wanted != self._scenarios_of:
            self._hand_on(seen, await reading.scenarios(connection, seen, wanted[0]))
            self._scenarios_of = wanted

    async def _read_var(self, seen: Sight) -> None:
        """What the batch published last; where the marts are away, what was known of it stays."""
        try:
            found = await newest_var(self._marts, self._clock.now().date())
        except MartsUnavailable as error:
            log.warning("var_not_read", error=str(error)[:SAID])
            return
        self._hand_on(seen, difference(seen, {VAR: found}, {}))

    def _hand_on(self, seen: Sight, change: Change) -> None:
        if change:
            seen.apply(change)
            self._found.put(change)

    def _asked(self) -> Asked:
        """What events and the loop's own hints name; waits for them a little."""
        owners: set[UUID] = set()
        rules: set[UUID] = set()
        for message in self._consumer.consume(HINTS, POLL_S):
            if found := _key(message):
                (rules if message.topic() == RULES else owners).add(found)
        while not self._hints.empty():
            owners.add(self._hints.get_nowait())
        now = self._clock.monotonic()
        is_due = now - self._halts_s >= HALTS_S
        self._halts_s = now if is_due else self._halts_s
        return Asked(frozenset(owners), frozenset(rules), is_due)

    def _listen(self) -> bool:
        """From the topics' ends of now: what was before is read from PostgreSQL. False where Kafka does not answer;
        until it does there is the refresh."""
        try:
            known = self._consumer.list_topics(timeout=PAUSE_S).topics
            places = [
                TopicPartition(name, number) for name in TOPICS if name in known for number in known[name].partitions
            ]
            ends = [self._consumer.get_watermark_offsets(place, timeout=PAUSE_S)[1] for place in places]
        except KafkaException as error:
            log.warning("events_not_followed", error=str(error))
            return False
        self._consumer.assign(
            [TopicPartition(place.topic, place.partition, end) for place, end in zip(places, ends, strict=True)]
        )
        return True

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _joined(one: Asked, other: Asked) -> Asked:
    portfolios = None if one.portfolios is None or other.portfolios is None else one.portfolios | other.portfolios
    rules = None if one.rules is None or other.rules is None else one.rules | other.rules
    return Asked(portfolios, rules, one.halts or other.halts)


def _key(message: Message) -> UUID | None:
    """The object that an event is about."""
    error = message.error()
    if error is not None:
        if error.code() != KafkaError._PARTITION_EOF:
            log.warning("event_not_read", error=error.str())
        return None
    try:
        return UUID((message.key() or b"").decode())
    except ValueError:
        return None
