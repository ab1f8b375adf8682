"""Alpha Vantage: the last price by REST (alphavantage.co/documentation, GLOBAL_QUOTE), one symbol a request.

Its refusals are answers of status 200: `Note` and `Information` speak of the quota or of a plan, `Error Message` of a
wrong call. It tells the trading day of a price and no time: the event time is when it was asked, or the day's close
where that was before.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, date, datetime, time

import msgspec
from pydantic import SecretStr

from lakehouse.clock import Clock, epoch_us
from lakehouse.trading.sessions import session_close
from streaming.feed.encode import Reject
from streaming.feed.port import Batch, Health, Numbers, Tick, TickKind, unreadable
from streaming.feed.providers.polling import Rounds, polled
from streaming.kit.quota import Bucket, bucket
from streaming.kit.remote import RateLimited, Refused, Sleep
from streaming.kit.web import web

NAME = "alpha-vantage"
URL = "https://www.alphavantage.co"
FREE: tuple[Bucket, ...] = (bucket(5, 60), bucket(25, 86_400))
"""5 calls a minute and 25 a day on the free plan."""
_EVERY_S = 60.0


class _Quote(msgspec.Struct, rename={"symbol": "01. symbol", "price": "05. price", "day": "07. latest trading day"}):
    symbol: str
    price: str
    day: date


class _Answer(
    msgspec.Struct,
    rename={"quote": "Global Quote", "note": "Note", "information": "Information", "error": "Error Message"},
):
    quote: msgspec.Raw = msgspec.Raw(b"null")
    note: str | None = None
    information: str | None = None
    error: str | None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_QUOTE = msgspec.json.Decoder(_Quote)


class AlphaVantage:
    """Prices of shares of any exchange, delayed by what the plan says; for small universes."""

    name = NAME

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        key: SecretStr,
        clock: Clock,
        sleep: Sleep,
        exchange: str,
        demo: bool = False,
        url: str = URL,
    ) -> None:
        self.exchange: str | None = exchange
        self._calendar = exchange
        self._key = key
        self._clock = clock
        self._web = web(NAME, url, FREE, clock=clock, sleep=sleep)
        self.health = Health(quota=self._web.quota)
        self._numbers = Numbers(epoch_us(clock.now()))
        self._rounds = Rounds(
            symbols=symbols, group=1, every_s=_EVERY_S, exchange=exchange, demo=demo, clock=clock, sleep=sleep
        )

    def quotes(self) -> AsyncGenerator[Batch, None]:
        """Changed prices, symbol by symbol. Raises RateLimited where the quota is spent."""
        return polled(self._rounds, self._ask, self.health)

    async def snapshot(self, symbols: Sequence[str]) -> Batch:
        """The last price of each symbol, a request each; symbols that are not known are left out."""
        return self.health.note(await self._ask(symbols), self._clock.now())

    async def _ask(self, symbols: Sequence[str]) -> Batch:
        ticks: list[Tick] = []
        rejects: list[Reject] = []
        for symbol in symbols:
            body = await self._web.get(
                "/query", {"function": "GLOBAL_QUOTE", "symbol": symbol, "apikey": self._key.get_secret_value()}
            )
            try:
                tick = self._read(symbol, body)
            except (msgspec.DecodeError, ValueError) as error:
                rejects.append(unreadable(NAME, body, str(error), symbol=symbol))
                continue
            if tick is not None:
                ticks.append(tick)
        return Batch(tuple(ticks), tuple(rejects))

    def _read(self, symbol: str, body: bytes) -> Tick | None:
        """None for an unknown symbol, which is answered with `{}`. Raises RateLimited, Refused and ValueError."""
        answer = _ANSWER.decode(body)
        if said := answer.note or answer.information:
            raise RateLimited(f"{NAME}: {self._without_key(said)}", retry_after_s=60.0)
        if answer.error:
            raise Refused(f"{NAME}: {self._without_key(answer.error)}")
        if not (said_of_it := msgspec.json.decode(answer.quote)):
            if said_of_it is None:
                raise ValueError("neither a quote nor a word about it")
            return None
        quote = _QUOTE.decode(answer.quote)
        return Tick(
            symbol=symbol,
            event_time_us=self._time_us(quote.day),
            kind=TickKind.TRADE,
            provider=NAME,
            sequence=self._numbers.take(),
            price=float(quote.price),
        )

    def _time_us(self, day: date) -> int:
        close = session_close(self._calendar, datetime.combine(day, time(), UTC))
        return epoch_us(min(close, self._clock.now()))

    def _without_key(self, said: str) -> str:
        """Its notes repeat the key that was sent."""
        return said.replace(self._key.get_secret_value(), "***")
