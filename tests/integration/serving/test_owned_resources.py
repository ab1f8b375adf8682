"""Preferences, objectives and assets of users."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.construction.policy import Frequency
from lakehouse.construction.schedule import next_due, session_from
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.stores import postgres
from tests.factories.api_users import ApiUser, api_user
from tests.factories.books import START, Holder, booked
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PREFERENCES = "/api/v1/user-preferences"
OBJECTIVES = "/api/v1/objectives"
ASSETS = "/api/v1/assets"
CLOCK = SystemClock()


def codes(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def portfolio_of(served: Served, owner: ApiUser) -> UUID:
    """A portfolio of the user, with ten AAPL that cost 1,000.00 USD."""
    account, portfolio = uuid7(CLOCK), uuid7(CLOCK)
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute(
            "INSERT INTO app.account (id, owner_id, name, kind, base_currency) VALUES (%s, %s, %s, 'brokerage', 'USD')",
            (account, owner.id, account.hex),
        )
        connection.execute(
            "INSERT INTO app.portfolio (id, owner_id, account_id, name, base_currency) VALUES (%s, %s, %s, %s, 'USD')",
            (portfolio, owner.id, account, portfolio.hex),
        )
    drafts = (
        Draft(kind=Kind.DEPOSIT, occurred_at=START, currency="USD", amount_minor=500_000),
        Draft(
            kind=Kind.BUY, occurred_at=START, currency="USD", symbol="AAPL", quantity=Decimal(10), price=Decimal(100)
        ),
    )
    asyncio.run(booked(Holder(served.settings, owner.id, account, portfolio), drafts))
    return portfolio


def test_preferences_have_usual_values_and_one_set_a_key(alice: httpx.Client, bob: httpx.Client) -> None:
    made = alice.post(PREFERENCES, json={})
    assert made.status_code == 201
    usual = made.json()
    assert (usual["key"], usual["theme"], usual["timezone"], usual["notify_fills"]) == (
        "default",
        "system",
        "UTC",
        True,
    )
    assert codes(alice.post(PREFERENCES, json={})) == (409, "already_exists")
    assert alice.post(PREFERENCES, json={"key": "phone", "theme": "dark"}).status_code == 201
    assert bob.post(PREFERENCES, json={}).status_code == 201
    found = alice.get(PREFERENCES, params={"key": "phone"}).json()["data"]
    assert [each["theme"] for each in found] == ["dark"]


def test_preferences_are_of_this_world(alice: httpx.Client) -> None:
    at = alice.post(PREFERENCES, json={"timezone": "Europe/Berlin", "locale": "de-DE"}).headers["Location"]
    assert codes(alice.patch(at, json={"timezone": "Europe/Atlantis"})) == (409, "unknown_timezone")
    assert codes(alice.patch(at, json={"base_currency": "ZZZ"})) == (409, "unknown_reference")
    assert codes(alice.patch(at, json={"locale": "German"})) == (422, "invalid_request")
    assert alice.patch(at, json={"base_currency": "EUR"}).json()["base_currency"] == "EUR"


def test_an_objective_asks_for_weights_and_knows_its_next_day(served: Served) -> None:
    owner = api_user(served.settings)
    portfolio = str(portfolio_of(served, owner))
    body = {"portfolio_id": portfolio, "risk_tolerance": "moderate", "horizon_years": 10, "target_return": "0.06"}
    with owner.client(served.api.url) as client:
        made = client.post(OBJECTIVES, json=body)
        assert made.status_code == 201, made.text
        objective = made.json()
        today = datetime.fromisoformat(objective["created_at"]).astimezone(UTC).date()
        assert (objective["allocation_status"], objective["target_return"]) == ("pending", "0.06")
        assert objective["rebalances_on"] == following(today, Frequency.QUARTERLY)
        assert codes(client.post(OBJECTIVES, json=body)) == (409, "already_exists")

        _allocated(served, portfolio)
        at = made.headers["Location"]
        noted = client.patch(at, json={"note": "as agreed", "rebalancing_frequency": "annual"}).json()
        assert noted["allocation_status"] == "ready"
        assert noted["rebalances_on"] == following(today, Frequency.ANNUAL)
        changed = client.patch(at, json={"target_return": None, "excluded_symbols": ["XOM"]}).json()
        assert (changed["allocation_status"], changed["target_return"]) == ("pending", None)
        assert changed["excluded_symbols"] == ["XOM"]


def following(today: date, frequency: Frequency) -> str:
    """The trading day a period later; a period from a Saturday is counted from that Saturday."""
    return next_due(today, session_from(today, "XNYS"), frequency).isoformat()


def _allocated(served: Served, portfolio: str) -> None:
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute(
            "UPDATE app.allocation SET status = 'ready', done_at = now() WHERE portfolio_id = %s", (portfolio,)
        )


def test_an_objective_is_for_a_portfolio_of_one_s_own(served: Served, alice: httpx.Client) -> None:
    owner = api_user(served.settings)
    body = {"portfolio_id": str(portfolio_of(served, owner)), "risk_tolerance": "moderate", "horizon_years": 10}
    assert codes(alice.post(OBJECTIVES, json=body)) == (404, "not_found")
    each = alice.post(f"{OBJECTIVES}/batch", json={"atomic": False, "items": [body]}).json()
    assert [line["status"] for line in each["data"]] == [404]
    with owner.client(served.api.url) as client:
        at = client.post(OBJECTIVES, json=body).headers["Location"]
    assert codes(alice.get(at)) == (404, "not_found")
    assert codes(alice.patch(at, json={"note": "mine now"})) == (404, "not_found")


def test_assets_add_up_over_the_caller_s_portfolios(served: Served, bob: httpx.Client) -> None:
    owner = api_user(served.settings)
    first, second = portfolio_of(served, owner), portfolio_of(served, owner)
    with owner.client(served.api.url) as client:
        page = client.get(ASSETS).json()
        assert [(each["symbol"], each["quantity"], each["portfolio_count"]) for each in page["data"]] == [
            ("AAPL", "20", 2)
        ]
        asset = page["data"][0]
        assert asset["cost_basis_total"] == [{"amount": "2000.00", "currency": "USD"}]
        detail = client.get(f"{ASSETS}/{asset['id']}").json()
        assert {each["portfolio_id"] for each in detail["portfolios"]} == {str(first), str(second)}
        assert all(each["quantity"] == "10" for each in detail["portfolios"])
        one = client.get(ASSETS, params={"portfolio_id": str(first)}).json()["data"]
        assert [each["quantity"] for each in one] == ["10"]
        assert client.get(ASSETS, params={"asset_type": "bond"}).json()["data"] == []
    assert bob.get(ASSETS).json()["data"] == []
    assert codes(bob.get(f"{ASSETS}/{asset['id']}")) == (404, "asset_not_found")


def test_an_asset_is_worth_its_last_price(served: Served) -> None:
    owner = api_user(served.settings)
    portfolio_of(served, owner)
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute(
            "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, updated_at, seq, version)"
            " VALUES ('AAPL', 125.5, 'USD', 'test', now(), now(), 0, 1)"
            " ON CONFLICT (symbol) DO UPDATE SET price = 125.5, currency = 'USD'"
        )
    with owner.client(served.api.url) as client:
        asset = client.get(ASSETS).json()["data"][0]
    assert asset["current_value"] == {"amount": "1255.00", "currency": "USD"}
    assert asset["unrealized_pnl"] == {"amount": "255.00", "currency": "USD"}


def test_assets_cannot_be_written_and_the_refusal_says_what_to_do(alice: httpx.Client) -> None:
    for method, path in (("POST", ASSETS), ("POST", f"{ASSETS}/batch"), ("DELETE", f"{ASSETS}/{uuid4()}")):
        refused = alice.request(method, path)
        assert codes(refused) == (405, "method_not_allowed")
        assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert "POST /api/v1/orders" in refused.json()["detail"]
