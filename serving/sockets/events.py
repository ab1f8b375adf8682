"""Events of one's own by push: read from the outbox by number, so that nothing is lost while nobody listens.

A socket pulls: what it has not sent yet is not read again, so memory is bounded although nothing is dropped.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.clock import Clock
from lakehouse.stores import alerting
from lakehouse.stores.postgres import PostgresUnavailable
from serving.kit.channel import hearing
from serving.sockets.commands import Channel
from serving.sockets.frames import text_of
from serving.sockets.repository import EventRepository, EventRow

POLL_S = 0.1
RETRY_S = 1.0
TOPICS = {
    "order.events": Channel.ORDERS,
    "trade.fills": Channel.ORDERS,
    "portfolio.events": Channel.PORTFOLIO,
    alerting.ALERTS: Channel.ALERTS,
}

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Tail:
    """Where a socket stands in its owner's events: the number that each channel has sent, and frames not sent yet."""

    owner: UUID
    wake: Callable[[], None]
    sent: dict[Channel, int] = field(default_factory=dict)
    pending: deque[tuple[Channel, str]] = field(default_factory=deque)
    cursor: int = 0

    def follow(self, channel: Channel, seq: int) -> None:
        """Send what comes after `seq`; following again starts again there."""
        self._drop(channel)
        self.cursor = seq if not self.sent else min(self.cursor, seq)
        self.sent[channel] = seq

    def unfollow(self, channel: Channel) -> None:
        """Send nothing more of the channel."""
        self._drop(channel)
        self.sent.pop(channel, None)

    def _drop(self, channel: Channel) -> None:
        self.pending = deque(each for each in self.pending if each[0] is not channel)

    def take(self, rows: Iterable[EventRow], now: str) -> None:
        """Note the events that the socket has not sent, in their order."""
        for row in rows:
            if row.seq <= self.cursor:
                continue  # read twice, because a channel that started further back was followed meanwhile
            self.cursor = row.seq
            channel = TOPICS.get(row.topic)
            previous = None if channel is None else self.sent.get(channel)
            if channel is not None and previous is not None and row.seq > previous:
                self.sent[channel] = row.seq
                self.pending.append((channel, event_frame(row, channel, previous, now)))
        if self.pending:
            self.wake()


def event_frame(row: EventRow, channel: Channel, previous: int, now: str) -> str:
    """The update frame of an event."""
    symbol = row.payload.get("symbol")
    return text_of(
        {
            "type": "update",
            "channel": channel.value,
            "symbol": symbol if isinstance(symbol, str) else None,
            "seq": row.seq,
            "prev_seq": previous,
            "dropped": 0,
            "ts_event": row.occurred_at.isoformat().replace("+00:00", "Z"),
            "ts_sent": now,
            "data": {"event_id": row.event_id, "type": row.type, "payload": row.payload},
        }
    )


class EventHub:
    """Reads for every socket at once, ten times a second while there is one, and when an alert is heard of."""

    def __init__(self, repository: EventRepository, redis: "Redis", clock: Clock) -> None:
        self.repository = repository
        self._redis = redis
        self._clock = clock
        self._tails: dict[Tail, None] = {}
        self._some = asyncio.Event()
        self._told = asyncio.Event()

    def add(self, tail: Tail) -> None:
        """Serve a socket."""
        self._tails[tail] = None
        self._some.set()

    def remove(self, tail: Tail) -> None:
        """Forget a socket."""
        self._tails.pop(tail, None)

    async def run(self) -> None:
        """Serve until cancelled. While PostgreSQL is gone the sockets wait: they stand where they stood."""
        while True:
            if not self._tails:
                self._some.clear()
                await self._some.wait()
            try:
                await self.turn()
            except PostgresUnavailable as error:
                log.warning("events cannot be read", error=str(error))
                await asyncio.sleep(RETRY_S)
            await self._rest()

    async def _rest(self) -> None:
        """Until there may be something new."""
        try:
            async with asyncio.timeout(POLL_S):
                await self._told.wait()
        except TimeoutError:
            return
        self._told.clear()

    async def listen(self) -> None:
        """Hear of alerts until cancelled. Without Redis they are found a tenth of a second later."""
        while True:
            try:
                async with hearing(self._redis, alerting.CHANNEL, self._clock) as messages:
                    async for message in messages:
                        if message is not None:
                            self._hear(message)
            except (RedisError, TimeoutError, OSError) as error:
                log.warning("alerts are not heard of", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

    def _hear(self, message: str) -> None:
        """Read at once if it concerns who is here."""
        try:
            owner = alerting.owner_in(message)
        except alerting.NotAnAlert as error:
            log.warning("message of alerts ignored", error=str(error))
            return
        if any(tail.owner == owner for tail in self._tails):
            self._told.set()

    async def turn(self) -> None:
        """Read once for every socket that has sent what it was given. Raises PostgresUnavailable."""
        tails = [tail for tail in self._tails if tail.sent and not tail.pending]
        if not tails:
            return
        cursors = [tail.cursor for tail in tails]
        rows = await self.repository.after([tail.owner for tail in tails], cursors)
        by_place: dict[int, list[EventRow]] = {}
        for row in rows:
            by_place.setdefault(row.place, []).append(row)
        now = self._clock.now().isoformat().replace("+00:00", "Z")
        for place, found in by_place.items():
            tail = tails[place]
            # A channel followed meanwhile from further back: what was read starts too late, so read again.
            if tail.cursor >= cursors[place]:
                tail.take(found, now)
