"""Sockets and streams as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from serving.kit.lifecycle import Lifecycle, background
from serving.kit.rooms import Platform, Room, Services, service
from serving.quotes.feed import QuoteFeed
from serving.sockets.endpoints import NothingToStream, router
from serving.sockets.events import EventHub
from serving.sockets.hub import Hub, TooManyStreams
from serving.sockets.repository import EventRepository
from serving.sockets.service import SocketService


def make(platform: Platform) -> dict[str, object]:
    """The hub and who serves it."""
    events = EventHub(EventRepository(platform.database), platform.redis, platform.clock)
    hub = Hub(platform.settings.streams)
    return {"sockets": SocketService(hub, events, platform.clock, platform.metrics, platform.lifecycle)}


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Hear the quotes and read the events as long as the API runs."""
    sockets = service(services, "sockets", SocketService)
    events = sockets.events
    feed = service(services, "quote_feed", QuoteFeed)
    with sockets.hub.hearing(feed):
        goodbye = partial(_goodbye, sockets.hub, platform.lifecycle)
        async with background(platform.metrics, events=events.run, alerts=events.listen, goodbye=goodbye):
            yield


async def _goodbye(hub: Hub, lifecycle: Lifecycle) -> None:
    await lifecycle.draining()
    hub.wake_all()


ROOM = Room(routers=(router,), make=make, refusals=(TooManyStreams, NothingToStream), run=run)
