"""How the API ends: readiness flips, streams say goodbye, open requests finish, then everything closes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from serving.kit.metrics import Metrics

RESTART_S = 5.0

Work = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


class Lifecycle:
    """One an application. From `begin` on /health/ready answers 503, so that no proxy sends anything new.

    A hub of sockets waits for `draining` in a task of its `Room.run`, sends its `server_shutdown` frames and closes:
    the listener is still open then, and what is in flight gets serving.drain_s.
    """

    def __init__(self) -> None:
        self._draining = asyncio.Event()

    @property
    def is_draining(self) -> bool:
        """Whether the end has begun."""
        return self._draining.is_set()

    def begin(self) -> None:
        """Begin to end; to be called in the event loop, as often as one likes."""
        if not self._draining.is_set():
            log.info("draining")
            self._draining.set()

    async def draining(self) -> None:
        """Return when the end begins."""
        await self._draining.wait()

    async def pause(self, seconds: float) -> bool:
        """Wait; True where the end began meanwhile. For loops of background work."""
        try:
            async with asyncio.timeout(seconds):
                await self._draining.wait()
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def background(metrics: Metrics, **works: Work) -> AsyncIterator[None]:
    """Work beside the requests, by name: cancelled at the end of the block, and waited for. For `Room.run`.

    Work that fails is logged and counted at once, and begun again after RESTART_S: it must find its place by itself.
    """
    tasks = [asyncio.create_task(_kept_up(metrics, name, work)) for name, work in works.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _kept_up(metrics: Metrics, name: str, work: Work) -> None:
    """Run `work` until it returns or is cancelled."""
    while True:
        (found,) = await asyncio.gather(work(), return_exceptions=True)
        if not isinstance(found, Exception):
            return
        metrics.background_failures.labels(name).inc()
        log.error("background work failed", work=name, error=type(found).__name__, exc_info=found)
        await asyncio.sleep(RESTART_S)
