"""What watchlists and their items look like on the wire."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import LongText, Optionally, Price, Symbol, Text

WATCHLIST_ID = Field(description="watchlist that it is on")
TARGET = Field(None, description="price to wait for, in the instrument's currency; null where there is none")
SYMBOL = Field(description="instrument; GET /api/v1/instruments lists them", examples=["AAPL"])


class WatchlistIn(BaseModel):
    """A new watchlist."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(description="unique among yours", examples=["Technology"])
    description: LongText = Field("", description="what it is for")


class WatchlistPatch(MergePatch):
    """A change of a watchlist."""

    name: Optionally[Text] = Field(None, description="unique among yours")
    description: Optionally[LongText] = Field(None, description="what it is for")


class WatchlistItemIn(BaseModel):
    """An instrument for one of your watchlists."""

    model_config = ConfigDict(extra="forbid")

    watchlist_id: UUID = WATCHLIST_ID
    symbol: Symbol = SYMBOL
    target_price: Price | None = TARGET
    note: LongText = Field("", description="your remark")


class WatchlistItemPatch(MergePatch):
    """A change of an item; its watchlist and instrument stay."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"target_price"})

    target_price: Price | None = TARGET
    note: Optionally[LongText] = Field(None, description="your remark")


class WatchlistItemOut(BaseModel):
    """An instrument on a watchlist."""

    id: UUID = Field(description="UUIDv7")
    watchlist_id: UUID = WATCHLIST_ID
    symbol: Symbol = SYMBOL
    target_price: Price | None = TARGET
    note: str = Field(description="the owner's remark")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was put on the list")
    updated_at: datetime = Field(description="when it last changed")


class WatchlistOut(BaseModel):
    """Instruments that are followed together."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user that owns it")
    name: str = Field(description="unique among its owner's", examples=["Technology"])
    description: str = Field(description="what it is for")
    item_count: int = Field(ge=0, description="instruments on it")
    items: list[WatchlistItemOut] | None = Field(
        None, description="the first 200 instruments on it, by id; null unless `expand=items`"
    )
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was made")
    updated_at: datetime = Field(description="when it last changed")


class WatchlistQuery(ListQuery):
    """The query of the list of watchlists."""

    name: Optionally[Text] = Field(None, description="only names that contain this text, in any case")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
    expand: list[Literal["items"]] = Field([], max_length=4, description="related objects to show inside")


class WatchlistItemQuery(ListQuery):
    """The query of the list of items."""

    watchlist_id: Optionally[UUID] = Field(None, description="only items of this watchlist")
    symbol: Optionally[Symbol] = Field(None, description="only items of this instrument")
    sort: Literal["id", "-id", "symbol", "-symbol", "updated_at", "-updated_at"] = Field(
        "id", description="order; `-` for descending"
    )
