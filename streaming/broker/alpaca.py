"""Alpaca: orders by REST, each called by our own id (docs.alpaca.markets: Orders, Account Activities, Positions).

Alpaca refuses a second order of a client_order_id (422, 40010001), so that an order cannot be there twice.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Final, Literal
from uuid import UUID

import msgspec
from pydantic import SecretStr

from lakehouse.clock import Clock
from lakehouse.trading.broker import Account, AtBroker, State, Trade
from lakehouse.trading.order import Order, OrderClass, OrderType, TimeInForce
from streaming.broker.port import OrderRejected
from streaming.broker.reading import amount, decoded, positive, text_of
from streaming.kit.quota import bucket
from streaming.kit.remote import ProviderError, Sleep
from streaming.kit.web import web

NAME: Final = "alpaca"
LIVE: Final = "alpaca-live"
"""The account of money: what is noted of paper is none of its."""
PAPER_URL: Final = "https://paper-api.alpaca.markets"
LIVE_URL: Final = "https://api.alpaca.markets"
LIMITS: Final = (bucket(200, 60),)
PAGE: Final = 500
ACTIVITIES: Final = 100
TYPES: Final = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})
TIMES: Final = frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC})
"""Without FOK: the books take one only whole, and a broker may tell it in several trades."""
CURRENCY: Final = "USD"
TAKEN: Final = "client_order_id"
_REJECTIONS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_STATES: Final = {
    **dict.fromkeys(
        (
            *(
                "new",
                "partially_filled",
                "done_for_day",
                "pending_cancel",
                "pending_replace",
                "accepted",
                "pending_new",
            ),
            *("accepted_for_bidding", "stopped", "suspended", "calculated", "held"),
        ),
        State.OPEN,
    ),
    "filled": State.FILLED,
    "canceled": State.CANCELED,
    "replaced": State.CANCELED,
    "expired": State.EXPIRED,
    "rejected": State.REJECTED,
}


class _Order(msgspec.Struct):
    id: str
    client_order_id: str
    symbol: str
    status: str
    filled_qty: Decimal
    submitted_at: datetime | None = None


class _Activity(msgspec.Struct):
    id: str
    order_id: str
    qty: Decimal
    price: Decimal
    transaction_time: datetime


class _Position(msgspec.Struct):
    symbol: str
    qty: Decimal
    side: Literal["long", "short"]


class _Account(msgspec.Struct):
    status: str
    cash: Decimal
    currency: str = "USD"
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False


class _Said(msgspec.Struct):
    code: int = 0
    message: str = ""


class Alpaca:
    """One account, of paper or of money: the address says which. Its symbols are ours."""

    currency: str = CURRENCY
    refuses_copies: bool = True

    def __init__(
        self, url: str, *, key: SecretStr, secret: SecretStr, clock: Clock, sleep: Sleep, name: str = NAME
    ) -> None:
        self.name = name
        self._web = web(NAME, url, LIMITS, clock=clock, sleep=sleep)
        self._key, self._secret = key, secret

    def client_id(self, order_id: UUID) -> str:
        """The order's own id."""
        return str(order_id)

    def refusal(self, order: Order) -> str:
        """Families and trails stay with the simulated venue: their legs would need each other at the broker too. A
        symbol in another currency is another instrument, even where Alpaca has one of that name."""
        if order.order_class is not OrderClass.SIMPLE:
            return "no_families"
        if order.currency != CURRENCY:
            return "currency"
        if order.type not in TYPES:
            return "type"
        return "" if order.time_in_force in TIMES else "time_in_force"

    def remembers(self, since: datetime) -> bool:
        """Orders of any age are found by their client's id."""
        return True

    async def place(self, order: Order, client_id: str) -> AtBroker:
        """POST /v2/orders."""
        body = {
            "symbol": order.symbol,
            "qty": text_of(order.leaves),
            "side": order.side.value,
            "type": order.type.value,
            "time_in_force": order.time_in_force.value,
            "client_order_id": client_id,
            **({} if order.limit_price is None else {"limit_price": text_of(order.limit_price)}),
            **({} if order.stop_price is None else {"stop_price": text_of(order.stop_price)}),
        }
        try:
            answer = await self._web.post("/v2/orders", body, self._headers())
        except ProviderError as error:
            rejection = _rejection(error)
            if rejection is None:
                raise
            raise OrderRejected(rejection) from None
        placed = _at_broker(decoded(NAME, answer, _Order))
        if placed.client_id != client_id:
            raise ProviderError(f"{NAME}: the answer to an order is about another one")
        return placed

    async def cancel(self, broker_id: str) -> None:
        """DELETE /v2/orders/{id}; one that is not there, or has ended, stays as it is."""
        try:
            await self._web.delete(f"/v2/orders/{broker_id}", self._headers())
        except ProviderError as error:
            if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise

    async def order(self, client_id: str) -> AtBroker | None:
        """GET /v2/orders:by_client_order_id."""
        params = {"client_order_id": client_id}
        try:
            answer = await self._web.get("/v2/orders:by_client_order_id", params, self._headers())
        except ProviderError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        found = _at_broker(decoded(NAME, answer, _Order))
        if found.client_id != client_id:
            raise ProviderError(f"{NAME}: asked for one order, it tells of another one")
        return found

    async def open_orders(self) -> Sequence[AtBroker]:
        """GET /v2/orders, page by page from the oldest on."""
        found: dict[str, AtBroker] = {}
        params = {"status": "open", "limit": str(PAGE), "direction": "asc", "nested": "false"}
        while True:
            page = decoded(NAME, await self._web.get("/v2/orders", params, self._headers()), list[_Order])
            before = len(found)
            found |= {each.id: _at_broker(each) for each in page}
            if len(page) < PAGE or len(found) == before or page[-1].submitted_at is None:
                return tuple(found.values())
            params["after"] = page[-1].submitted_at.isoformat()

    async def trades_since(self, at: datetime) -> Sequence[Trade]:
        """GET /v2/account/activities/FILL, page by page."""
        return [each async for each in self._trades(at)]

    async def positions(self) -> dict[str, Decimal]:
        """GET /v2/positions."""
        answer = await self._web.get("/v2/positions", {}, self._headers())
        rows = decoded(NAME, answer, list[_Position])
        return {
            row.symbol: abs(amount(NAME, row.qty)) * (1 if row.side == "long" else -1) for row in rows if row.qty != 0
        }

    async def account(self) -> Account:
        """GET /v2/account."""
        found = decoded(NAME, await self._web.get("/v2/account", {}, self._headers()), _Account)
        flags = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
        blocked = [flag for flag in flags if getattr(found, flag)]
        if found.status != "ACTIVE":
            blocked.append(f"status {found.status}")
        return Account(amount(NAME, found.cash), found.currency, ", ".join(blocked))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._web.client.aclose()

    async def _trades(self, at: datetime) -> AsyncIterator[Trade]:
        params = {"after": at.astimezone(UTC).isoformat(), "direction": "asc", "page_size": str(ACTIVITIES)}
        while True:
            answer = await self._web.get("/v2/account/activities/FILL", params, self._headers())
            page = decoded(NAME, answer, list[_Activity])
            for each in page:
                yield _trade(each)
            if len(page) < ACTIVITIES or params.get("page_token") == page[-1].id:
                return
            params["page_token"] = page[-1].id

    def _headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self._key.get_secret_value(), "APCA-API-SECRET-KEY": self._secret.get_secret_value()}


def _at_broker(order: _Order) -> AtBroker:
    state = _STATES.get(order.status)
    filled = amount(NAME, order.filled_qty)
    if state is None or filled < 0 or not order.id:
        raise ProviderError(f"{NAME}: an order of status {order.status[:40]!r} with {filled} units filled")
    return AtBroker(order.id, order.client_order_id, order.symbol, state, filled, order.status)


def _trade(activity: _Activity) -> Trade:
    if activity.transaction_time.tzinfo is None:
        raise ProviderError(f"{NAME}: a trade's time has no zone")
    return Trade(
        activity.id,
        activity.order_id,
        positive(NAME, activity.qty),
        positive(NAME, activity.price),
        activity.transaction_time,
    )


def _rejection(error: ProviderError) -> str | None:
    """Why an order will not be had, where the answer says that of this order; None where it may be there, or where
    it is about the key: a refusal of an order has a code, one of a key has none."""
    if error.status not in _REJECTIONS:
        return None
    try:
        said = msgspec.json.decode(error.body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not said.code or TAKEN in said.message:
        return None
    return f"{said.code} {said.message}"[:200]
