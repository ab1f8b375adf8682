"""Routes of watchlists and their items: they translate, the services decide."""

from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of
from serving.watchlists.schemas import (
    WatchlistIn,
    WatchlistItemIn,
    WatchlistItemOut,
    WatchlistItemPatch,
    WatchlistItemQuery,
    WatchlistOut,
    WatchlistPatch,
    WatchlistQuery,
)

TAG = "watchlists"

lists = router_of(
    Resource(
        prefix="watchlists",
        tag=TAG,
        noun="watchlist",
        plural="watchlists",
        service="watchlists",
        models=Models(WatchlistOut, WatchlistQuery, WatchlistIn, WatchlistPatch),
        read=Scope.PROFILE_READ,
        write=Scope.PROFILE_WRITE,
        notes={"delete": "Its items go with it."},
        expands=("items",),
    )
)
items = router_of(
    Resource(
        prefix="watchlist-items",
        tag=TAG,
        noun="watchlist item",
        plural="watchlist items",
        service="watchlist_items",
        models=Models(WatchlistItemOut, WatchlistItemQuery, WatchlistItemIn, WatchlistItemPatch),
        read=Scope.PROFILE_READ,
        write=Scope.PROFILE_WRITE,
        notes={"delete": "The instrument leaves the list."},
    )
)
