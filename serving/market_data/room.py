"""Market data as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.kit.rooms import Platform, Room, Services, service
from serving.market_data.endpoints import TAG, observations, rates, router
from serving.market_data.reading import MarketService
from serving.market_data.repository import MarketRepository
from serving.market_data.service import ObservationService, QuoteRefused, SymbolNotFound
from serving.quotes.feed import QuoteFeed


def make(platform: Platform) -> dict[str, object]:
    """The services of market data."""
    database = platform.database
    return {
        "market": MarketService(
            MarketRepository(database),
            database,
            platform.clock,
            stale_after_s=platform.settings.market.quote_stale_after_s,
        ),
        "market_data": ObservationService(database, platform.redis, platform.clock),
    }


@asynccontextmanager
async def run(_: Platform, services: Services) -> AsyncIterator[None]:
    """Let the feed know what is recorded here."""
    service(services, "market_data", ObservationService).tell(service(services, "quote_feed", QuoteFeed))
    yield


ROOM = Room(
    # Fixed paths first: an observation's id has their place.
    routers=(router, observations, rates),
    make=make,
    refusals=(QuoteRefused, SymbolNotFound),
    tags=((TAG, "Observed prices, bars, exchange rates, and how the providers do."),),
    run=run,
    guidance={"/api/v1/market-data": "What was observed never changes: record a newer price with POST."},
)
