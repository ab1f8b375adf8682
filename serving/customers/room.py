"""Customers as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from ml.checks.champion import Champion, champion_of
from ml.features.customers import CUSTOMER_FEATURES
from serving.customers.endpoints import TAG, router
from serving.customers.service import CustomerService
from serving.kit.champions import keep_fresh
from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services, service


def make(platform: Platform) -> dict[str, object]:
    """The service of customers."""
    champion = champion_of(platform.settings, "identity_score", CUSTOMER_FEATURES)
    return {"customer_champion": champion, "customers": CustomerService(platform.database, platform.clock, champion)}


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Keep the model that judges fresh, beside the requests."""
    champion = service(services, "customer_champion", Champion)
    async with background(platform.metrics, customer_model=partial(keep_fresh, platform, champion)):
        yield


ROOM = Room(
    routers=(router,),
    make=make,
    run=run,
    tags=((TAG, "People whom you serve, with the score of the identity check."),),
)
