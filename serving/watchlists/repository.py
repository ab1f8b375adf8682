"""The tables of watchlists, and who owns which."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.contracts.tables.resources import WATCHLIST, WATCHLIST_ITEM
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.watchlists.schemas import WatchlistItemOut, WatchlistOut

MAX_SHOWN = 200

WATCHLISTS = Collection(
    WATCHLIST,
    WatchlistOut,
    noun="watchlist",
    extra={
        "item_count": "(SELECT count(*) FROM app.watchlist_item AS i WHERE i.watchlist_id = t.id)",
        "items": "NULL",
    },
    predicates={"name": "strpos(lower(t.name), lower(%(name)s)) > 0"},
)
ITEMS = Collection(WATCHLIST_ITEM, WatchlistItemOut, noun="watchlist item")

OF_LISTS: Final[LiteralString] = """
    SELECT i.id, i.watchlist_id, i.symbol, i.target_price, i.note, i.version, i.created_at, i.updated_at
    FROM unnest(%(lists)s::uuid[]) AS w (id)
    CROSS JOIN LATERAL (
        SELECT * FROM app.watchlist_item AS x WHERE x.watchlist_id = w.id ORDER BY x.id LIMIT %(limit)s
    ) AS i
    WHERE %(reads_all)s OR i.owner_id = %(reader)s
    ORDER BY i.watchlist_id, i.id
"""
MINE: Final[LiteralString] = """
    SELECT w.id FROM app.watchlist AS w WHERE w.id = ANY (%(ids)s) AND w.owner_id = %(owner)s FOR KEY SHARE
"""


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


class WatchlistRepository(CrudRepository[WatchlistOut]):
    """Watchlists. Every method raises PostgresUnavailable."""

    async def items_of(self, principal: Principal, lists: list[UUID]) -> list[WatchlistItemOut]:
        """The first items of each of the lists, by list and id."""
        names = {**principal.reader, "lists": lists, "limit": MAX_SHOWN}
        return await self._database.fetch(OF_LISTS, names, WatchlistItemOut)


class WatchlistItemRepository(CrudRepository[WatchlistItemOut]):
    """Items. Every method raises PostgresUnavailable."""

    async def own_lists(self, connection: Transaction, owner: UUID, lists: Iterable[UUID]) -> frozenset[UUID]:
        """Those of `lists` that the owner has; they stay until the transaction ends."""
        found = await postgres.rows_of(connection, MINE, {"ids": list(lists), "owner": owner}, _Id)
        return frozenset(row.id for row in found)
