"""Looks at the engines and the books now and then, so that metrics are fresh also where nobody asks for readiness."""

import structlog

from lakehouse.clock import Clock
from lakehouse.stores.postgres import PostgresUnavailable
from serving.health.repository import BookRepository
from serving.health.service import HealthService
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics

EVERY_S = 15.0

log = structlog.get_logger(__name__)


class Sampler:
    """Background work of one process; what it cannot see keeps its last value."""

    def __init__(self, health: HealthService, books: BookRepository, *, metrics: Metrics, clock: Clock) -> None:
        self._health = health
        self._books = books
        self._metrics = metrics
        self._clock = clock

    async def run(self, lifecycle: Lifecycle) -> None:
        """Until the API ends."""
        while True:
            await self.look()
            if await lifecycle.pause(EVERY_S):
                self._metrics.draining.set(1)
                return

    async def look(self) -> None:
        """Once."""
        await self._health.readiness()
        shown = self._metrics.books
        try:
            shown.outbox_age_s = await self._books.outbox_age_s(self._clock.now())
            shown.positions = await self._books.positions()
            shown.executions = await self._books.executions()
            shown.alerts = await self._books.alerts()
        except PostgresUnavailable as error:
            log.warning("books not counted", error=str(error))
