"""Watchlists as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.watchlists.endpoints import TAG, items, lists
from serving.watchlists.service import WatchlistItemService, WatchlistService


def make(platform: Platform) -> dict[str, object]:
    """The services of watchlists and of their items."""
    return {
        "watchlists": WatchlistService(platform.database, platform.clock),
        "watchlist_items": WatchlistItemService(platform.database, platform.clock),
    }


ROOM = Room(
    routers=(lists, items),
    make=make,
    tags=((TAG, "Instruments that you follow; a list and its items are yours alone."),),
)
