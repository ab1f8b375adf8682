"""The rules of watchlists: names are unique to their owner, an item belongs to a list of the same owner."""

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService, NotFound, Row
from serving.kit.database import Database
from serving.kit.problems import ApiError
from serving.watchlists.repository import ITEMS, WATCHLISTS, WatchlistItemRepository, WatchlistRepository
from serving.watchlists.schemas import WatchlistIn, WatchlistItemIn, WatchlistItemOut, WatchlistOut


class WatchlistService(CrudService[WatchlistIn, WatchlistOut]):
    """Watchlists; deleting one deletes its items."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._lists = WatchlistRepository(database, WATCHLISTS)
        super().__init__(database, self._lists, clock)

    async def expand(
        self, principal: Principal, rows: Sequence[WatchlistOut], names: Sequence[str]
    ) -> list[WatchlistOut]:
        """The lists with their items."""
        items = await self._lists.items_of(principal, [row.id for row in rows])
        of_list = {key: list(group) for key, group in groupby(items, lambda item: item.watchlist_id)}
        return [row.model_copy(update={"items": of_list.get(row.id, [])}) for row in rows]


class WatchlistItemService(CrudService[WatchlistItemIn, WatchlistItemOut]):
    """Items of the caller's own watchlists."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._items = WatchlistItemRepository(database, ITEMS)
        super().__init__(database, self._items, clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[WatchlistItemIn]
    ) -> list[Row | ApiError]:
        """A row of each item whose watchlist is the caller's own; another's does not exist for the caller."""
        wanted = {item.watchlist_id for item in items}
        own = await self._items.own_lists(connection, principal.user_id, wanted)
        return [
            {**item.model_dump(), "owner_id": principal.user_id}
            if item.watchlist_id in own
            else _no_list(item.watchlist_id)
            for item in items
        ]


def _no_list(watchlist_id: UUID) -> NotFound:
    return NotFound(f"There is no watchlist {watchlist_id} of yours; POST /api/v1/watchlists makes one.")
