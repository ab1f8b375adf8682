"""The quotes in this process's memory: fed by the bus, checked against PostgreSQL, right without either for a while.

Two tasks feed it. One listens to the bus; a message out of number shows that something was missed. The other reads
what has changed in the master table: every five seconds while the bus is heard, every second while it is not, and
everything after a gap. A quote replaces another only by a higher version, so the two cannot contradict each other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.clock import Clock
from lakehouse.domain.quote import LatestQuote
from lakehouse.stores import quote_bus
from lakehouse.stores.postgres import PostgresUnavailable
from lakehouse.stores.quotes import ALL, SINCE
from serving.kit.channel import hearing
from serving.kit.database import Database
from serving.quotes.wire import WireQuote, encode

HEARD_POLL_S = 5.0
ALONE_POLL_S = 1.0
RETRY_S = 0.5
INTERRUPTED_AFTER_S = 15.0
# A transaction that commits this long after it took its time is not missed.
OVERLAP = timedelta(seconds=30)

Listener: TypeAlias = Callable[[Sequence[WireQuote]], None]

log = structlog.get_logger(__name__)


class QuoteFeed:
    """The latest quotes by symbol. Reading it does no input or output; listeners are called as quotes change."""

    def __init__(self, database: Database, redis: "Redis", clock: Clock, *, stale_after_s: float) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock
        self._stale_after_s = stale_after_s
        self._quotes: dict[str, WireQuote] = {}
        self._listeners: list[Listener] = []
        self._since: datetime | None = None
        self._confirmed_s: float | None = None
        self._number: int | None = None
        self._wake = asyncio.Event()
        self.is_heard = False

    @property
    def is_loaded(self) -> bool:
        """Whether the master table, or what the bus kept of it, has been read at all."""
        return self._confirmed_s is not None

    @property
    def is_interrupted(self) -> bool:
        """Whether neither bus nor table has confirmed the quotes lately: they may have changed since."""
        confirmed = self._confirmed_s
        return confirmed is None or self._clock.monotonic() - confirmed > INTERRUPTED_AFTER_S

    def get(self, symbol: str) -> WireQuote | None:
        """The quote, or None where the master table has none."""
        return self._quotes.get(symbol)

    def all(self) -> Iterable[WireQuote]:
        """Every quote."""
        return self._quotes.values()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the quotes that change, each batch once; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def apply(self, rows: Sequence[LatestQuote]) -> None:
        """Take what is newer than what is held, and tell the listeners. Also for a writer's own rows."""
        changed: list[WireQuote] = []
        for row in rows:
            held = self._quotes.get(row.symbol)
            if held is None or row.version > held.row.version:
                wire = encode(row, stale_after_s=self._stale_after_s)
                self._quotes[row.symbol] = wire
                changed.append(wire)
        if changed:
            for listener in tuple(self._listeners):
                listener(changed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Feed while the block runs; it is entered when the quotes are loaded, or cannot be for now."""
        await self._refresh()
        tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._listen())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await self._rest()
            await self._refresh()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(HEARD_POLL_S if self.is_heard else ALONE_POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _refresh(self) -> None:
        since = self._since
        try:
            if since is None:
                rows = await self._database.fetch(ALL, {}, LatestQuote)
            else:
                rows = await self._database.fetch(SINCE, {"since": since - OVERLAP}, LatestQuote)
        except PostgresUnavailable:
            await self._fall_back()
            return
        self.apply(rows)
        self._since = max([row.updated_at for row in rows], default=since)
        self._confirmed_s = self._clock.monotonic()

    async def _fall_back(self) -> None:
        """Before the first answer of PostgreSQL, what the bus kept is better than nothing."""
        if self.is_loaded:
            return
        rows = await quote_bus.kept(self._redis)
        if rows:
            self.apply(rows)
            self._confirmed_s = self._clock.monotonic()

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (RedisError, TimeoutError, OSError) as error:
                log.warning("quote bus lost", error=type(error).__name__)
            self.is_heard = False
            self._wake.set()
            await asyncio.sleep(RETRY_S)

    async def _hear(self) -> None:
        """Hear until the bus breaks or falls silent. What was said before the subscription is read from the table."""
        async with hearing(self._redis, quote_bus.CHANNEL, self._clock) as messages:
            async for message in messages:
                if not self.is_heard:
                    self._number = None
                    self._missed()
                self.is_heard = True
                if message is not None:
                    self._take(message)

    def _take(self, message: str) -> None:
        try:
            number, rows = quote_bus.read(message)
        except quote_bus.MessageUnreadable as error:
            log.warning("quote bus message ignored", error=str(error))
            self._missed()
            return
        if self._number is not None and number != self._number + 1:
            self._missed()
        self._number = number
        self._confirmed_s = self._clock.monotonic()
        self.apply(rows)

    def _missed(self) -> None:
        self._since = None
        self._wake.set()
