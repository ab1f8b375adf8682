"""The loop: compare first, then follow what is at the broker and send what waits; wait where somebody is away."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import SystemRandom
from threading import Event
from typing import Final, LiteralString

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.settings import PostgresSettings
from lakehouse.stores import broker as store
from lakehouse.stores.postgres import connect_alone, rows_of
from streaming.broker.floor import Floor
from streaming.broker.following import follow
from streaming.broker.metrics import BrokerMetrics
from streaming.broker.port import Broker
from streaming.broker.reconciling import reconcile
from streaming.broker.sending import send_ready
from streaming.kit.backoff import Backoff
from streaming.kit.remote import ProviderError, RateLimited, Refused, Sleep

EVERY_S: Final = 600.0
"""Broker and books are compared so often while they agree, and the next while they do not."""
AGAIN_S: Final = 15.0
REFUSED_S: Final = 60.0
LONGEST_S: Final = 300.0
"""A broker that asks for a longer wait is asked before: nobody else tells what became of orders."""
WAITS: Final = Backoff(base_s=1.0, cap_s=60.0)
DRAW: Final = SystemRandom().random
LEAD: Final[LiteralString] = """
    SELECT pg_try_advisory_lock(hashtextextended('tidemark.broker.' || %(venue)s, 0)) AS leads
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Lock:
    leads: bool


@dataclass(slots=True)
class Trading:
    """Trades at one broker until it is told to stop. Killed at any moment, the next one asks the broker what became of
    what was under way.

    One process of several leads; that two never send the same order is what its row is for, not the lock.
    """

    broker: Broker
    section: PostgresSettings
    clock: Clock
    sleep: Sleep
    metrics: BrokerMetrics
    poll_s: float
    ready: Event = field(default_factory=Event)
    _connection: AsyncConnection[TupleRow] | None = None
    _leads: bool = False
    _compare_at_s: float = float("-inf")
    _failures: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Trade until `stop`."""
        try:
            while not stop.is_set():
                wait_s = await self._tried()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait_s)
        finally:
            self.ready.clear()
            await self._drop()
            await self.broker.close()

    async def turn(self) -> None:
        """One step of everything. Raises ProviderError and psycopg.OperationalError; whatever was done stays true."""
        floor = await self._floor()
        if floor is None:
            return
        is_due = self.clock.monotonic() >= self._compare_at_s
        if not is_due and await store.living(floor.connection, floor.venue):
            is_due = not (await follow(floor)).are_booked  # what the books refuse is named before anything goes out
        if is_due:
            agrees = await reconcile(floor)  # where it fails, nothing is known and nothing goes out
            self._compare_at_s = self.clock.monotonic() + (EVERY_S if agrees else AGAIN_S)
        # What differs may concern one portfolio only: which orders may go is decided by what was kept of it.
        await send_ready(floor)

    async def _tried(self) -> float:
        """Do a step; how long to wait after it, in seconds."""
        try:
            await self.turn()
        except psycopg.OperationalError as error:
            self._failed("postgres", error)
            await self._drop()
        except Refused as error:
            self._failed("refused", error)
            return REFUSED_S
        except RateLimited as error:
            self._failed("rate_limited", error)
            return WAITS.wait_s(self._failures, DRAW, at_least_s=min(error.retry_after_s, LONGEST_S))
        except ProviderError as error:
            self._failed("broker", error)
        else:
            self._failures = 0
            self.ready.set()
            return self.poll_s
        return WAITS.wait_s(self._failures, DRAW)

    def _failed(self, kind: str, error: Exception) -> None:
        self._failures += 1
        self._compare_at_s = float("-inf")  # what was under way may be in doubt
        self.metrics.failures.labels(kind).inc()
        self.ready.clear()
        log.warning("broker_failed", kind=type(error).__name__, error=str(error))

    async def _floor(self) -> Floor | None:
        """What a step works with; None where another process leads."""
        if self._connection is None:
            self._connection = await connect_alone(self.section, "tidemark-broker")
        if not self._leads:
            [found] = await rows_of(self._connection, LEAD, {"venue": self.broker.name}, _Lock)
            self._leads = found.leads
        self.metrics.leads.set(self._leads)
        if not self._leads:
            return None
        return Floor(self.broker, self._connection, self.clock, self.sleep, self.metrics)

    async def _drop(self) -> None:
        held, self._connection, self._leads = self._connection, None, False
        self._compare_at_s = float("-inf")
        if held is not None:
            with suppress(psycopg.Error):
                await held.close()
