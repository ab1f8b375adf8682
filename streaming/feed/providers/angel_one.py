"""Angel One SmartAPI: login by PIN and one-time password, binary ticks by WebSocket 2.0, quotes of 50 by REST.

Of smartapi.angelbroking.com/docs: User, MarketData, WebSocket2. The broker counts instruments, so every symbol needs
its exchange and token from the broker's instrument list.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import datetime

import msgspec

from lakehouse.clock import Clock, epoch_us
from streaming.feed.port import Batch, Health, Numbers, Tick, TickKind, joined, read_each, unreadable
from streaming.feed.providers.angel_frames import EXCHANGES, SNAP_QUOTE, Frame, FrameError, decode
from streaming.feed.providers.sockets import beating, opened
from streaming.feed.universe import Instrument, UniverseError
from streaming.kit.quota import Bucket, bucket
from streaming.kit.remote import ProviderError, Refused, Sleep
from streaming.kit.smartapi import BUSY, INDIA, NAME, URL, AngelAccount, Answer, Tokens, answer_of, headers, login
from streaming.kit.web import web

_NAMES = {number: name for name, number in EXCHANGES.items()}
SOCKET_URL = "wss://smartapisocket.angelone.in/smart-stream"
CALENDAR = "XBOM"
LIMITS: tuple[Bucket, ...] = (bucket(1, 1),)
MOST_TOKENS = 1_000
"""Of one connection."""
_QUOTE = "/rest/secure/angelbroking/market/v1/quote/"
_GROUP = 50
_BEAT_S = 10.0
_TIME = "%d-%b-%Y %H:%M:%S"


class _Level(msgspec.Struct, frozen=True):
    price: float
    quantity: float


class _Depth(msgspec.Struct, frozen=True):
    buy: tuple[_Level, ...] = ()
    sell: tuple[_Level, ...] = ()


class _Quoted(msgspec.Struct, rename="camel"):
    exchange: str
    symbol_token: str
    ltp: float
    exch_trade_time: str
    last_trade_qty: float | None = None
    depth: _Depth = _Depth()


class _Fetched(msgspec.Struct):
    fetched: list[msgspec.Raw] = []


class _Said(msgspec.Struct):
    errorCode: str
    errorMessage: str = ""


_FETCHED = msgspec.json.Decoder(_Fetched)
_QUOTED = msgspec.json.Decoder(_Quoted)
_SAID = msgspec.json.Decoder(_Said)


class AngelOne:
    """Shares and derivatives of the Indian exchanges; up to 1000 instruments in one message of one connection."""

    name = NAME
    exchange: str | None = CALENDAR

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        account: AngelAccount,
        clock: Clock,
        sleep: Sleep,
        rest_url: str = URL,
        socket_url: str = SOCKET_URL,
    ) -> None:
        """Raises UniverseError for an instrument without a known exchange and token, and for more than 1000."""
        self._account = account
        self._clock = clock
        self._sleep = sleep
        self._socket_url = socket_url
        self._places = _places(instruments)
        self._symbols = {place: symbol for symbol, place in self._places.items()}
        self._web = web(NAME, rest_url, LIMITS, clock=clock, sleep=sleep, busy=BUSY)
        self.health = Health(quota=self._web.quota)
        self._numbers = Numbers(epoch_us(clock.now()))
        self._tokens: Tokens | None = None
        self._traded: dict[str, tuple[object, ...]] = {}

    async def quotes(self) -> AsyncGenerator[Batch, None]:
        """Trades and quotes as the exchange sends them: a login, one subscription for all, snap quotes."""
        tokens = await self._login()
        told = {
            "Authorization": f"Bearer {tokens.jwt_token}",
            "x-api-key": self._account.api_key.get_secret_value(),
            "x-client-code": self._account.client_code.get_secret_value(),
            "x-feed-token": tokens.feed_token,
        }
        async with opened(NAME, self._socket_url, headers=told, ping_s=None) as socket:
            self.health.connects += 1
            await socket.say([self._subscription()])
            async with beating(socket, "ping", _BEAT_S, sleep=self._sleep):
                async for frame in socket.frames():
                    yield self.health.note(self._read(frame), self._clock.now())

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        """The last trade of each symbol with the quote beside it, 50 a request."""
        batches: list[Batch] = []
        places = [self._places[symbol] for symbol in symbols if symbol in self._places]
        for start in range(0, len(places), _GROUP):
            wanted: dict[str, list[str]] = defaultdict(list)
            for exchange, token in places[start : start + _GROUP]:
                wanted[exchange].append(token)
            found = await self._fetched({"mode": "FULL", "exchangeTokens": wanted})
            batches.append(read_each(NAME, found, lambda raw: self._quoted(_QUOTED.decode(raw))))
        return self.health.note(joined(batches), self._clock.now())

    async def _login(self) -> Tokens:
        self._tokens = await login(self._web, self._account, self._clock.now())
        return self._tokens

    async def _fetched(self, wanted: object) -> Sequence[msgspec.Raw]:
        """The quotes of one request; a session that has ended is begun again once."""
        tokens = self._tokens or await self._login()
        try:
            answer = _good(await self._web.post(_QUOTE, wanted, headers(self._account, tokens)))
        except Refused:
            answer = _good(await self._web.post(_QUOTE, wanted, headers(self._account, await self._login())))
        try:
            return _FETCHED.decode(answer.data).fetched
        except msgspec.DecodeError as error:
            raise ProviderError(f"{NAME}: an answer cannot be read: {error}") from None

    def _subscription(self) -> str:
        by_exchange: dict[int, list[str]] = defaultdict(list)
        for exchange, token in self._symbols:
            by_exchange[EXCHANGES[exchange]].append(token)
        tokens = [{"exchangeType": number, "tokens": each} for number, each in by_exchange.items()]
        message = {"correlationID": "tidemark01", "action": 1, "params": {"mode": SNAP_QUOTE, "tokenList": tokens}}
        return msgspec.json.encode(message).decode()

    def _read(self, frame: str | bytes) -> Batch:
        if isinstance(frame, str):
            return self._read_text(frame)
        try:
            found = decode(frame)
            symbol = self._symbols[_exchange(found.exchange_type), found.instrument]
        except (FrameError, KeyError) as error:
            return Batch(rejects=(unreadable(NAME, frame.hex(), f"{type(error).__name__}: {error}"),))
        return Batch(tuple(self._ticks(symbol, found)))

    @staticmethod
    def _read_text(frame: str) -> Batch:
        if frame == "pong":
            return Batch()
        try:
            said = _SAID.decode(frame)
        except msgspec.DecodeError as error:
            return Batch(rejects=(unreadable(NAME, frame, str(error)),))
        raise Refused(f"{NAME}: {said.errorCode} {said.errorMessage}")

    def _ticks(self, symbol: str, frame: Frame) -> Iterable[Tick]:
        """A trade where there was one since the last frame, and the quote where the frame has one.

        The broker numbers frames, and a frame may make two ticks: the trade's number is twice the frame's, the quote's
        one more.
        """
        number = 2 * (frame.sequence if frame.sequence > 0 else self._numbers.take())
        traded = (frame.trade_time_s, frame.price, frame.size, frame.volume)
        if frame.volume is None or self._traded.get(symbol) != traded:
            self._traded[symbol] = traded
            time_us = frame.trade_time_s * 1_000_000 if frame.trade_time_s else frame.time_ms * 1_000
            yield Tick(
                symbol=symbol,
                event_time_us=time_us,
                kind=TickKind.TRADE,
                provider=NAME,
                sequence=number,
                price=frame.price,
                size=frame.size,
                exchange=_exchange(frame.exchange_type),
            )
        if frame.bid or frame.ask:
            yield Tick(
                symbol=symbol,
                event_time_us=frame.time_ms * 1_000,
                kind=TickKind.QUOTE,
                provider=NAME,
                sequence=number + 1,
                bid_price=frame.bid[0] if frame.bid else None,
                bid_size=frame.bid[1] if frame.bid else None,
                ask_price=frame.ask[0] if frame.ask else None,
                ask_size=frame.ask[1] if frame.ask else None,
                exchange=_exchange(frame.exchange_type),
            )

    def _quoted(self, found: _Quoted) -> Tick:
        made = datetime.strptime(found.exch_trade_time, _TIME).replace(tzinfo=INDIA)
        bid, ask = _first(found.depth.buy), _first(found.depth.sell)
        return Tick(
            symbol=self._symbols[found.exchange, found.symbol_token],
            event_time_us=epoch_us(made),
            kind=TickKind.TRADE,
            provider=NAME,
            sequence=2 * self._numbers.take(),
            price=found.ltp,
            size=found.last_trade_qty,
            bid_price=bid.price if bid else None,
            bid_size=bid.quantity if bid else None,
            ask_price=ask.price if ask else None,
            ask_size=ask.quantity if ask else None,
            exchange=found.exchange,
        )


def _places(instruments: Sequence[Instrument]) -> dict[str, tuple[str, str]]:
    if len(instruments) > MOST_TOKENS:
        raise UniverseError(f"{NAME}: {len(instruments)} symbols, and one connection carries {MOST_TOKENS}")
    found: dict[str, tuple[str, str]] = {}
    for each in instruments:
        if each.exchange not in EXCHANGES or not each.token:
            raise UniverseError(f"{NAME}: {each.symbol} needs an exchange ({', '.join(EXCHANGES)}) and its token there")
        found[each.symbol] = (each.exchange, each.token)
    return found


def _good(body: bytes) -> Answer:
    """The answer in a body. Raises Refused where it says no."""
    answer = answer_of(body)
    if not answer.is_good:
        raise Refused(f"{NAME}: {answer.message}")
    return answer


def _exchange(number: int) -> str:
    return _NAMES.get(number, "?")


def _first(levels: Sequence[_Level]) -> _Level | None:
    return next((level for level in levels if level.price > 0), None)
