"""Performance as a room of the API."""

import sys
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from serving.kit.rooms import Platform, Room
from serving.performance.endpoints import router
from serving.performance.repository import PerformanceRepository
from serving.performance.service import EmptySpan, PerformanceService

THREADS = 1  # two would only wait for each other, and for the event loop
# Python hands its lock from one thread to the next after 5 ms at the earliest unless told otherwise. A request needs it
# some twenty times, so that one long calculation in another thread would cost every request beside it 100 ms.
SWITCH_S = 0.0002


def make(platform: Platform) -> dict[str, object]:
    """The service of performance, with threads of its own."""
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="performance")
    service = PerformanceService(PerformanceRepository(platform.database), platform.clock, threads)
    return {"performance": service, "performance_threads": threads}


@asynccontextmanager
async def run(_: Platform, services: Mapping[str, object]) -> AsyncIterator[None]:
    """Let the threads go when the API stops."""
    sys.setswitchinterval(SWITCH_S)
    yield
    threads = services["performance_threads"]
    if isinstance(threads, ThreadPoolExecutor):
        threads.shutdown(wait=False, cancel_futures=True)


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(EmptySpan,),
    tags=(("performance", "Returns that can be explained, and everything that a portfolio is at a moment."),),
    run=run,
)
