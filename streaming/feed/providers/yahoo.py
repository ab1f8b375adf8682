"""Yahoo Finance: quotes of many symbols a request, by the protocol that yfinance speaks (a cookie, a crumb, v7/quote).

There is no key and no promise: use it where nothing better answers. A crumb belongs to a cookie, and an answer of 401
means that it has expired; it is asked for again once.
"""

from collections.abc import AsyncGenerator, Sequence

import msgspec

from lakehouse.clock import Clock, epoch_us
from streaming.feed.port import Batch, Health, Numbers, Tick, TickKind, read_each, unreadable
from streaming.feed.providers.polling import Rounds, polled
from streaming.kit.quota import Bucket, bucket
from streaming.kit.remote import ProviderError, RateLimited, Refused, Sleep
from streaming.kit.web import web

NAME = "yahoo"
URL = "https://query1.finance.yahoo.com"
COOKIE_URL = "https://fc.yahoo.com"
POLITE: tuple[Bucket, ...] = (bucket(60, 60),)
_EVERY_S = 15.0
_GROUP = 250


class _Quote(
    msgspec.Struct,
    rename={
        "price": "regularMarketPrice",
        "time_s": "regularMarketTime",
        "bid_price": "bid",
        "ask_price": "ask",
    },
):
    symbol: str
    price: float
    time_s: int
    bid_price: float = 0.0
    ask_price: float = 0.0
    exchange: str | None = None


class _Response(msgspec.Struct):
    result: list[msgspec.Raw]


class _Answer(msgspec.Struct, rename={"response": "quoteResponse"}):
    response: _Response


_ANSWER = msgspec.json.Decoder(_Answer)
_QUOTE = msgspec.json.Decoder(_Quote)


class Yahoo:
    """Last trades with the quote beside them, of almost any exchange; delayed where the exchange wants it."""

    name = NAME

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        clock: Clock,
        sleep: Sleep,
        exchange: str | None,
        demo: bool = False,
        url: str = URL,
        cookie_url: str = COOKIE_URL,
    ) -> None:
        self.exchange = exchange
        self._clock = clock
        self._cookie_url = cookie_url
        self._crumb: str | None = None
        self._web = web(NAME, url, POLITE, clock=clock, sleep=sleep)
        self.health = Health(quota=self._web.quota)
        self._numbers = Numbers(epoch_us(clock.now()))
        self._rounds = Rounds(
            symbols=symbols, group=_GROUP, every_s=_EVERY_S, exchange=exchange, demo=demo, clock=clock, sleep=sleep
        )

    def quotes(self) -> AsyncGenerator[Batch, None]:
        """Changed quotes, 250 symbols a request. Raises ProviderError."""
        return polled(self._rounds, self._ask, self.health)

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        """The last quote of each symbol in one request; symbols that are not known are left out."""
        return self.health.note(await self._ask(symbols), self._clock.now())

    async def _ask(self, symbols: Sequence[str]) -> Batch:
        try:
            body = await self._quote(symbols)
        except Refused:
            self._crumb = None
            body = await self._quote(symbols)
        try:
            answer = _ANSWER.decode(body)
        except msgspec.DecodeError as error:
            return Batch(rejects=(unreadable(NAME, body, str(error)),))
        return read_each(NAME, answer.response.result, self._tick)

    async def _quote(self, symbols: Sequence[str]) -> bytes:
        if self._crumb is None:
            self._crumb = await self._new_crumb()
        return await self._web.get("/v7/finance/quote", {"symbols": ",".join(symbols), "crumb": self._crumb})

    async def _new_crumb(self) -> str:
        try:
            # Its page is an error; only the cookie that comes with it is wanted.
            await self._web.get(self._cookie_url, {})
        except (RateLimited, Refused):
            raise
        except ProviderError:
            if not self._web.client.cookies:
                raise
        crumb = (await self._web.get("/v1/test/getcrumb", {})).decode("utf-8", errors="replace").strip()
        if not crumb or " " in crumb or "<" in crumb:
            raise ProviderError(f"{NAME}: {crumb[:40]!r} is no crumb")
        return crumb

    def _tick(self, raw: msgspec.Raw) -> Tick:
        quote = _QUOTE.decode(raw)
        return Tick(
            symbol=quote.symbol,
            event_time_us=quote.time_s * 1_000_000,
            kind=TickKind.TRADE,
            provider=NAME,
            sequence=self._numbers.take(),
            price=quote.price,
            # A side of 0 is a side that is not there; nobody says in which unit its sizes are.
            bid_price=quote.bid_price or None,
            ask_price=quote.ask_price or None,
            exchange=quote.exchange,
        )
