"""Quotes, bars, observations and rates over HTTP: what is written is read, what is old or missing says so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from jsonschema import Draft202012Validator

from lakehouse.clock import SystemClock
from lakehouse.domain.quote import Bar
from lakehouse.stores import postgres
from lakehouse.stores.quotes import load_daily_bars
from tests.factories.quote_stream import observation, send
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
QUOTES = "/api/v1/quotes"
BARS = "/api/v1/market-data/bars"


def quoted(client: httpx.Client, symbols: str) -> dict[str, dict[str, object]]:
    answer = client.get(QUOTES, params={"symbols": symbols})
    assert answer.status_code == 200, answer.text
    return {each["symbol"]: each for each in answer.json()["data"]}


def validator(served: Served, path: str) -> Draft202012Validator:
    document = served.api.client.get("/openapi.json").json()
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


def test_a_recorded_price_is_read_at_once_with_all_that_belongs_to_it(served: Served, alice: httpx.Client) -> None:
    send(served.api.client, observation("AMD", "100"), observation("AMD", "101.50", bid="101.4", ask="101.6"))
    answer = alice.get(QUOTES, params={"symbols": "AMD"})
    found = answer.json()["data"][0]
    assert (found["price"], found["bid"], found["ask"], found["stale"]) == ("101.5", "101.4", "101.6", False)
    assert (found["provider"], found["currency"]) == ("test-feed", "USD")
    assert answer.json()["warnings"] == []
    validator(served, QUOTES).validate(answer.json())
    assert alice.get("/api/v1/market-data/prices", params={"symbols": "AMD"}).json() == answer.json()
    one = alice.get("/api/v1/market-data/prices/AMD").json()
    assert one == {**found, "warnings": []}
    validator(served, "/api/v1/market-data/prices/{symbol}").validate(one)


def test_every_symbol_that_was_asked_for_is_answered_or_missed_by_reason(served: Served, alice: httpx.Client) -> None:
    send(served.api.client, observation("AMD", "100"))
    answer = alice.get(QUOTES, params={"symbols": "NONE,AMD,PFE,NONE"}).json()
    assert [each["symbol"] for each in answer["data"]] == ["AMD"]
    assert answer["missing"] == [
        {"symbol": "NONE", "reason": "unknown_symbol"},
        {"symbol": "PFE", "reason": "no_quote"},
    ]
    validator(served, QUOTES).validate(answer)
    assert alice.get("/api/v1/market-data/prices/PFE").json()["code"] == "symbol_not_found"
    assert alice.get(QUOTES, params={"symbols": ",".join(["A"] * 501)}).status_code == 422


def test_an_old_price_is_stale_and_never_replaces_a_newer_one(served: Served, alice: httpx.Client) -> None:
    now = CLOCK.now()
    send(served.api.client, observation("BAC", "33", as_of=now - timedelta(hours=2)))
    assert quoted(alice, "BAC")["BAC"]["stale"] is True
    send(served.api.client, observation("BAC", "34", as_of=now))
    send(served.api.client, observation("BAC", "35", as_of=now - timedelta(hours=1)))
    found = quoted(alice, "BAC")["BAC"]
    assert (found["price"], found["stale"]) == ("34", False)
    history = alice.get("/api/v1/quotes/history", params={"symbols": "BAC", "minutes": 90}).json()
    assert [point["price"] for point in history["data"][0]["points"]] == ["35", "34"]
    validator(served, "/api/v1/quotes/history").validate(history)


def test_what_cannot_be_true_is_refused_by_name_and_an_atomic_batch_with_it(
    served: Served, alice: httpx.Client
) -> None:
    admin = served.api.client
    crossed = observation("BBY", "80", bid="81", ask="79")
    ahead = observation("BBY", "80", as_of=CLOCK.now() + timedelta(hours=1))
    for body in (crossed, ahead, observation("NONE", "1"), {**observation("BBY", "80"), "currency": "EUR"}):
        answer = admin.post("/api/v1/market-data", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_refused"), answer.text
        batch = admin.post("/api/v1/market-data/batch", json=[observation("BBY", "80"), body])
        assert (batch.status_code, batch.json()["code"]) == (409, "batch_refused"), batch.text
    assert quoted(alice, "BBY") == {}
    mixed = admin.post(
        "/api/v1/market-data/batch", json={"atomic": False, "items": [ahead, observation("BBY", "80"), crossed]}
    ).json()
    assert [each["status"] for each in mixed["data"]] == [409, 201, 409]
    assert quoted(alice, "BBY")["BBY"]["price"] == "80"


def test_only_an_admin_records_and_nobody_changes_what_was_observed(served: Served, alice: httpx.Client) -> None:
    body = observation("CVX", "170")
    assert alice.post("/api/v1/market-data", json=body).status_code == 403
    assert alice.put("/api/v1/fx-rates", json={}).status_code == 403
    made = served.api.client.post("/api/v1/market-data", json=body)
    again = served.api.client.post("/api/v1/market-data", json=body)
    assert made.status_code == 201
    assert made.json() == again.json()
    where = made.headers["location"]
    assert alice.get(where).json() == made.json()
    assert served.api.client.delete(where).status_code == 405
    listed = alice.get("/api/v1/market-data", params={"symbol": "CVX"}).json()["data"]
    assert listed == [made.json()]


def test_bars_of_days_are_those_of_the_provider_and_pages_go_back(served: Served, alice: httpx.Client) -> None:
    first = datetime(2022, 12, 1, tzinfo=UTC)
    bars = [
        Bar(
            symbol="GE",
            interval="1d",
            starts_at=first + timedelta(days=n),
            close=Decimal(60 + n),
            provider="test-closes",
        )
        for n in range(5)
    ]
    with postgres.connect(served.settings.postgres) as connection:
        load_daily_bars(connection, bars, currency="USD", clock=CLOCK)
    answer = alice.get(BARS, params={"symbol": "GE", "limit": 2, "from": "2022-12-02T00:00:00Z"})
    closes: list[str] = []
    while True:
        page = answer.json()
        validator(served, BARS).validate(page)
        closes += [bar["close"] for bar in page["data"]]
        if page["next"] is None:
            break
        assert f'<{page["next"]}>; rel="next"' in answer.headers["link"]
        answer = alice.get(page["next"])
    assert closes == ["64", "63", "62", "61"]
    assert page["stale"] is True
    assert alice.get(BARS, params={"symbol": "NONE"}).json()["code"] == "symbol_not_found"


def test_bars_of_minutes_are_made_of_the_observations(served: Served, alice: httpx.Client) -> None:
    minute = (CLOCK.now() - timedelta(minutes=30)).replace(second=0, microsecond=0)
    prices = (("10", 0), ("12", 20), ("9", 40), ("11", 59), ("20", 60))
    send(
        served.api.client,
        *(observation("HD", price, as_of=minute + timedelta(seconds=at), size="2") for price, at in prices),
    )
    page = alice.get(BARS, params={"symbol": "HD", "interval": "1m"}).json()
    assert [[bar[name] for name in ("open", "high", "low", "close", "volume")] for bar in page["data"]] == [
        ["20", "20", "20", "20", "2"],
        ["10", "12", "9", "11", "8"],
    ]
    wide = alice.get(BARS, params={"symbol": "HD", "interval": "5m"}).json()["data"]
    assert sum(Decimal(bar["volume"]) for bar in wide) == 10


def test_status_names_the_providers_and_how_quotes_come(served: Served, alice: httpx.Client) -> None:
    send(served.api.client, observation("KO", "63"))
    found = alice.get("/api/v1/market-data/status").json()
    assert "test-feed" in {each["name"] for each in found["providers"]}
    assert found["quoted"] >= 1
    assert found["feed"]["is_interrupted"] is False
    validator(served, "/api/v1/market-data/status").validate(found)


def test_rates_are_set_by_day_and_listed_newest_first(served: Served, alice: httpx.Client) -> None:
    body = {"base": "CHF", "quote": "USD", "rate": "1.05", "provider": "test-feed"}
    for day in ("2022-12-27", "2022-12-28", "2022-12-28"):
        answer = served.api.client.put("/api/v1/fx-rates", json={**body, "as_of": day})
        assert answer.status_code == 200, answer.text
    page = alice.get("/api/v1/fx-rates", params={"base": "CHF", "limit": 1}).json()
    assert [each["as_of"] for each in page["data"]] == ["2022-12-28"]
    assert [each["as_of"] for each in alice.get(page["next"]).json()["data"]] == ["2022-12-27"]
    for wrong in ({"base": "USD"}, {"base": "ZZZ"}):
        refused = served.api.client.put("/api/v1/fx-rates", json={**body, "as_of": "2022-12-28", **wrong})
        assert refused.status_code == 409, refused.text
