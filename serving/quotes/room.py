"""Quotes as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.kit.rooms import Platform, Room, Services, service
from serving.quotes.endpoints import router
from serving.quotes.feed import QuoteFeed
from serving.quotes.repository import QuoteRepository
from serving.quotes.service import QuoteService


def make(platform: Platform) -> dict[str, object]:
    """The feed and the service of quotes."""
    stale_after_s = platform.settings.market.quote_stale_after_s
    feed = QuoteFeed(platform.database, platform.redis, platform.clock, stale_after_s=stale_after_s)
    quotes = QuoteService(feed, QuoteRepository(platform.database), platform.clock)
    return {"quote_feed": feed, "quotes": quotes}


@asynccontextmanager
async def run(_: Platform, services: Services) -> AsyncIterator[None]:
    """Feed the quotes as long as the API runs."""
    async with service(services, "quote_feed", QuoteFeed).running():
        yield


ROOM = Room(
    routers=(router,),
    make=make,
    tags=(("quotes", "The latest prices, with who says so, since when, and whether they are stale."),),
    run=run,
)
