"""The books through the real API: accounts, portfolios, transactions and what follows from them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from lakehouse.stores import postgres
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

NOON = "2024-03-01T12:00:00Z"
LATER = "2024-03-02T12:00:00Z"
Book = Callable[..., httpx.Response]


def portfolio(client: httpx.Client, **changes: object) -> dict[str, Any]:
    """A new portfolio of the client's user."""
    answer = client.post("/api/v1/portfolios", json={"name": f"P {uuid4().hex}", "base_currency": "USD", **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def post(client: httpx.Client, path: str, body: object) -> httpx.Response:
    """A booking with a key of its own."""
    return client.post(path, json=body, headers={"Idempotency-Key": uuid4().hex})


def transaction(portfolio_id: str, kind: str, **members: object) -> dict[str, object]:
    """The body of a booking in US dollars."""
    return {"portfolio_id": portfolio_id, "kind": kind, "occurred_at": NOON, "currency": "USD", **members}


def booked(client: httpx.Client, portfolio_id: str, kind: str, **members: object) -> dict[str, Any]:
    """A transaction that the books took."""
    answer = post(client, "/api/v1/transactions", transaction(portfolio_id, kind, **members))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def cash(client: httpx.Client, portfolio_id: str) -> dict[str, str]:
    """Balances by currency."""
    found = client.get(f"/api/v1/portfolios/{portfolio_id}", params={"expand": "cash"}).json()
    return {each["currency"]: each["balance"] for each in found["cash"]}


def clean(client: httpx.Client, portfolio_id: str) -> bool:
    """Whether a recount finds nothing."""
    answer = client.get(f"/api/v1/portfolios/{portfolio_id}/reconciliation")
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["is_clean"]) and answer.json()["findings"] == []


@pytest.fixture
def funded(alice: httpx.Client) -> str:
    """The id of a portfolio of alice's with 10,000 dollars."""
    made = str(portfolio(alice)["id"])
    booked(alice, made, "deposit", amount="10000")
    return made


class TestAccounts:
    def test_a_portfolio_brings_its_account(self, alice: httpx.Client) -> None:
        made = portfolio(alice)
        account = alice.get(f"/api/v1/accounts/{made['account_id']}").json()
        assert (account["name"], account["portfolio_id"], account["balances"]) == (made["name"], made["id"], [])

    def test_an_account_of_ones_own_may_be_named_once(self, alice: httpx.Client, bob: httpx.Client) -> None:
        account = alice.post("/api/v1/accounts", json={"name": "mine", "lot_method": "lifo"}).json()
        assert portfolio(alice, account_id=account["id"])["account_id"] == account["id"]
        again = alice.post("/api/v1/portfolios", json={"name": "other", "account_id": account["id"]})
        stolen = bob.post("/api/v1/portfolios", json={"name": "other", "account_id": account["id"]})
        assert (again.status_code, stolen.status_code) == (409, 404)

    def test_with_a_history_it_is_closed_not_deleted(self, alice: httpx.Client, funded: str) -> None:
        account_id = alice.get(f"/api/v1/portfolios/{funded}").json()["account_id"]
        path = f"/api/v1/accounts/{account_id}"
        assert alice.delete(path).json()["code"] == "account_has_history"
        assert alice.patch(path, json={"status": "closed"}).json()["code"] == "account_not_empty"
        booked(alice, funded, "withdrawal", amount="10000")
        assert alice.patch(path, json={"status": "closed"}).status_code == 200
        refused = post(alice, "/api/v1/transactions", transaction(funded, "deposit", amount="1"))
        assert (refused.status_code, refused.json()["rule"]) == (409, "account_closed")

    def test_an_unused_one_goes(self, alice: httpx.Client) -> None:
        path = f"/api/v1/accounts/{alice.post('/api/v1/accounts', json={'name': 'short-lived'}).json()['id']}"
        assert alice.delete(path).status_code == 204
        assert alice.get(path).status_code == 404

    def test_another_lot_method_folds_the_history_again(self, alice: httpx.Client, funded: str) -> None:
        for at, price in ((NOON, "10"), (LATER, "30")):
            booked(alice, funded, "buy", symbol="AAPL", quantity="10", price=price, occurred_at=at)
        booked(alice, funded, "sell", symbol="AAPL", quantity="10", price="40", occurred_at="2024-03-03T00:00:00Z")
        lots = alice.get("/api/v1/lots", params={"portfolio_id": funded})
        account_id = alice.get(f"/api/v1/portfolios/{funded}").json()["account_id"]
        changed = alice.patch(f"/api/v1/accounts/{account_id}", json={"lot_method": "lifo"})
        after = alice.get("/api/v1/lots", params={"portfolio_id": funded})
        assert changed.status_code == 200
        assert [lot["cost"] for lot in lots.json()["data"]] == ["300.00"]
        assert [lot["cost"] for lot in after.json()["data"]] == ["100.00"]
        assert clean(alice, funded)


class TestPortfolios:
    def test_an_empty_one_goes_with_its_account(self, alice: httpx.Client) -> None:
        made = portfolio(alice)
        assert alice.delete(f"/api/v1/portfolios/{made['id']}").status_code == 204
        assert alice.get(f"/api/v1/accounts/{made['account_id']}").status_code == 404

    def test_one_with_a_history_stays(self, alice: httpx.Client, funded: str) -> None:
        refused = alice.delete(f"/api/v1/portfolios/{funded}")
        assert (refused.status_code, refused.json()["code"]) == (409, "portfolio_in_use")

    def test_another_users_is_not_there(self, bob: httpx.Client, funded: str) -> None:
        path = f"/api/v1/portfolios/{funded}"
        answers = (
            bob.get(path),
            bob.patch(path, json={"name": "x"}),
            bob.delete(path),
            bob.get(f"{path}/holdings"),
            bob.get(f"{path}/reconciliation"),
            post(bob, "/api/v1/transactions", transaction(funded, "withdrawal", amount="1")),
        )
        assert [answer.status_code for answer in answers] == [404] * len(answers)

    def test_a_lost_update_is_refused(self, alice: httpx.Client) -> None:
        made = portfolio(alice)
        path, tag = f"/api/v1/portfolios/{made['id']}", {"If-Match": f'"{made["version"]}"'}
        assert alice.patch(path, json={"description": "first"}, headers=tag).status_code == 200
        assert alice.patch(path, json={"description": "second"}, headers=tag).status_code == 412


class TestTransactions:
    def test_a_purchase_moves_cash_units_and_lots(self, alice: httpx.Client, funded: str) -> None:
        made = booked(alice, funded, "buy", symbol="AAPL", quantity="10", price="125.67", fee="1")
        lot = alice.get(f"/api/v1/lots/{made['id']}").json()
        positions = alice.get("/api/v1/positions", params={"portfolio_id": funded}).json()["data"]
        assert (made["gross"], made["cash"]) == ("1256.70", "-1257.70")
        assert cash(alice, funded) == {"USD": "8742.30"}
        assert (lot["quantity"], lot["cost"], lot["currency"]) == ("10", "1257.70", "USD")
        assert [(each["symbol"], each["quantity"]) for each in positions] == [("AAPL", "10")]
        assert alice.get(f"/api/v1/positions/{positions[0]['id']}").json() == positions[0]
        assert clean(alice, funded)

    @pytest.mark.parametrize(
        ("kind", "members", "code", "rule"),
        [
            (
                "sell",
                {"symbol": "AAPL", "quantity": "1", "price": "1"},
                "insufficient_holdings",
                "sells_more_than_held",
            ),
            ("buy", {"symbol": "AAPL", "quantity": "1000", "price": "100"}, "insufficient_funds", None),
            ("withdrawal", {"amount": "10000.01"}, "insufficient_funds", None),
            ("buy", {"symbol": "NOPE", "quantity": "1", "price": "1"}, "not_booked", "unknown_instrument"),
            ("split", {"symbol": "AAPL", "ratio": "0.5"}, "not_booked", "ratio_wrong_way"),
            ("deposit", {"amount": "0.001"}, "amount_not_representable", None),
            ("deposit", {"amount": "1", "currency": "ZZZ"}, "amount_not_representable", None),
            ("deposit", {"amount": "1", "occurred_at": "9999-12-31T23:59:59-14:00"}, "not_booked", "in_the_future"),
            ("deposit", {"amount": "1", "occurred_at": "0001-01-01T00:00:00+14:00"}, "not_booked", "too_long_ago"),
        ],
    )
    def test_what_the_books_refuse(
        self, alice: httpx.Client, funded: str, kind: str, members: dict[str, str], code: str, rule: str | None
    ) -> None:
        refused = post(alice, "/api/v1/transactions", {**transaction(funded, kind), **members})
        assert (refused.status_code, refused.json()["code"], refused.json().get("rule")) == (409, code, rule)
        assert cash(alice, funded) == {"USD": "10000.00"}

    def test_a_repeat_of_a_key_books_once(self, alice: httpx.Client, funded: str) -> None:
        key, body = {"Idempotency-Key": uuid4().hex}, transaction(funded, "deposit", amount="5")
        first, again = (alice.post("/api/v1/transactions", json=body, headers=key) for _ in range(2))
        assert (first.status_code, first.content) == (again.status_code, again.content)
        assert cash(alice, funded) == {"USD": "10005.00"}

    def test_a_number_of_the_broker_is_booked_once(self, alice: httpx.Client, funded: str) -> None:
        body = transaction(funded, "deposit", amount="5", external_id="B-1")
        first, second = (post(alice, "/api/v1/transactions", body) for _ in range(2))
        assert (first.status_code, second.json()["code"]) == (201, "already_exists")
        assert alice.delete(f"/api/v1/transactions/{first.json()['id']}").status_code == 204
        assert post(alice, "/api/v1/transactions", body).status_code == 201

    def test_reversing_takes_it_all_back(self, alice: httpx.Client, funded: str) -> None:
        made = booked(alice, funded, "buy", symbol="AAPL", quantity="10", price="100")
        path = f"/api/v1/transactions/{made['id']}"
        assert alice.delete(path).status_code == 204
        assert (alice.get(path).status_code, alice.delete(path).status_code) == (404, 404)
        listed = alice.get("/api/v1/transactions", params={"portfolio_id": funded, "reversed": True}).json()["data"]
        assert [row["id"] for row in listed] == [made["id"]]
        assert cash(alice, funded) == {"USD": "10000.00"}
        assert alice.get(f"/api/v1/portfolios/{funded}").json()["positions"] == []
        assert clean(alice, funded)

    def test_a_purchase_that_was_sold_cannot_be_reversed(self, alice: httpx.Client, funded: str) -> None:
        made = booked(alice, funded, "buy", symbol="AAPL", quantity="10", price="100")
        booked(alice, funded, "sell", symbol="AAPL", quantity="10", price="110", occurred_at=LATER)
        refused = alice.delete(f"/api/v1/transactions/{made['id']}")
        assert (refused.status_code, refused.json()["rule"]) == (409, "needed_by_a_later_one")

    def test_only_the_remark_changes(self, alice: httpx.Client, funded: str) -> None:
        made = booked(alice, funded, "deposit", amount="1")
        path = f"/api/v1/transactions/{made['id']}"
        assert alice.patch(path, json={"note": "gift"}).json()["note"] == "gift"
        assert alice.patch(path, json={"amount": "2"}).status_code == 422
        put = alice.put(path, json={})
        assert put.status_code == 405
        assert "DELETE reverses it" in put.json()["detail"]

    def test_positions_and_lots_are_not_written(self, alice: httpx.Client) -> None:
        for path in ("/api/v1/positions", "/api/v1/lots"):
            refused = alice.post(path, json={})
            assert refused.status_code == 405
            assert "POST /api/v1/transactions" in refused.json()["detail"]

    def test_money_of_another_currency_goes_by_its_rate(self, alice: httpx.Client, funded: str) -> None:
        booked(alice, funded, "deposit", amount="1000", currency="EUR")
        wrong = transaction(funded, "buy", symbol="AAPL", quantity="1", price="100", currency="EUR")
        assert post(alice, "/api/v1/transactions", wrong).json()["rule"] == "fx_rate_missing"
        booked(alice, funded, "buy", symbol="AAPL", quantity="1", price="100", currency="EUR", fx_rate="0.91")
        assert cash(alice, funded) == {"EUR": "909.00", "USD": "10000.00"}

    def test_pages_by_time_hold_each_once(self, alice: httpx.Client, funded: str) -> None:
        items = [transaction(funded, "fee", amount="1", occurred_at=f"2024-01-{day:02}T00:00:00Z") for day in (5, 3, 9)]
        assert post(alice, "/api/v1/transactions/batch", items).status_code == 201
        path, seen = f"/api/v1/transactions?portfolio_id={funded}&kind=fee&sort=-occurred_at&limit=2", []
        while path:
            page = alice.get(path).json()
            seen += [row["occurred_at"][8:10] for row in page["data"]]
            path = page["next"]
        assert seen == ["09", "05", "03"]


class TestBatches:
    def test_each_item_is_checked_for_its_owner(self, alice: httpx.Client, bob: httpx.Client, funded: str) -> None:
        own = str(portfolio(bob)["id"])
        items = [transaction(own, "deposit", amount="1"), transaction(funded, "withdrawal", amount="1")]
        refused = post(bob, "/api/v1/transactions/batch", {"atomic": True, "items": items})
        assert (refused.status_code, [row["status"] for row in refused.json()["data"]]) == (409, [409, 404])
        partly = post(bob, "/api/v1/transactions/batch", {"atomic": False, "items": items})
        assert [row["status"] for row in partly.json()["data"]] == [201, 404]
        assert (cash(alice, funded), cash(bob, own)) == ({"USD": "10000.00"}, {"USD": "1.00"})

    def test_the_refused_item_is_named_and_the_others_are_booked(self, alice: httpx.Client, funded: str) -> None:
        items = [
            transaction(funded, "buy", symbol="AAPL", quantity="1", price="10"),
            transaction(funded, "sell", symbol="AAPL", quantity="5", price="10"),
            transaction(funded, "withdrawal", amount="1000000"),
        ]
        partly = post(alice, "/api/v1/transactions/batch", {"atomic": False, "items": items}).json()
        codes = [row["problem"] and row["problem"]["code"] for row in partly["data"]]
        assert codes == [None, "insufficient_holdings", "insufficient_funds"]
        assert cash(alice, funded) == {"USD": "9990.00"}
        assert clean(alice, funded)


class TestCash:
    def test_it_is_the_cash_view_of_the_transactions(self, alice: httpx.Client, funded: str) -> None:
        body = transaction(funded, "interest", amount="10", tax="2.5")
        made = post(alice, "/api/v1/cash-transactions", body).json()
        booked(alice, funded, "buy", symbol="AAPL", quantity="1", price="10")
        listed = alice.get("/api/v1/cash-transactions", params={"portfolio_id": funded}).json()["data"]
        assert made["cash"] == "7.50"
        assert {row["kind"] for row in listed} == {"deposit", "interest"}
        assert alice.get(f"/api/v1/transactions/{made['id']}").json()["cash"] == "7.50"

    def test_of_a_hundred_withdrawals_of_everything_one_wins(self, alice: httpx.Client, funded: str) -> None:
        body = transaction(funded, "withdrawal", amount="10000")
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: post(alice, "/api/v1/cash-transactions", body).status_code, range(100)))
        assert sorted(set(answers)) == [201, 409]
        assert answers.count(201) == 1
        assert cash(alice, funded) == {"USD": "0.00"}


class TestHoldings:
    def test_cost_and_value_stand_beside_the_units(self, alice: httpx.Client, served: Served, funded: str) -> None:
        booked(alice, funded, "buy", symbol="JNJ", quantity="4", price="100", fee="2")
        booked(alice, funded, "buy", symbol="KO", quantity="1", price="10")
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, updated_at) "
                "VALUES ('JNJ', 125.5, 'USD', 'test', '2024-03-01', now()) "
                "ON CONFLICT (symbol) DO UPDATE SET price = 125.5, currency = 'USD'"
            )
            connection.execute("DELETE FROM market.realtime_symbols WHERE symbol = 'KO'")
        answer = alice.get(f"/api/v1/portfolios/{funded}/holdings").json()
        johnson, coke = answer["data"]
        assert (johnson["costs"][0]["cost"], johnson["costs"][0]["average_cost"]) == ("402.00", "100.5")
        assert (johnson["market_value"], johnson["unrealised"]) == ("502.00", "100.00")
        assert (coke["market_value"], coke["costs"][0]["cost"]) == (None, "10.00")
        assert any("KO" in warning for warning in answer["warnings"])
