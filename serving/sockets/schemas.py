"""What event streams take, and the frames of the sockets as models: /asyncapi.json is made of them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.types import Optionally
from serving.quotes.schemas import SYMBOLS_PATTERN, MissingSymbol, QuoteOut


class StreamQuery(BaseModel):
    """The query of the event stream."""

    model_config = ConfigDict(extra="forbid")

    symbols: str = Field(pattern=SYMBOLS_PATTERN, description="symbols to follow, by commas", examples=["AAPL,MSFT"])
    max_events: Optionally[int] = Field(None, ge=1, le=1_000_000, description="end after so many events")
    max_seconds: Optionally[float] = Field(None, gt=0, le=86400, description="end after so many seconds")


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hello(_Frame):
    """First frame after the authentication."""

    type: Literal["hello"]
    protocol: Literal["v1"]
    heartbeat_s: float = Field(description="a frame or a heartbeat comes at least this often")
    max_symbols: int = Field(description="symbols that one socket may follow")
    ts_sent: datetime


class SymbolError(_Frame):
    """A symbol that is not followed, and why."""

    symbol: str
    code: Literal["unknown_symbol", "too_many_symbols", "not_subscribed"]


class Subscribed(_Frame):
    """Answer to subscribe and resync; the snapshots follow."""

    type: Literal["subscribed"]
    id: str | None
    channel: str
    ok: list[str]
    errors: list[SymbolError]


class Unsubscribed(_Frame):
    """Answer to unsubscribe."""

    type: Literal["unsubscribed"]
    id: str | None
    channel: str
    symbols: list[str]


class Authenticated(_Frame):
    """Answer to a later auth: the newer token holds from now on."""

    type: Literal["authenticated"]
    id: str | None
    ts_sent: datetime


class _Numbered(_Frame):
    seq: int = Field(ge=0, description="of the symbol, or of your events")
    prev_seq: int | None = Field(
        description="seq of the frame before; null in a snapshot. Another one is a gap: resync"
    )
    dropped: int = Field(ge=0, description="seqs that were passed over because a newer quote came in time")
    ts_event: datetime | None = Field(description="when it happened")
    ts_sent: datetime


class QuoteFrame(_Numbered):
    """The state of a symbol: a snapshot, or an update that replaces it."""

    type: Literal["snapshot", "update"]
    channel: Literal["quotes"]
    symbol: str
    data: QuoteOut | None = Field(description="null where the symbol was never quoted")


class OwnEvent(_Frame):
    """Something that happened to what is yours."""

    event_id: UUID
    type: str
    payload: dict[str, Any]


class EventFrame(_Numbered):
    """An event of yours; none is ever left out."""

    type: Literal["update"]
    channel: Literal["orders", "portfolio", "alerts"]
    symbol: str | None
    data: OwnEvent


class EventSnapshotData(_Frame):
    """Where things stand: your open orders on the channel orders, null on the others."""

    orders: list[dict[str, Any]] | None
    resumed: Literal[False]


class EventSnapshot(_Numbered):
    """State after the event `seq`; sent where `since_seq` is not given or no longer kept."""

    type: Literal["snapshot"]
    channel: Literal["orders", "portfolio", "alerts"]
    symbol: None
    data: EventSnapshotData


class BatchFrame(_Frame):
    """Several frames of quotes in one message."""

    type: Literal["batch"]
    frames: Annotated[list[QuoteFrame], Field(min_length=2)]


class Heartbeat(_Frame):
    """Sent where nothing else was for a second."""

    type: Literal["heartbeat"]
    counter: int
    ts_sent: datetime


class Pong(_Frame):
    """Answer to ping."""

    type: Literal["pong"]
    id: str | None
    ts_sent: datetime


class ErrorFrame(_Frame):
    """Something that the client said was refused; the socket stays open."""

    type: Literal["error"]
    id: str | None
    code: str
    detail: str


class ServerShutdown(_Frame):
    """The server ends; connect again after the time."""

    type: Literal["server_shutdown"]
    reconnect_after_ms: int
    ts_sent: datetime


class SeedMissing(_Frame):
    """A symbol that cannot be followed."""

    symbol: str
    reason: Literal["too_many_symbols"]


class SeedSnapshot(_Frame):
    """The seeds' message: quotes by symbol, those that were asked for or have changed."""

    type: Literal["snapshot"]
    quotes: dict[str, QuoteOut]
    missing: list[MissingSymbol | SeedMissing] = Field(default_factory=list)


class StreamMissing(_Frame):
    """Event `missing`: symbols of the query that are not followed."""

    missing: list[MissingSymbol]


class StreamError(_Frame):
    """Event `error`: the stream ends, because who asked for it may no longer."""

    detail: str


class StreamEnd(_Frame):
    """Event `server_shutdown`: the server ends; connect again with `Last-Event-ID`."""


FRAMES: tuple[type[BaseModel], ...] = (
    Hello,
    Subscribed,
    Unsubscribed,
    Authenticated,
    QuoteFrame,
    EventFrame,
    EventSnapshot,
    BatchFrame,
    Heartbeat,
    Pong,
    ErrorFrame,
    ServerShutdown,
    SeedSnapshot,
)
