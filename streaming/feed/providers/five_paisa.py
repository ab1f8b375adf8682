"""5paisa: market feed by WebSocket and REST, JSON (xstream.5paisa.com/dev-docs: WebSocket, MarketFeed).

The broker counts instruments (ScripCode), so every symbol needs its exchange and token from the broker's scrip master.
Times come as `/Date(1706956047000+0530)/`: milliseconds since 1970 UTC, the offset is for display.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from urllib.parse import quote

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

from lakehouse.clock import Clock, epoch_us
from streaming.feed.port import Batch, Health, Numbers, Tick, TickKind, joined, read_each, unreadable
from streaming.feed.providers.sockets import opened
from streaming.feed.universe import Instrument, UniverseError
from streaming.kit.quota import Bucket, bucket
from streaming.kit.remote import ProviderError, Refused, Sleep
from streaming.kit.web import web

NAME = "5paisa"
REST_URL = "https://openapi.5paisa.com"
SOCKET_URL = "wss://openfeed.5paisa.com/Feeds/api/chat"
CALENDAR = "XBOM"
LIMITS: tuple[Bucket, ...] = (bucket(100, 60),)
SEGMENTS = {
    "NSE": ("N", "C"),
    "BSE": ("B", "C"),
    "NFO": ("N", "D"),
    "BFO": ("B", "D"),
    "CDS": ("N", "U"),
    "MCX": ("M", "D"),
}
_FEED = "/VendorsAPI/Service1.svc/MarketFeed"
_GROUP = 50
_DATE = re.compile(r"/Date\((\d+)(?:[+-]\d{4})?\)/")
_NAMES = {place: name for name, place in SEGMENTS.items()}

Place = tuple[str, str, int]


class FivePaisaAccount(BaseModel):
    """What the feed needs. The access token is of one day: the login that makes it wants a person or a browser."""

    model_config = ConfigDict(frozen=True)

    key: SecretStr
    client_code: SecretStr
    access_token: SecretStr


class _Row(
    msgspec.Struct,
    rename={
        "exchange": "Exch",
        "segment": "ExchType",
        "token": "Token",
        "price": "LastRate",
        "made": "TickDt",
        "size": "LastQty",
        "volume": "TotalQty",
        "bid_price": "BidRate",
        "bid_size": "BidQty",
        "ask_price": "OffRate",
        "ask_size": "OffQty",
    },
):
    exchange: str
    segment: str
    token: int
    price: float
    made: str
    size: float = 0.0
    volume: float = 0.0
    bid_price: float = 0.0
    bid_size: float = 0.0
    ask_price: float = 0.0
    ask_size: float = 0.0


class _Body(msgspec.Struct, rename={"status": "Status", "message": "Message", "rows": "Data"}):
    status: int
    message: str = ""
    rows: list[msgspec.Raw] = []


class _Answer(msgspec.Struct):
    body: _Body


_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(_Row)
_ANSWER = msgspec.json.Decoder(_Answer)


class FivePaisa:
    """Shares and derivatives of the Indian exchanges; the whole universe in one message of one connection."""

    name = NAME
    exchange: str | None = CALENDAR

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        account: FivePaisaAccount,
        clock: Clock,
        sleep: Sleep,
        rest_url: str = REST_URL,
        socket_url: str = SOCKET_URL,
    ) -> None:
        """Raises UniverseError for an instrument without a known exchange and a number as its token."""
        self._account = account
        self._clock = clock
        self._socket_url = socket_url
        self._places = _places(instruments)
        self._symbols = {place: symbol for symbol, place in self._places.items()}
        self._web = web(NAME, rest_url, LIMITS, clock=clock, sleep=sleep)
        self.health = Health(quota=self._web.quota)
        self._numbers = Numbers(epoch_us(clock.now()))
        self._traded: dict[str, tuple[object, ...]] = {}

    async def quotes(self) -> AsyncGenerator[Batch, None]:
        """Trades and quotes as they come. Raises Disconnected, RateLimited, or Refused where the token is not good."""
        account = self._account
        login = f"{account.access_token.get_secret_value()}|{account.client_code.get_secret_value()}"
        async with opened(NAME, f"{self._socket_url}?Value1={quote(login)}") as socket:
            self.health.connects += 1
            message = {
                "Method": "MarketFeedV3",
                "Operation": "Subscribe",
                "ClientCode": account.client_code.get_secret_value(),
                "MarketFeedData": [_asked(place) for place in self._symbols],
            }
            await socket.say([msgspec.json.encode(message).decode()])
            async for frame in socket.frames():
                yield self.health.note(self._read(frame), self._clock.now())

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        """The last price of each symbol, 50 a request."""
        batches: list[Batch] = []
        places = [self._places[symbol] for symbol in symbols if symbol in self._places]
        for start in range(0, len(places), _GROUP):
            body = await self._web.post(_FEED, self._request(places[start : start + _GROUP]), self._headers())
            try:
                answer = _ANSWER.decode(body).body
            except msgspec.DecodeError as error:
                raise ProviderError(f"{NAME}: an answer cannot be read: {error}") from None
            if answer.status != 0:
                raise Refused(f"{NAME}: {answer.message or answer.status}")
            batches.append(self._rows(answer.rows))
        return self.health.note(joined(batches), self._clock.now())

    def _request(self, places: Sequence[Place]) -> dict[str, object]:
        return {
            "head": {"key": self._account.key.get_secret_value()},
            "body": {
                "MarketFeedData": [_asked(place) for place in places],
                "LastRequestTime": "/Date(0)/",
                "RefreshRate": "H",
            },
        }

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"bearer {self._account.access_token.get_secret_value()}"}

    def _read(self, frame: str | bytes) -> Batch:
        try:
            rows = _ROWS.decode(frame)
        except msgspec.DecodeError as error:
            return Batch(rejects=(unreadable(NAME, frame, str(error)),))
        return self._rows(rows)

    def _rows(self, rows: Sequence[msgspec.Raw]) -> Batch:
        return read_each(
            NAME,
            rows,
            lambda raw: self._tick(_ROW.decode(raw)),
            tell=lambda error: f"{type(error).__name__}: {error}",
        )

    def _tick(self, row: _Row) -> Tick:
        """A trade with the quote beside it; a quote where nothing was traded since the instrument's last row."""
        symbol = self._symbols[row.exchange, row.segment, row.token]
        made = _DATE.fullmatch(row.made)
        if made is None:
            raise ValueError(f"{row.made!r} is no time")
        traded = (row.made, row.price, row.size, row.volume)
        has_quote = row.bid_price > 0 or row.ask_price > 0
        is_trade = self._traded.get(symbol) != traded or not has_quote
        self._traded[symbol] = traded
        return Tick(
            symbol=symbol,
            event_time_us=int(made[1]) * 1_000,
            kind=TickKind.TRADE if is_trade else TickKind.QUOTE,
            provider=NAME,
            sequence=self._numbers.take(),
            price=row.price if is_trade else None,
            size=row.size if is_trade and row.size else None,
            # A side of 0 is a side that is not there.
            bid_price=row.bid_price or None,
            bid_size=row.bid_size if row.bid_price else None,
            ask_price=row.ask_price or None,
            ask_size=row.ask_size if row.ask_price else None,
            exchange=_NAMES[row.exchange, row.segment],
        )


def _places(instruments: Sequence[Instrument]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for each in instruments:
        if each.exchange not in SEGMENTS or not (each.token or "").isdecimal():
            raise UniverseError(f"{NAME}: {each.symbol} needs an exchange ({', '.join(SEGMENTS)}) and its ScripCode")
        found[each.symbol] = (*SEGMENTS[each.exchange], int(each.token or "0"))
    return found


def _asked(place: Place) -> dict[str, object]:
    exchange, segment, code = place
    return {"Exch": exchange, "ExchType": segment, "ScripCode": code}
