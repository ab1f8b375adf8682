"""Allocations as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from serving.allocations.caller import call_forever
from serving.allocations.endpoints import TAG, router
from serving.allocations.repository import AllocationRepository
from serving.allocations.service import AllocationService, NoAllocation
from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services
from serving.portfolios.service import PortfolioService


def make(platform: Platform) -> dict[str, object]:
    """The service of allocations."""
    portfolios = PortfolioService(platform.database, platform.clock)
    repository = AllocationRepository(platform.database)
    return {"allocations": AllocationService(repository, portfolios, clock=platform.clock)}


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Tell the scheduler who waits, beside the requests."""
    async with background(platform.metrics, allocation_caller=partial(call_forever, platform)):
        yield


ROOM = Room(
    routers=(router,),
    make=make,
    run=run,
    refusals=(NoAllocation,),
    tags=((TAG, "Weights for portfolios: pending when asked for, then ready or failed with the reason."),),
)
