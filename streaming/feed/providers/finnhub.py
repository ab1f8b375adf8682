"""Finnhub: trades by WebSocket, the last price by REST (finnhub.io/docs/api: websocket-trades, quote, rate-limit)."""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal

import msgspec
from pydantic import SecretStr

from lakehouse.clock import Clock, epoch_us
from streaming.feed.encode import Reject
from streaming.feed.port import Batch, Health, Numbers, Tick, TickKind, read_each, unreadable
from streaming.feed.providers.sockets import opened
from streaming.kit.quota import Bucket, bucket
from streaming.kit.remote import RateLimited, Refused, Sleep
from streaming.kit.web import web

NAME = "finnhub"
REST_URL = "https://finnhub.io/api/v1"
SOCKET_URL = "wss://ws.finnhub.io"
FREE: tuple[Bucket, ...] = (bucket(60, 60), bucket(30, 1))
"""60 calls a minute on the free plan, and 30 a second on any."""


class _Trade(msgspec.Struct, rename={"symbol": "s", "price": "p", "time_ms": "t", "volume": "v", "conditions": "c"}):
    symbol: str
    price: float
    time_ms: int
    volume: float | None = None
    conditions: list[str] | None = None


class _Message(msgspec.Struct):
    type: Literal["trade", "ping", "error"]
    data: list[msgspec.Raw] = []
    msg: str = ""


class _Quote(msgspec.Struct, rename={"price": "c", "time_s": "t"}):
    price: float
    time_s: int


_MESSAGE = msgspec.json.Decoder(_Message)
_TRADE = msgspec.json.Decoder(_Trade)
_QUOTE = msgspec.json.Decoder(_Quote)


class Finnhub:
    """Trades of US shares, crypto and forex. One connection an API key: a second one ends the first."""

    name = NAME

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        key: SecretStr,
        clock: Clock,
        sleep: Sleep,
        exchange: str | None,
        rest_url: str = REST_URL,
        socket_url: str = SOCKET_URL,
    ) -> None:
        self.exchange = exchange
        self._symbols = tuple(symbols)
        self._key = key
        self._clock = clock
        self._socket_url = socket_url
        self._web = web(NAME, rest_url, FREE, clock=clock, sleep=sleep)
        self.health = Health(quota=self._web.quota)
        self._numbers = Numbers(epoch_us(clock.now()))

    async def quotes(self) -> AsyncGenerator[Batch, None]:
        """Trades as they are made. Raises Disconnected, RateLimited, or Refused where the key is not known."""
        async with opened(NAME, f"{self._socket_url}?token={self._key.get_secret_value()}") as socket:
            self.health.connects += 1
            # Finnhub knows no list of symbols: one connection carries all, one message each.
            subscribe = [msgspec.json.encode({"type": "subscribe", "symbol": each}).decode() for each in self._symbols]
            await socket.say(subscribe)
            async for frame in socket.frames():
                yield self.health.note(self._read(frame), self._clock.now())

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        """The last trade of each symbol, a request each; symbols that Finnhub does not know are left out."""
        ticks: list[Tick] = []
        rejects: list[Reject] = []
        for symbol in symbols:
            body = await self._web.get("/quote", {"symbol": symbol}, {"X-Finnhub-Token": self._key.get_secret_value()})
            try:
                quote = _QUOTE.decode(body)
            except msgspec.DecodeError as error:
                rejects.append(unreadable(NAME, body, str(error), symbol=symbol))
                continue
            if quote.time_s:  # an unknown symbol is answered with zeros
                ticks.append(self._tick(symbol, quote.price, quote.time_s * 1_000_000))
        return self.health.note(Batch(tuple(ticks), tuple(rejects)), self._clock.now())

    def _read(self, frame: str | bytes) -> Batch:
        try:
            message = _MESSAGE.decode(frame)
        except msgspec.DecodeError as error:
            return Batch(rejects=(unreadable(NAME, frame, str(error)),))
        if message.type == "error":
            raise _failure(message.msg)
        return read_each(NAME, message.data, self._traded)

    def _traded(self, raw: msgspec.Raw) -> Tick:
        trade = _TRADE.decode(raw)
        return self._tick(trade.symbol, trade.price, trade.time_ms * 1_000, trade)

    def _tick(self, symbol: str, price: float, time_us: int, trade: _Trade | None = None) -> Tick:
        return Tick(
            symbol=symbol,
            event_time_us=time_us,
            kind=TickKind.TRADE,
            provider=NAME,
            sequence=self._numbers.take(),
            price=price,
            size=trade.volume if trade else None,
            condition=",".join(trade.conditions) if trade and trade.conditions else None,
        )


def _failure(said: str) -> Exception:
    """Finnhub's own words for too many symbols or calls, and for a key that it does not take."""
    text = said.lower()
    if "limit" in text or "too many" in text:
        return RateLimited(f"{NAME}: {said}")
    return Refused(f"{NAME}: {said}")
