"""Orders and trades over HTTP, on the real API."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lakehouse.clock import SystemClock
from lakehouse.trading.order import OrderClass, OrderType, TimeInForce
from serving.kit.types import PERCENT_PATTERN, PRICE_PATTERN, QUANTITY_PATTERN
from serving.orders.schemas import CLIENT_ID_PATTERN
from serving.trades.schemas import SIDE_PATTERN
from tests.factories.api_users import ApiUser, api_user
from tests.factories.trading import Desk, desks
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
ORDERS, TRADES = "/api/v1/orders", "/api/v1/trades"


class Trader:
    """A user with a portfolio of 10,000.00 USD, and a client that makes a new Idempotency-Key for each POST."""

    def __init__(self, user: ApiUser, desk: Desk, client: httpx.Client) -> None:
        self.user = user
        self.desk = desk
        self.client = client

    def body(self, **changes: Any) -> dict[str, Any]:
        plain = {"portfolio_id": str(self.desk.portfolio_id), "symbol": "AAPL", "side": "buy", "quantity": "10"}
        return {**plain, "type": "limit", "limit_price": "100", "time_in_force": "gtc", **changes}

    def post(self, path: str, body: object, key: str | None = None) -> httpx.Response:
        return self.client.post(path, json=body, headers={"Idempotency-Key": key or str(uuid4())})

    def order(self, **changes: Any) -> dict[str, Any]:
        answer = self.post(ORDERS, self.body(**changes))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def cash(self) -> tuple[object, ...]:
        return self.desk.rows(
            "SELECT balance_minor, reserved_minor FROM ledger.account WHERE account_id = %(a)s AND purpose = 'cash'"
        )[0]


@pytest.fixture
def trader(served: Served) -> Iterator[Trader]:
    user = api_user(served.settings)
    with desks(served.settings) as make, user.client(served.api.url) as client:
        desk = make(owner_id=user.id)
        desk.deposit(1_000_000)
        yield Trader(user, desk, client)


def admin_fill(served: Served, order_id: str, **report: Any) -> httpx.Response:
    body = {"venue_trade_id": "sim-1", "quantity": "10", "price": "100", "fee": "0", **report}
    headers = {"Idempotency-Key": str(uuid4())}
    return served.api.client.post(f"{ORDERS}/{order_id}/fills", json=body, headers=headers)


def test_an_order_is_placed_read_and_found_by_the_clients_id(trader: Trader) -> None:
    mine = str(uuid4())
    made = trader.post(ORDERS, trader.body(client_order_id=mine))
    order = made.json()
    assert (made.status_code, made.headers["ETag"]) == (201, '"2"')
    assert (order["status"], order["reserved_cash"], order["leaves_quantity"]) == ("accepted", "1001", "10")
    assert (order["surveillance_reason"], order["surveillance_alert"]) == ("insufficient_history", False)
    assert trader.client.get(made.headers["Location"]).json() == order
    found = trader.client.get(ORDERS, params={"client_order_id": mine}).json()["data"]
    assert [each["id"] for each in found] == [order["id"]]
    history = trader.client.get(f"{ORDERS}/{order['id']}/events").json()["data"]
    assert [(each["version"], each["to_status"]) for each in history] == [(1, "new"), (2, "accepted")]


def test_a_retry_finds_the_order_and_another_content_is_refused_by_name(trader: Trader) -> None:
    body = trader.body(client_order_id="mine")
    first = trader.post(ORDERS, body)
    again = trader.post(ORDERS, body)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = trader.post(ORDERS, {**body, "quantity": "9"})
    assert (other.status_code, other.json()["code"], other.json()["order_id"]) == (
        409,
        "client_order_id_reused",
        first.json()["id"],
    )
    assert trader.cash() == (1_000_000, 100_100)


def test_a_rule_rejects_by_its_name_and_the_order_is_on_record(trader: Trader) -> None:
    answer = trader.post(ORDERS, trader.body(quantity="1000"))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["rule"], problem["limit"]) == (
        409,
        "order_rejected",
        "buying_power",
        "10000.00 USD",
    )
    kept = trader.client.get(f"{ORDERS}/{problem['order_id']}").json()
    assert (kept["status"], kept["status_reason"]) == ("rejected", "buying_power")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"symbol": "NOPE"}, "instrument_unknown"),
        ({"limit_price": "100", "type": "market"}, "limit_price_without_use"),
        ({"order_class": "bracket"}, "legs_missing"),
        ({"time_in_force": "gtd"}, "expiry"),
    ],
)
def test_what_cannot_be_an_order_is_refused_by_name(trader: Trader, changes: dict[str, str], rule: str) -> None:
    answer = trader.post(ORDERS, trader.body(**changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["rule"]) == (409, "order_refused", rule)


def test_ones_own_order_in_the_way_is_named(trader: Trader, served: Served) -> None:
    admin_fill(served, trader.order()["id"])
    selling = trader.order(side="sell", limit_price="101")
    problem = trader.post(ORDERS, trader.body(limit_price="102", quantity="1")).json()
    assert (problem["rule"], problem["conflicting_order_id"], problem["limit"]) == ("wash_trade", selling["id"], "101")


def test_others_see_and_touch_nothing(trader: Trader, alice: httpx.Client) -> None:
    order = trader.order()
    path = f"{ORDERS}/{order['id']}"
    keyed = {"Idempotency-Key": str(uuid4())}
    answers = [
        alice.get(path),
        alice.get(f"{path}/events"),
        alice.patch(path, json={"quantity": "1"}),
        alice.delete(path),
        alice.post(ORDERS, json=trader.body(), headers=keyed),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert alice.get(ORDERS).json()["data"] == []
    assert trader.post(f"{path}/fills", {}).status_code in (403, 422)
    assert trader.client.get(path).json() == order


def test_a_fill_by_an_admin_books_once_and_shows_as_a_trade(trader: Trader, served: Served) -> None:
    order = trader.order()
    first = admin_fill(served, order["id"], quantity="4", price="99", fee="0.40")
    again = admin_fill(served, order["id"], quantity="4", price="99", fee="0.40")
    assert (first.status_code, first.json()["status"], first.json()["filled_quantity"]) == (
        201,
        "partially_filled",
        "4",
    )
    assert (again.status_code, again.json()["version"]) == (200, first.json()["version"])
    trades = trader.client.get(TRADES, params={"order_id": order["id"]}).json()["data"]
    assert [(each["quantity"], each["gross"], each["fee"]) for each in trades] == [("4", "396", "0.4")]
    assert trader.client.get(f"{TRADES}/{trades[0]['id']}").json() == trades[0]
    over = admin_fill(served, order["id"], venue_trade_id="sim-2", quantity="7")
    assert (over.status_code, over.json()["code"], over.json()["rule"]) == (409, "fill_refused", "overfill")


def test_an_order_that_a_broker_has_is_not_replaced_filled_or_canceled_but_the_broker_is_asked(
    trader: Trader, served: Served
) -> None:
    order = trader.order()
    trader.desk.reader.execute(
        "INSERT INTO broker.submission (order_id, portfolio_id, venue, client_id, status, sends, sent_at, created_at, "
        "updated_at) VALUES (%s, %s, 'alpaca', %s, 'in_doubt', 1, now(), now(), now())",
        (order["id"], order["portfolio_id"], order["id"]),
    )
    path = f"{ORDERS}/{order['id']}"
    refused = trader.client.patch(path, json={"limit_price": "99"}, headers={"If-Match": '"2"'})
    assert (refused.status_code, refused.json()["rule"]) == (409, "at_a_broker")
    by_hand = admin_fill(served, order["id"])
    assert (by_hand.status_code, by_hand.json()["rule"]) == (409, "at_a_broker")
    asked = [trader.client.delete(path) for _ in range(2)]
    assert [(each.status_code, each.json()["status"]) for each in asked] == [(200, "accepted")] * 2
    asked_at = "SELECT cancel_asked_at IS NOT NULL, status FROM broker.submission WHERE order_id = %(o)s"
    assert trader.desk.rows(asked_at, o=order["id"]) == [(True, "in_doubt")]


def test_a_replacement_and_a_cancel(trader: Trader) -> None:
    order = trader.order()
    path = f"{ORDERS}/{order['id']}"
    stale = trader.client.patch(path, json={"limit_price": "99"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    new = trader.client.patch(path, json={"limit_price": "99"}, headers={"If-Match": '"2"'}).json()
    assert (new["replaces"], new["limit_price"], new["reserved_cash"]) == (order["id"], "99", "990.99")
    assert trader.client.get(path).json()["replaced_by"] == new["id"]
    over = trader.client.delete(path)
    assert (over.status_code, over.json()["rule"]) == (409, "not_possible_in_this_status")
    ended = [trader.client.delete(f"{ORDERS}/{new['id']}") for _ in range(2)]
    assert [(each.status_code, each.json()["status"]) for each in ended] == [(200, "canceled")] * 2
    assert trader.cash() == (1_000_000, 0)


def test_a_bracket_shows_its_legs(trader: Trader, served: Served) -> None:
    legs = {"take_profit": {"limit_price": "120"}, "stop_loss": {"stop_price": "90"}}
    entry = trader.order(order_class="bracket", **legs)
    assert [(each["leg"], each["status"]) for each in entry["legs"]] == [("take_profit", "held"), ("stop_loss", "held")]
    filled = admin_fill(served, entry["id"]).json()
    assert {each["status"] for each in filled["legs"]} == {"accepted"}


def test_an_order_lapses_by_itself(trader: Trader) -> None:
    order = trader.order(time_in_force="ioc")
    deadline = CLOCK.monotonic() + 120
    while trader.client.get(f"{ORDERS}/{order['id']}").json()["status"] != "expired":
        assert CLOCK.monotonic() < deadline
        CLOCK.sleep(0.1)
    assert trader.cash() == (1_000_000, 0)


def test_the_short_form_places_an_order_and_tells_its_surveillance(trader: Trader) -> None:
    short = {"portfolio_id": str(trader.desk.portfolio_id), "symbol": "AAPL", "side": "BUY", "quantity": 10}
    made = trader.post(TRADES, {**short, "order_type": "market", "source": "automation"})
    order = made.json()
    assert (made.status_code, order["side"], order["type"], order["source"]) == (201, "buy", "market", "automation")
    assert (order["surveillance_score"], order["surveillance_alert"]) == (0.25, False)
    assert order["reserved_cash"] == "1051.05"
    stop = trader.post(TRADES, {**short, "side": "Buy", "order_type": "stop-loss", "stop_price": "120"})
    assert (stop.status_code, stop.json()["type"]) == (201, "stop")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_an_execution_cannot_be_changed_and_the_way_is_said(trader: Trader, method: str) -> None:
    answer = trader.client.request(method, f"{TRADES}/{uuid4()}", json={})
    assert answer.status_code == 405
    assert "/api/v1/orders" in answer.json()["detail"]


def test_a_batch_is_all_or_none_or_each_for_itself(trader: Trader) -> None:
    items = [trader.body(), trader.body(quantity="1000"), trader.body()]
    refused = trader.post(f"{ORDERS}/batch", {"items": items})
    assert (refused.status_code, refused.json()["code"]) == (409, "batch_refused")
    assert trader.client.get(ORDERS).json()["data"] == []
    each = trader.post(f"{ORDERS}/batch", {"items": items, "atomic": False}).json()
    assert [(result["status"]) for result in each["data"]] == [201, 409, 201]
    short = {"portfolio_id": str(trader.desk.portfolio_id), "symbol": "AAPL", "side": "BUY", "quantity": "1"}
    trades = trader.post(f"{TRADES}/batch", {"items": [short, short]})
    assert (trades.status_code, trades.json()["created"]) == (201, 2)


def test_a_bare_array_of_orders_is_atomic_and_answers_an_array(trader: Trader) -> None:
    assert trader.post(f"{ORDERS}/batch", [trader.body(), trader.body(quantity="1000")]).status_code == 409
    assert trader.client.get(ORDERS).json()["data"] == []
    made = trader.post(f"{ORDERS}/batch", [trader.body(quantity="1"), trader.body(quantity="2")])
    assert (made.status_code, [order["quantity"] for order in made.json()]) == (201, ["1", "2"])
    short = {"portfolio_id": str(trader.desk.portfolio_id), "symbol": "AAPL", "side": "BUY", "quantity": "3"}
    traded = trader.post(f"{TRADES}/batch", [short])
    assert (traded.status_code, [order["quantity"] for order in traded.json()]) == (201, ["3"])


def test_a_batch_reaches_no_foreign_portfolio(trader: Trader, served: Served) -> None:
    other = api_user(served.settings)
    with other.client(served.api.url) as client:
        body = {"items": [trader.body()], "atomic": False}
        answer = client.post(f"{ORDERS}/batch", json=body, headers={"Idempotency-Key": "k"})
    assert [result["status"] for result in answer.json()["data"]] == [404]
    assert trader.cash() == (1_000_000, 0)


def test_filters_and_orders_of_the_list(trader: Trader) -> None:
    first, second = trader.order(), trader.order(quantity="1")
    trader.client.delete(f"{ORDERS}/{first['id']}")

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in trader.client.get(ORDERS, params=query).json()["data"]]

    assert ids(status="open") == [second["id"]]
    assert ids(status="canceled", symbol="AAPL", portfolio_id=first["portfolio_id"]) == [first["id"]]
    assert ids(sort="-id") == [second["id"], first["id"]]
    page = trader.client.get(ORDERS, params={"sort": "-id", "limit": 1}).json()
    assert [each["id"] for each in trader.client.get(page["next"]).json()["data"]] == [first["id"]]
    assert ids(symbol="MSFT") == []


def _race(trader: Trader, bodies: list[dict[str, Any]], keys: list[str]) -> list[httpx.Response]:
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(lambda pair: trader.post(ORDERS, pair[0], pair[1]), zip(bodies, keys, strict=True)))


def test_fifty_twins_of_one_key_are_one_order(trader: Trader) -> None:
    answers = _race(trader, [trader.body()] * 50, ["twin"] * 50)
    assert {answer.status_code for answer in answers} <= {201, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    others = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert (len(ids), others <= {"idempotency_key_in_flight"}) == (1, True)
    assert len(trader.client.get(ORDERS).json()["data"]) == 1
    assert trader.cash() == (1_000_000, 100_100)


def test_fifty_posts_with_one_client_order_id_are_one_order(trader: Trader) -> None:
    answers = _race(trader, [trader.body(client_order_id="one")] * 50, [str(uuid4()) for _ in range(50)])
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({UUID(answer.json()["id"]) for answer in answers}) == 1
    assert trader.cash() == (1_000_000, 100_100)


def test_parallel_orders_spend_no_money_twice(trader: Trader) -> None:
    answers = _race(trader, [trader.body()] * 20, [str(uuid4()) for _ in range(20)])
    assert sorted(answer.status_code for answer in answers) == [201] * 9 + [409] * 11
    assert {answer.json()["rule"] for answer in answers if answer.status_code == 409} == {"buying_power"}
    assert trader.cash() == (1_000_000, 9 * 100_100)


def _text(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern.removesuffix("$") + r"\Z")


PRICE, QUANTITY = _text(PRICE_PATTERN), _text(QUANTITY_PATTERN)
INSTANT = st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())
LEGS = {
    "take_profit": st.fixed_dictionaries({"limit_price": PRICE}),
    "stop_loss": st.fixed_dictionaries({"stop_price": PRICE}, optional={"limit_price": PRICE}),
}
LOTS = st.lists(st.fixed_dictionaries({"lot_id": st.uuids().map(str), "quantity": QUANTITY}), min_size=1, max_size=3)
ORDER_FORMS = st.fixed_dictionaries(
    {"side": st.sampled_from(["buy", "sell"]), "quantity": QUANTITY},
    optional={
        "type": st.sampled_from([each.value for each in OrderType]),
        "time_in_force": st.sampled_from([each.value for each in TimeInForce]),
        "order_class": st.sampled_from([each.value for each in OrderClass]),
        "client_order_id": _text(CLIENT_ID_PATTERN),
        "limit_price": PRICE,
        "stop_price": PRICE,
        "trail_amount": PRICE,
        "trail_percent": _text(PERCENT_PATTERN),
        "expires_at": INSTANT.filter(lambda text: re.fullmatch(r".*[+-]\d\d:\d\d", text)),
        "lots": LOTS,
        **LEGS,
    },
)
TRADE_FORMS = st.fixed_dictionaries(
    {"side": _text(SIDE_PATTERN), "quantity": QUANTITY | st.integers(1, 1_000_000_000)},
    optional={
        "order_type": st.sampled_from(["market", "limit", "stop", "stop-loss", "take-profit", "stop_limit"]),
        "time_in_force": st.sampled_from(["day", "gtc", "ioc", "fok"]),
        "limit_price": PRICE,
        "stop_price": PRICE,
    },
)


@pytest.mark.parametrize(("path", "forms"), [(ORDERS, ORDER_FORMS), (TRADES, TRADE_FORMS)], ids=["orders", "trades"])
def test_whatever_the_schema_allows_is_an_order_or_a_refusal_by_a_rule(
    served: Served, path: str, forms: st.SearchStrategy[dict[str, Any]]
) -> None:
    """Schemathesis knows no portfolio that has cash: here the forms are filled with one."""
    user = api_user(served.settings)
    with desks(served.settings) as make, user.client(served.api.url) as client:
        desk = make(owner_id=user.id, allows_short=True)
        desk.deposit(10**12)
        known = {"portfolio_id": str(desk.portfolio_id), "symbol": "AAPL"}
        seen: set[int] = set()

        @settings(max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(forms)
        def send(form: dict[str, Any]) -> None:
            answer = client.post(path, json={**form, **known}, headers={"Idempotency-Key": str(uuid4())})
            assert answer.status_code in (200, 201, 409), (form, answer.text)
            seen.add(answer.status_code)
            if answer.status_code == 409:
                assert answer.json()["rule"]

        send()
        assert seen >= {201, 409}
