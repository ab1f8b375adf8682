"""Orders as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from lakehouse.stores.books.order_policy import policy_of
from ml.checks.champion import Champion, champion_of
from ml.features.trades import TRADE_FEATURES
from serving.kit.champions import keep_fresh
from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services, service
from serving.orders.counting import OrderCounts
from serving.orders.endpoints import PREFIX, TAG, listing, router
from serving.orders.problems import REFUSALS
from serving.orders.service import OrderService
from serving.orders.sweeper import sweep_forever


def make(platform: Platform) -> dict[str, object]:
    """The service of orders."""
    counts = OrderCounts(platform.metrics.registry)
    champion = champion_of(platform.settings, "trade_surveillance", TRADE_FEATURES)
    return {
        "order_champion": champion,
        "orders": OrderService(
            platform.database,
            platform.clock,
            counts,
            champion,
            policy=policy_of(platform.settings),
        ),
        "order_counts": counts,
    }


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Let orders lapse, and keep the model that judges them fresh, beside the requests."""
    counts = service(services, "order_counts", OrderCounts)
    champion = service(services, "order_champion", Champion)
    works = {
        "order_sweeper": partial(sweep_forever, platform, counts),
        "order_model": partial(keep_fresh, platform, champion),
    }
    async with background(platform.metrics, **works):
        yield


ROOM = Room(
    routers=(listing, router),
    make=make,
    run=run,
    refusals=REFUSALS,
    guidance={
        PREFIX: "An order changes by PATCH (a new one takes its place) and ends by DELETE; venues fill it.",
    },
    tags=((TAG, "Placed, reserved for, filled, replaced, canceled: each change is one transaction and one event."),),
)
