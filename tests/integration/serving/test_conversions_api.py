"""Conversions through the real API: once, listed, internal to performance, and the same again from an export."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.stores import postgres
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

TODAY = SystemClock().now().date()


@dataclass(frozen=True, slots=True)
class Purse:
    """An account with 1,000 dollars, deposited yesterday, and its portfolio."""

    client: httpx.Client
    account: str
    portfolio: str

    def convert(self, *, key: str | None = None, **changes: str) -> httpx.Response:
        body = {"currency": "USD", "amount": "100.00", "to_currency": "NOK", **changes}
        headers = {"Idempotency-Key": key or uuid4().hex}
        return self.client.post(f"/api/v1/accounts/{self.account}/conversions", json=body, headers=headers)

    def balances(self) -> dict[str, str]:
        found = self.client.get(f"/api/v1/accounts/{self.account}").json()["balances"]
        return {each["currency"]: each["balance"] for each in found}

    def get(self, path: str, **query: str) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module", autouse=True)
def rates(served: Served) -> None:
    """Dollars in kroner, a pair that no other test looks at; the rate of yesterday and of today."""
    with postgres.connect(served.settings.postgres) as connection:
        for day, rate in ((TODAY - timedelta(days=1), "10"), (TODAY, "10.5")):
            connection.execute(
                "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES ('USD', 'NOK', %s, %s, 'test')",
                (day, rate),
            )


@pytest.fixture
def purse(served: Served) -> Iterator[Purse]:
    with api_user(served.settings).client(served.api.url) as client:
        made = client.post("/api/v1/portfolios", json={"name": uuid4().hex, "base_currency": "USD"}).json()
        deposit = {
            "portfolio_id": made["id"],
            "kind": "deposit",
            "occurred_at": f"{TODAY - timedelta(days=1)}T12:00:00Z",
            "currency": "USD",
            "amount": "1000.00",
        }
        answer = client.post("/api/v1/transactions", json=deposit, headers={"Idempotency-Key": uuid4().hex})
        assert answer.status_code == 201, answer.text
        yield Purse(client, made["account_id"], made["id"])


def test_it_is_made_once_a_key_and_listed_among_the_movements_of_money(purse: Purse) -> None:
    first, again = purse.convert(key="one"), purse.convert(key="one")
    made = first.json()
    assert (first.status_code, again.content) == (201, first.content)
    assert (made["given"], made["received"]) == (
        {"amount": "100.00", "currency": "USD"},
        {"amount": "1050.00", "currency": "NOK"},
    )
    assert (made["rate"], made["rate_as_of"]) == ("10.5", TODAY.isoformat())
    assert purse.balances() == {"USD": "900.00", "NOK": "1050.00"}
    shown = purse.get(first.headers["Location"])
    assert (shown["kind"], shown["cash"], shown["to_currency"], shown["received"]) == (
        "conversion",
        "-100.00",
        "NOK",
        "1050.00",
    )
    for currency in ("USD", "NOK"):
        listed = purse.get("/api/v1/cash-transactions", portfolio_id=purse.portfolio, currency=currency)["data"]
        assert made["id"] in [each["id"] for each in listed]
    assert purse.get(f"/api/v1/portfolios/{purse.portfolio}/reconciliation")["is_clean"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"to_currency": "TND"}, "rate_missing"),
        ({"to_currency": "USD"}, "same_currency"),
        ({"min_receive": "1050.01"}, "rate_beyond_limit"),
        ({"max_rate": "0.095"}, "rate_beyond_limit"),
    ],
)
def test_a_refusal_names_its_rule(purse: Purse, changes: dict[str, str], rule: str) -> None:
    refused = purse.convert(**changes)
    assert (refused.status_code, refused.json()["rule"]) == (409, rule)
    assert purse.balances() == {"USD": "1000.00"}


def test_other_refusals(purse: Purse, bob: httpx.Client) -> None:
    assert purse.convert(amount="1000.01").json()["code"] == "insufficient_funds"
    assert purse.convert(amount="1.001").json()["code"] == "amount_not_representable"
    foreign = Purse(bob, purse.account, purse.portfolio).convert()
    assert foreign.status_code == 404
    bare = purse.client.post("/api/v1/accounts", json={"name": uuid4().hex}).json()["id"]
    assert Purse(purse.client, bare, "").convert().json()["code"] == "account_without_portfolio"


def test_it_is_no_external_flow(purse: Purse) -> None:
    assert purse.convert().status_code == 201
    found = purse.get(f"/api/v1/portfolios/{purse.portfolio}/performance", explain="true")
    assert [flow["amount"]["amount"] for flow in found["explanation"]["flows"]] == ["1000.00"]
    assert found["end_value"]["amount"] == "1000.00"
    converted = {each["currency"]: each["converted"]["amount"] for each in found["currencies"]}
    assert converted == {"USD": "-100.00", "NOK": "1050.00"}
    flows = {each["currency"]: each["net_flow"]["amount"] for each in found["currencies"]}
    assert flows == {"USD": "1000.00", "NOK": "0.00"}


def test_a_reversal_brings_both_sides_back(purse: Purse) -> None:
    path = purse.convert().headers["Location"]
    assert purse.client.delete(path).status_code == 204
    assert {currency: Decimal(amount) for currency, amount in purse.balances().items()} == {"USD": 1000, "NOK": 0}


def test_an_export_is_the_same_books_again(purse: Purse) -> None:
    assert purse.convert(amount="33.33").status_code == 201
    own = {
        "portfolio_id": purse.portfolio,
        "kind": "conversion",
        "occurred_at": f"{TODAY - timedelta(days=1)}T13:00:00Z",
        "currency": "USD",
        "amount": "200.00",
        "fee": "1.00",
        "to_currency": "JPY",
        "to_amount": "30001",
    }
    answer = purse.client.post("/api/v1/transactions", json=own, headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["fx_rate"], answer.json()["received"]) == ("150.005", "30001")
    query = {"portfolio_id": purse.portfolio, "kind": "transactions"}
    exported = purse.client.get("/api/v1/exports", params=query)
    second = purse.client.post("/api/v1/portfolios", json={"name": uuid4().hex, "base_currency": "USD"}).json()
    sent = purse.client.post(
        "/api/v1/imports",
        params={"portfolio_id": second["id"]},
        content=exported.content,
        headers={"Idempotency-Key": uuid4().hex, "Content-Type": "text/csv"},
    )
    assert (sent.status_code, sent.json()["booked"]) == (201, 3), sent.text
    copy = Purse(purse.client, second["account_id"], second["id"])
    assert copy.balances() == purse.balances()
    again = copy.client.get("/api/v1/exports", params={**query, "portfolio_id": second["id"]})
    assert _numbers(again.text) == _numbers(exported.text)


def _numbers(text: str) -> list[tuple[str, ...]]:
    names = ("date", "kind", "currency", "amount", "fee", "fx_rate", "to_currency", "to_amount", "cash")
    return [tuple(row[name] for name in names) for row in csv.DictReader(io.StringIO(text))]
