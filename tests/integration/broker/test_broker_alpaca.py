"""The Alpaca adapter against a server that speaks its protocol: orders, trades, holdings, and what goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from operator import methodcaller
from typing import TypeVar

import pytest
from pydantic import SecretStr

from lakehouse.clock import ManualClock
from lakehouse.domain.ids import uuid7
from lakehouse.trading.broker import State
from lakehouse.trading.order import Order, OrderClass, OrderType, TimeInForce
from streaming.broker.alpaca import Alpaca
from streaming.broker.port import OrderRejected
from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused, Unreached
from tests.factories.broker_servers import CUT, AlpacaServer, Call, Reply, Served, serving
from tests.factories.feed_ticks import AsyncTime
from tests.factories.orders import order

D = Decimal
CLOCK = ManualClock()
Found = TypeVar("Found")


@pytest.fixture
def server() -> AlpacaServer:
    return AlpacaServer(CLOCK.now)


@pytest.fixture
def served(server: AlpacaServer) -> Iterator[Served]:
    with serving(server) as served:
        yield served


def asked(url: str, work: Callable[[Alpaca], Awaitable[Found]], *, sign: str = AlpacaServer.SECRET) -> Found:
    async def run() -> Found:
        time = AsyncTime()
        broker = Alpaca(url, key=SecretStr(AlpacaServer.KEY), secret=SecretStr(sign), clock=time, sleep=time.wait)
        try:
            return await work(broker)
        finally:
            await broker.close()

    return asyncio.run(run())


def order_of(url: str, **changes: object) -> Order:
    """A new order that has arrived."""
    made = order(id=uuid7(CLOCK), **changes)
    asked(url, lambda broker: broker.place(made, broker.client_id(made.id)))
    return made


def test_an_order_is_called_by_its_own_id_and_found_by_it(server: AlpacaServer, served: Served) -> None:
    made = order_of(served.url, type=OrderType.STOP_LIMIT, stop_price=D("101.50"), quantity=D("2.50"))
    sent = served.calls[0].body
    assert (sent["client_order_id"], sent["qty"], sent["stop_price"]) == (str(made.id), "2.5", "101.5")
    server.fill(str(made.id), 1, "100.123456")
    found = asked(served.url, lambda broker: broker.order(str(made.id)))
    assert found is not None
    assert (found.broker_id, found.state, found.filled) == ("alpaca-1", State.OPEN, D(1))
    assert asked(served.url, lambda broker: broker.order("another")) is None
    (trade,) = asked(served.url, lambda broker: broker.trades_since(CLOCK.now() - timedelta(seconds=1)))
    assert (trade.broker_id, trade.quantity, trade.price) == ("alpaca-1", D(1), D("100.123456"))
    assert asked(served.url, lambda broker: broker.positions()) == {"AAPL": D(1)}


def test_all_pages_of_orders_and_trades_are_read(
    server: AlpacaServer, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.broker.alpaca.PAGE", 2)
    monkeypatch.setattr("streaming.broker.alpaca.ACTIVITIES", 2)
    for number in range(5):
        CLOCK.sleep(1)
        server.take({"client_order_id": str(number), "symbol": "AAPL", "qty": "2", "side": "buy"})
        server.fill(str(number), 1, "100")
    assert len(asked(served.url, lambda broker: broker.open_orders())) == 5
    trades = asked(served.url, lambda broker: broker.trades_since(CLOCK.now() - timedelta(seconds=60)))
    assert [trade.broker_id for trade in trades] == [f"alpaca-{number}" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Reply({"code": 40310000, "message": "insufficient buying power"}, 403), OrderRejected),
        (Reply({"code": 42210000, "message": "asset XYZ not found"}, 422), OrderRejected),
        (Reply({"message": "forbidden."}, 403), Refused),
        (Reply({"code": 42910000, "message": "rate limit exceeded"}, 429), RateLimited),
        (Reply(status=CUT), Disconnected),
        (Reply(b"<html>busy</html>", 503), ProviderError),
        (Reply(b"{}"), ProviderError),
        (Reply(b"\xff"), ProviderError),
        (
            Reply({"id": "1", "client_order_id": "other", "symbol": "A", "status": "new", "filled_qty": "0"}),
            ProviderError,
        ),
    ],
)
def test_an_order_that_fails_says_whether_it_may_be_there(
    server: AlpacaServer, served: Served, fault: Reply, error: type[Exception]
) -> None:
    server.faults.append((fault, False))
    with pytest.raises(error) as caught:
        order_of(served.url)
    assert not any(word in str(caught.value) for word in (AlpacaServer.KEY, AlpacaServer.SECRET))


def test_a_name_that_is_taken_is_no_rejection(server: AlpacaServer, served: Served) -> None:
    made = order_of(served.url)
    with pytest.raises(ProviderError) as caught:
        asked(served.url, lambda broker: broker.place(made, str(made.id)))
    assert caught.value.status == 422
    assert len(server.orders) == 1


def test_nobody_there_and_a_wrong_key_are_told_apart(served: Served) -> None:
    with pytest.raises(Unreached):
        order_of("http://127.0.0.1:1")
    with pytest.raises(Refused):
        asked(served.url, lambda broker: broker.account(), sign="not mine")


def test_a_cancel_of_what_has_ended_or_is_not_there_changes_nothing(server: AlpacaServer, served: Served) -> None:
    order_of(served.url)
    for broker_id in ("alpaca-1", "alpaca-1", "alpaca-9"):
        asked(served.url, methodcaller("cancel", broker_id))
    assert server.canceled_by_us == ["alpaca-1"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/positions", [{"symbol": "A", "qty": "NaN", "side": "long"}]),
        ("/v2/positions", [{"symbol": "A", "qty": "1e40", "side": "long"}]),
        ("/v2/positions", [{"symbol": "A\0", "qty": "1", "side": "long"}]),
        ("/v2/orders", [{"id": "", "client_order_id": "c", "symbol": "A", "status": "new", "filled_qty": "0"}]),
        ("/v2/positions", [{"symbol": "A", "qty": "1", "side": "sideways"}]),
        ("/v2/account", {"status": "ACTIVE", "cash": "Infinity"}),
        ("/v2/orders", [{"id": "1", "client_order_id": "c", "symbol": "A", "status": "lost", "filled_qty": "0"}]),
        ("/v2/account/activities/FILL", [{"id": "1", "order_id": "1", "qty": "-1", "price": "1"}]),
    ],
)
def test_nonsense_is_an_error_and_no_number(path: str, body: object) -> None:
    async def everything(broker: Alpaca) -> None:
        await broker.positions()
        await broker.account()
        await broker.open_orders()
        await broker.trades_since(CLOCK.now())

    good = AlpacaServer(CLOCK.now)

    def answer(call: Call) -> Reply:
        return Reply(body) if call.path == path else good(call)

    with serving(answer) as served, pytest.raises(ProviderError):
        asked(served.url, everything)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, ""),
        ({"time_in_force": TimeInForce.GTD}, "time_in_force"),
        ({"time_in_force": TimeInForce.FOK}, "time_in_force"),
        ({"currency": "INR"}, "currency"),
        ({"type": OrderType.TRAILING_STOP}, "type"),
        ({"order_class": OrderClass.OCO}, "no_families"),
    ],
)
def test_what_alpaca_cannot_have_is_known_before(changes: dict[str, object], rule: str) -> None:
    async def refusal(broker: Alpaca) -> str:
        return broker.refusal(order(**changes))

    assert asked("http://127.0.0.1:1", refusal) == rule
