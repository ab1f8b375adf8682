"""Angel One SmartAPI: login by PIN and one-time password, orders called by a tag of ours (smartapi docs: User, Orders,
Portfolio).

A tag need not be unique there, so an order of which it is not known whether it arrived is never sent again. Order book
and trade book are those of the day: what was sent on an earlier one is not remembered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from lakehouse.clock import Clock
from lakehouse.trading.broker import Account, AtBroker, State, Trade
from lakehouse.trading.order import Order, OrderClass, OrderType, Side, TimeInForce
from streaming.broker.instruments import Instrument
from streaming.broker.port import OrderRejected
from streaming.broker.reading import amount, decoded, positive, text_of
from streaming.broker.tags import NoTag, tag_of
from streaming.kit.quota import bucket
from streaming.kit.remote import ProviderError, RateLimited, Refused, Sleep, Unreached
from streaming.kit.smartapi import BUSY, INDIA, NAME, AngelAccount, Answer, Tokens, answer_of, headers, login
from streaming.kit.web import web

LIMITS: Final = (bucket(5, 1),)
BOOK_S: Final = 1.0
"""Each book may be asked for once a second: within it the last answer is good."""
ORDERS: Final = "/rest/secure/angelbroking/order/v1/"
HOLDINGS: Final = "/rest/secure/angelbroking/portfolio/v1/getHolding"
FUNDS: Final = "/rest/secure/angelbroking/user/v1/getRMS"
ORDER_TYPES: Final = {
    OrderType.MARKET: ("NORMAL", "MARKET"),
    OrderType.LIMIT: ("NORMAL", "LIMIT"),
    OrderType.STOP: ("STOPLOSS", "STOPLOSS_MARKET"),
    OrderType.STOP_LIMIT: ("STOPLOSS", "STOPLOSS_LIMIT"),
}
CURRENCY: Final = "INR"
DURATIONS: Final = {TimeInForce.DAY: "DAY", TimeInForce.IOC: "IOC"}
ENDED: Final = {
    "complete": State.FILLED,
    "cancelled": State.CANCELED,
    "cancelled after market order": State.CANCELED,
    "rejected": State.REJECTED,
}
SESSION_OVER: Final = frozenset({"AG8001", "AG8002", "AG8003", "AB8050", "AB8051", "AB1010"})
WRONG_KEY: Final = frozenset({"AG8004"})
TOO_MANY: Final = frozenset({"AB1021"})
UNSURE: Final = frozenset({"", "AB1004", "AB2000", "AB2001"})
"""Codes of failures inside the broker: what became of the request they do not say."""
REJECTED: Final = frozenset({"AB1006", "AB1008", "AB1009", "AB1012", "AB1018", "AB2002"})
"""Codes that say of an order that it was not taken; after any other it may be there."""

Row = TypeVar("Row")


class _Placed(msgspec.Struct):
    orderid: str


class _Order(msgspec.Struct):
    orderid: str
    exchange: str
    tradingsymbol: str
    status: str
    filledshares: Decimal
    variety: str = "NORMAL"
    ordertag: str | None = None
    text: str | None = None


class _Trade(msgspec.Struct):
    exchange: str
    orderid: str
    fillid: str
    fillprice: Decimal
    fillsize: Decimal
    filltime: str


class _Position(msgspec.Struct):
    exchange: str
    tradingsymbol: str
    netqty: Decimal


class _Holding(msgspec.Struct):
    exchange: str
    tradingsymbol: str
    quantity: Decimal


class _Funds(msgspec.Struct):
    net: Decimal


@dataclass(frozen=True, slots=True)
class _Book:
    at_s: float
    orders: tuple[_Order, ...]


class AngelOne:
    """One account, always of money: there is no paper trading. Delivery, whole units, of the day or at once."""

    name: str = NAME
    currency: str = CURRENCY
    refuses_copies: bool = False

    def __init__(
        self, url: str, instruments: Mapping[str, Instrument], *, account: AngelAccount, clock: Clock, sleep: Sleep
    ) -> None:
        self._web = web(NAME, url, LIMITS, clock=clock, sleep=sleep, busy=BUSY)
        self._account, self._clock = account, clock
        self._instruments = instruments
        self._symbols = {(each.exchange, each.tradingsymbol): each.symbol for each in instruments.values()}
        self._tokens: Tokens | None = None
        self._book: _Book | None = None

    def client_id(self, order_id: UUID) -> str:
        """A tag of 19 letters and digits. Raises NoTag, which `refusal` tells before."""
        return tag_of(order_id)

    def refusal(self, order: Order) -> str:
        """What it has no instrument, type or time for, or no tag."""
        rules = {
            "no_families": order.order_class is not OrderClass.SIMPLE,
            "currency": order.currency != CURRENCY,
            "type": order.type not in ORDER_TYPES,
            "time_in_force": order.time_in_force not in DURATIONS,
            "whole_units": order.leaves != order.leaves.to_integral_value(),
            "instrument": order.symbol not in self._instruments,
            "id": not _has_tag(order.id),
        }
        return next((rule for rule, is_broken in rules.items() if is_broken), "")

    def remembers(self, since: datetime) -> bool:
        """Orders of today, in India."""
        return since.astimezone(INDIA).date() == self._clock.now().astimezone(INDIA).date()

    async def place(self, order: Order, client_id: str) -> AtBroker:
        """POST placeOrder. Its answer says that the order was taken, not what becomes of it."""
        self._book = None
        answer = await self._asked(ORDERS + "placeOrder", self._body(order, client_id))
        if not answer.is_good:
            if answer.code in REJECTED:
                raise OrderRejected(f"{answer.code} {answer.message}"[:200])
            raise ProviderError(f"{NAME}: {answer.code} {answer.message}"[:200])
        placed = decoded(NAME, bytes(answer.data), _Placed)
        if not placed.orderid:
            raise ProviderError(f"{NAME}: an order was taken without an id")
        return AtBroker(placed.orderid, client_id, order.symbol, State.OPEN, Decimal(0), "taken")

    async def cancel(self, broker_id: str) -> None:
        """POST cancelOrder; one that has ended stays as it is."""
        variety = next((each.variety for each in await self._orders() if each.orderid == broker_id), None)
        if variety is None:
            return
        self._book = None
        answer = await self._asked(ORDERS + "cancelOrder", {"variety": variety, "orderid": broker_id})
        if not answer.is_good and answer.code in UNSURE:
            raise ProviderError(f"{NAME}: {answer.code} {answer.message}"[:200])

    async def order(self, client_id: str) -> AtBroker | None:
        """The order of this tag in the day's order book. Raises ProviderError where two have it."""
        found = [each for each in await self._orders() if each.ordertag == client_id]
        if len(found) > 1:
            raise ProviderError(f"{NAME}: orders {', '.join(each.orderid for each in found)} have one tag")
        return self._at_broker(found[0]) if found else None

    async def open_orders(self) -> Sequence[AtBroker]:
        """Those of the order book that have not ended."""
        told = [self._at_broker(each) for each in await self._orders()]
        return [each for each in told if each.state is State.OPEN]

    async def trades_since(self, at: datetime) -> Sequence[Trade]:
        """GET getTradeBook: the trades of today, whose time has no date."""
        trades = [self._trade(each) for each in await self._rows(ORDERS + "getTradeBook", list[_Trade])]
        return sorted((each for each in trades if each.at >= at), key=lambda each: each.at)

    async def positions(self) -> dict[str, Decimal]:
        """What is held from earlier days, and what today has changed."""
        held = await self._rows(HOLDINGS, list[_Holding])
        moved = await self._rows(ORDERS + "getPosition", list[_Position])
        units: dict[str, Decimal] = {}
        for place, quantity in (
            *(((each.exchange, each.tradingsymbol), each.quantity) for each in held),
            *(((each.exchange, each.tradingsymbol), each.netqty) for each in moved),
        ):
            symbol = self._symbols.get(place, f"{place[0]}:{place[1]}")
            units[symbol] = units.get(symbol, Decimal(0)) + amount(NAME, quantity)
        return {symbol: quantity for symbol, quantity in units.items() if quantity}

    async def account(self) -> Account:
        """GET getRMS: what may be spent. It says nothing of accounts that may not trade: their orders are rejected."""
        funds = decoded(NAME, await self._data(FUNDS), _Funds)
        return Account(amount(NAME, funds.net), CURRENCY)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._web.client.aclose()

    # --- inside ----------------------------------------------------------------------------------------------

    def _body(self, order: Order, client_id: str) -> dict[str, str]:
        known = self._instruments[order.symbol]
        variety, kind = ORDER_TYPES[order.type]
        return {
            "variety": variety,
            "tradingsymbol": known.tradingsymbol,
            "symboltoken": known.token,
            "exchange": known.exchange,
            "transactiontype": "BUY" if order.side is Side.BUY else "SELL",
            "ordertype": kind,
            "producttype": "DELIVERY",
            "duration": DURATIONS[order.time_in_force],
            "price": text_of(order.limit_price or Decimal(0)),
            "triggerprice": text_of(order.stop_price or Decimal(0)),
            "squareoff": "0",
            "stoploss": "0",
            "quantity": text_of(order.leaves),
            "ordertag": client_id,
        }

    async def _orders(self) -> tuple[_Order, ...]:
        now_s = self._clock.monotonic()
        if self._book is None or now_s - self._book.at_s >= BOOK_S:
            rows = await self._rows(ORDERS + "getOrderBook", list[_Order])
            self._book = _Book(now_s, tuple(rows))
        return self._book.orders

    def _at_broker(self, order: _Order) -> AtBroker:
        filled = amount(NAME, order.filledshares)
        if filled < 0 or not order.status or not order.orderid:
            raise ProviderError(f"{NAME}: an order of status {order.status[:40]!r} with {filled} units filled")
        symbol = self._symbols.get((order.exchange, order.tradingsymbol), order.tradingsymbol)
        state = ENDED.get(order.status.strip().lower(), State.OPEN)
        said = (order.text or order.status)[:200]
        return AtBroker(order.orderid, order.ordertag or "", symbol, state, filled, said)

    def _trade(self, trade: _Trade) -> Trade:
        """Its number is the exchange's, of the day that the order's tells: read on a later one it is the same."""
        today = self._clock.now().astimezone(INDIA).date()
        try:
            at = datetime.combine(today, time.fromisoformat(trade.filltime), INDIA)
        except ValueError:
            raise ProviderError(f"{NAME}: a trade at {trade.filltime[:20]!r}") from None
        return Trade(
            f"{trade.exchange}-{trade.orderid}-{trade.fillid}",
            trade.orderid,
            positive(NAME, trade.fillsize),
            positive(NAME, trade.fillprice),
            at,
        )

    async def _rows(self, path: str, kind: type[list[Row]]) -> list[Row]:
        """The rows that a GET brings, none where there are none yet. Raises ProviderError."""
        data = await self._data(path)
        return [] if data == b"null" else decoded(NAME, data, kind)

    async def _data(self, path: str) -> bytes:
        answer = await self._asked(path)
        if not answer.is_good:
            raise ProviderError(f"{NAME}: {answer.code} {answer.message}"[:200])
        return bytes(answer.data)

    async def _asked(self, path: str, body: Mapping[str, str] | None = None) -> Answer:
        """What it answers; a session that is over is begun again once, and what came without one was not taken."""
        for _ in range(2):
            told = headers(self._account, self._tokens or await self._login())
            try:
                raw = await (self._web.get(path, {}, told) if body is None else self._web.post(path, body, told))
            except Refused:
                self._tokens = None
                continue
            answer = answer_of(raw)
            if answer.code in TOO_MANY:
                raise RateLimited(f"{NAME}: {answer.code} at {path}")
            if answer.code in WRONG_KEY:
                raise Refused(f"{NAME}: {answer.code} at {path}")
            if answer.is_good or answer.code not in SESSION_OVER:
                return answer
            self._tokens = None
        raise Refused(f"{NAME}: a new session is refused at {path}")

    async def _login(self) -> Tokens:
        """A session. Raises Refused and RateLimited, and Unreached for all else: nothing was sent but the login."""
        try:
            self._tokens = await login(self._web, self._account, self._clock.now())
        except (Refused, RateLimited):
            raise
        except ProviderError as error:
            raise Unreached(f"{NAME}: no login: {error}") from None
        return self._tokens


def _has_tag(order_id: UUID) -> bool:
    try:
        tag_of(order_id)
    except NoTag:
        return False
    return True
