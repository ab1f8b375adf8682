"""Imports as a room of the API."""

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from serving.imports.endpoints import TAG, mappings, router
from serving.imports.importer import FileUnreadable, ImportRefused, Overdraft
from serving.imports.mappings import MappingService
from serving.imports.service import ImportService
from serving.kit.rooms import Platform, Room

THREADS = 2  # files at a time; further ones wait


def make(platform: Platform) -> dict[str, object]:
    """The services of imports and of saved layouts."""
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="import")
    return {
        "imports": ImportService(platform, threads),
        "import_mappings": MappingService(platform.database, platform.clock),
        "import_threads": threads,
    }


@asynccontextmanager
async def run(_: Platform, services: Mapping[str, object]) -> AsyncIterator[None]:
    """Let the threads go when the API stops; what they have not committed is not booked."""
    yield
    threads = services["import_threads"]
    if isinstance(threads, ThreadPoolExecutor):
        threads.shutdown(wait=False, cancel_futures=True)


ROOM = Room(
    routers=(router, mappings),
    make=make,
    refusals=(FileUnreadable, ImportRefused, Overdraft),
    tags=((TAG, "Files of past transactions: tried, judged row by row, booked once."),),
    run=run,
)
