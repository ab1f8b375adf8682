"""The Angel One adapter against a server that speaks its protocol: sessions, tags, books of the day, failures."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import pytest
from pydantic import SecretStr

from lakehouse.domain.ids import uuid7
from lakehouse.trading.broker import AtBroker, State
from lakehouse.trading.order import Order, OrderType, TimeInForce
from streaming.broker.angel_one import AngelOne
from streaming.broker.instruments import Instrument
from streaming.broker.port import OrderRejected
from streaming.broker.tags import tag_of
from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused, Unreached
from streaming.kit.smartapi import AngelAccount
from tests.factories.angel_orders import API_KEY, CLIENT, ORDERS, PIN, SEED, AngelServer, bad
from tests.factories.broker_servers import CUT, Reply, Served, serving
from tests.factories.feed_ticks import AsyncTime
from tests.factories.orders import order

D = Decimal
CLOCK = AsyncTime(datetime(2026, 11, 20, 5, tzinfo=UTC))
RELIANCE = Instrument("RELIANCE", "NSE", "2885", "RELIANCE-EQ")
Found = TypeVar("Found")


@pytest.fixture
def server() -> AngelServer:
    return AngelServer(CLOCK.now)


@pytest.fixture
def served(server: AngelServer) -> Iterator[Served]:
    with serving(server) as served:
        yield served


def asked(url: str, *works: Callable[[AngelOne], Awaitable[Found]], pin: str = PIN) -> list[Found]:
    """What one adapter, with one session, finds, one second after the other."""

    async def run() -> list[Found]:
        account = AngelAccount(
            api_key=SecretStr(API_KEY),
            client_code=SecretStr(CLIENT),
            pin=SecretStr(pin),
            totp_secret=SecretStr(SEED),
        )
        broker = AngelOne(url, {"RELIANCE": RELIANCE}, account=account, clock=CLOCK, sleep=CLOCK.wait)
        found = []
        try:
            for work in works:
                CLOCK.sleep(1.0)
                found.append(await work(broker))
        finally:
            await broker.close()
        return found

    return asyncio.run(run())


def of_day(**changes: object) -> Order:
    usual: dict[str, object] = {"id": uuid7(CLOCK), "symbol": "RELIANCE", "currency": "INR"}
    usual["limit_price"] = D("2540.05")
    return order(**{**usual, "time_in_force": TimeInForce.DAY, **changes})


def placing(made: Order) -> Callable[[AngelOne], Awaitable[AtBroker]]:
    return lambda broker: broker.place(made, broker.client_id(made.id))


def finding(order_id: UUID) -> Callable[[AngelOne], Awaitable[AtBroker | None]]:
    return lambda broker: broker.order(broker.client_id(order_id))


def test_an_order_is_called_by_its_tag_and_found_by_it(server: AngelServer, served: Served) -> None:
    made = of_day(type=OrderType.STOP_LIMIT, stop_price=D("2539.95"))
    (placed,) = asked(served.url, placing(made))
    sent = served.calls[-1].body
    assert sent == {
        "variety": "STOPLOSS",
        "tradingsymbol": "RELIANCE-EQ",
        "symboltoken": "2885",
        "exchange": "NSE",
        "transactiontype": "BUY",
        "ordertype": "STOPLOSS_LIMIT",
        "producttype": "DELIVERY",
        "duration": "DAY",
        "price": "2540.05",
        "triggerprice": "2539.95",
        "squareoff": "0",
        "stoploss": "0",
        "quantity": "10",
        "ordertag": tag_of(made.id),
    }
    server.fill(placed.broker_id, 4, 2540.05)
    found, nothing = asked(served.url, finding(made.id), finding(of_day().id))
    assert found is not None
    assert nothing is None
    assert (found.broker_id, found.state, found.filled) == (placed.broker_id, State.OPEN, D(4))


def test_trades_have_exact_prices_the_day_of_india_and_a_name_of_their_own(server: AngelServer, served: Served) -> None:
    (placed,) = asked(served.url, placing(of_day()))
    server.fill(placed.broker_id, 4, 2540.05)
    server.fill(placed.broker_id, 6, 2540.0)
    since = CLOCK.now() - timedelta(seconds=5)
    (trades,) = asked(served.url, lambda broker: broker.trades_since(since))
    assert [(trade.quantity, trade.price) for trade in trades] == [(D(4), D("2540.05")), (D(6), D("2540.0"))]
    assert [trade.trade_id for trade in trades] == [f"NSE-{placed.broker_id}-5000575{number}" for number in (0, 1)]
    assert all(since <= trade.at <= CLOCK.now() for trade in trades)


def test_a_trade_is_the_same_when_it_is_read_after_midnight(server: AngelServer, served: Served) -> None:
    (placed,) = asked(served.url, placing(of_day()))
    server.fill(placed.broker_id, 4, 2540.05)
    (before,) = asked(served.url, lambda broker: broker.trades_since(CLOCK.now() - timedelta(seconds=5)))
    CLOCK.sleep(86_400)
    (after,) = asked(served.url, lambda broker: broker.trades_since(CLOCK.now() - timedelta(days=1)))
    assert [trade.trade_id for trade in after] == [trade.trade_id for trade in before]
    assert len(after) == 1


def test_what_is_held_and_what_today_has_changed_are_added_up(server: AngelServer, served: Served) -> None:
    held = {"exchange": "NSE", "tradingsymbol": "RELIANCE-EQ"}
    server.holdings = [{**held, "quantity": 7}, {"exchange": "BSE", "tradingsymbol": "ITC", "quantity": 2}]
    server.positions = [{**held, "netqty": "-3"}]
    (positions,) = asked(served.url, lambda broker: broker.positions())
    assert positions == {"RELIANCE": D(4), "BSE:ITC": D(2)}
    (account,) = asked(served.url, lambda broker: broker.account())
    assert (account.cash, account.currency, account.blocked) == (D("9999.45"), "INR", "")


def test_a_session_that_is_over_is_begun_again_and_the_order_sent_once(server: AngelServer, served: Served) -> None:
    def later(broker: AngelOne) -> Awaitable[AtBroker]:
        server.session = 2
        return placing(of_day())(broker)

    asked(served.url, placing(of_day()), later)
    assert (server.logins, len(server.orders)) == (2, 2)
    server.faults.append((bad("AB8051", "Refresh Token Expired"), False))
    asked(served.url, placing(of_day()))
    assert len(server.orders) == 3
    server.session = 9
    with pytest.raises(Refused):
        asked(served.url, placing(of_day()))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (bad("AB1012", "Invalid Product Type"), OrderRejected),
        (Reply(b"Access denied because of exceeding access rate", 403), RateLimited),
        (bad("AB1021", "Too many requests"), RateLimited),
        (bad("AG8004", "Invalid API Key"), Refused),
        (bad("AB2001", "Internal Error, Please try after sometime"), ProviderError),
        (bad("AB9999", "A code that no page lists"), ProviderError),
        (Reply(status=CUT), Disconnected),
        (Reply(b"<html>"), ProviderError),
        (Reply({"status": True, "data": {"script": "RELIANCE-EQ"}}), ProviderError),
    ],
)
def test_an_order_that_fails_says_whether_it_may_be_there(
    server: AngelServer, served: Served, fault: Reply, error: type[Exception]
) -> None:
    server.faults.append((fault, False))
    with pytest.raises(error) as caught:
        asked(served.url, placing(of_day()))
    surely_not_there = (RateLimited, Refused, OrderRejected)
    assert isinstance(caught.value, surely_not_there) == (error in surely_not_there)
    assert not any(word in str(caught.value) for word in (API_KEY, CLIENT, PIN, SEED))


def test_a_login_that_fails_has_sent_no_order(server: AngelServer, served: Served) -> None:
    with pytest.raises(Refused) as caught:
        asked(served.url, placing(of_day()), pin="wrong")
    assert PIN not in str(caught.value)
    with serving(lambda _: Reply(b"<html>", 502)) as down, pytest.raises(Unreached):
        asked(down.url, placing(of_day()))
    assert server.orders == []


def test_two_orders_of_one_tag_are_an_error_that_names_them(server: AngelServer, served: Served) -> None:
    made = of_day()
    asked(served.url, placing(made), placing(made))
    with pytest.raises(ProviderError, match=r"261121000000000, 261121000000001"):
        asked(served.url, finding(made.id))


def test_a_cancel_names_the_variety_and_what_has_ended_stays(server: AngelServer, served: Served) -> None:
    (placed,) = asked(served.url, placing(of_day(type=OrderType.STOP, limit_price=None, stop_price=D(2500))))
    cancels = [lambda broker: broker.cancel(placed.broker_id)] * 2
    asked(served.url, *cancels, lambda broker: broker.cancel("unknown"))
    assert [each["status"] for each in server.orders] == ["cancelled"]
    (found,) = asked(served.url, lambda broker: broker.open_orders())
    assert found == []


def test_the_order_book_is_asked_for_once_a_second(served: Served) -> None:
    async def twice(broker: AngelOne) -> None:
        await broker.open_orders()
        await broker.order("a")

    asked(served.url, twice)
    assert served.count("GET", ORDERS + "getOrderBook") == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, ""),
        ({"time_in_force": TimeInForce.GTC}, "time_in_force"),
        ({"time_in_force": TimeInForce.FOK}, "time_in_force"),
        ({"currency": "USD"}, "currency"),
        ({"quantity": D("1.5")}, "whole_units"),
        ({"symbol": "AAPL"}, "instrument"),
        ({"type": OrderType.TRAILING_STOP}, "type"),
        ({"id": UUID(int=4 << 76)}, "id"),
    ],
)
def test_what_angel_one_cannot_have_is_known_before(changes: dict[str, object], rule: str) -> None:
    async def refusal(broker: AngelOne) -> str:
        return broker.refusal(of_day(**changes))

    async def remembers(broker: AngelOne) -> list[bool]:
        return [broker.remembers(CLOCK.now()), broker.remembers(CLOCK.now() - timedelta(days=1))]

    assert asked("http://127.0.0.1:1", refusal) == [rule]
    assert asked("http://127.0.0.1:1", remembers) == [[True, False]]
