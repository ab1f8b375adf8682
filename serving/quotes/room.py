"""Quotes as a room of the API."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from serving.kit.rooms import Platform, Room, Services, service
from serving.quotes.endpoints import router
from serving.quotes.feed import QuoteFeed
from serving.quotes.repository import QuoteRepository
from serving.quotes.service import QuoteService
from serving.quotes.wire import WireQuote


def make(platform: Platform) -> dict[str, object]:
    """The feed and the service of quotes."""
    stale_after_s = platform.settings.market.quote_stale_after_s
    feed = QuoteFeed(platform.database, platform.redis, platform.clock, stale_after_s=stale_after_s)
    quotes = QuoteService(feed, QuoteRepository(platform.database), platform.clock)
    return {"quote_feed": feed, "quotes": quotes}


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Feed the quotes as long as the API runs, and measure how old they arrive."""
    feed = service(services, "quote_feed", QuoteFeed)

    def measure(arrived: Sequence[WireQuote]) -> None:
        now_s = platform.clock.now().timestamp()
        for quote in arrived:
            platform.metrics.tick_age.observe(max(0.0, now_s - quote.row.as_of.timestamp()))

    async with feed.running():
        stop = feed.subscribe(measure)
        try:
            yield
        finally:
            stop()


ROOM = Room(
    routers=(router,),
    make=make,
    tags=(("quotes", "The latest prices, with who says so, since when, and whether they are stale."),),
    run=run,
)
