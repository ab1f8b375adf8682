"""Seeds make a whole portfolio or nothing; the aggregate is never older than the caller's last write."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from lakehouse.settings import RedisSettings, Settings
from lakehouse.stores import postgres, redis as redis_store
from tests.factories.api_process import api_process
from tests.factories.api_users import api_user
from tests.factories.bars import walk, write_bars
from tests.factories.ports import free_port
from tests.integration.serving.conftest import QUERY_TIMEOUT_S, Served

pytestmark = pytest.mark.integration

SEED, AGGREGATE = "/api/v1/seed", "/api/v1/portfolio"


def document(**change: Any) -> dict[str, Any]:
    return {
        "name": f"Growth {uuid4().hex[:8]}",
        "base_currency": "USD",
        "opened_at": "2022-12-01T00:00:00Z",
        "cash": [{"amount": "10000.00", "currency": "USD"}],
        "positions": [{"symbol": "AAPL", "quantity": "10", "price": "120.50"}],
        "transactions": [
            {"kind": "sell", "occurred_at": "2022-12-21T15:00:00Z", "symbol": "AAPL", "quantity": "4", "price": "130"},
            {
                "kind": "buy",
                "occurred_at": "2022-12-20T15:00:00Z",
                "symbol": "JPM",
                "quantity": "5",
                "price": "131.20",
                "fee": "1.00",
            },
        ],
        **change,
    }


def seed(client: httpx.Client, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    return client.post(SEED, json=body, headers={"Idempotency-Key": key or uuid4().hex})


def events_of(settings: Settings, portfolio_id: str) -> list[tuple[str, dict[str, Any]]]:
    with postgres.connect(settings.postgres) as connection:
        rows = connection.execute(
            "SELECT type, payload FROM ops.outbox WHERE key = %s ORDER BY seq", (portfolio_id,)
        ).fetchall()
    return [(row[0], row[1]) for row in rows]


class TestSeed:
    def test_everything_is_booked_and_announced_together(self, served: Served, alice: httpx.Client) -> None:
        body = document()
        answer = seed(alice, body)
        made = answer.json()
        assert answer.status_code == 201, made
        assert (made["transactions"], made["positions"], made["drafts"]) == (4, 2, [])
        # 10000 - 5 * 131.20 - 1 + 4 * 130
        assert made["cash"] == [{"amount": "9863.00", "currency": "USD"}]
        events = events_of(served.settings, made["portfolio_id"])
        kinds = [kind for kind, _ in events]
        assert kinds[0] == "portfolio.created"
        assert kinds[-1] == "portfolio.seeded"
        assert kinds.count("transaction.booked") == 4
        payload = events[-1][1]
        assert payload["type"] == "portfolio.seeded"
        assert payload["portfolio_id"] == made["portfolio_id"]
        assert payload["payload"]["positions"] == [
            {"symbol": "AAPL", "quantity": "10", "price": "120.5", "currency": None}
        ]
        held = alice.get(answer.headers["location"]).json()["positions"]
        assert {row["symbol"]: row["quantity"] for row in held} == {"AAPL": "6", "JPM": "5"}

    def test_twins_of_a_key_make_one_portfolio(self, served: Served, alice: httpx.Client) -> None:
        body, key = document(), uuid4().hex
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: seed(alice, body, key), range(8)))
        made = {answer.json()["portfolio_id"] for answer in answers if answer.status_code == 201}
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert len(made) == 1
        assert seed(alice, body, key).headers["idempotency-replayed"] == "true"
        assert len(alice.get("/api/v1/portfolios").json()["data"]) == 1

    def test_a_line_that_the_books_refuse_leaves_nothing(self, served: Served, alice: httpx.Client) -> None:
        line = {"kind": "sell", "occurred_at": "2022-12-21T15:00:00Z", "symbol": "AAPL", "quantity": "11", "price": "1"}
        refused = seed(alice, document(transactions=[line]))
        poor = seed(alice, document(cash=[]))
        assert (refused.status_code, refused.json()["code"]) == (409, "seed_refused")
        assert (poor.status_code, poor.json()["code"]) == (409, "insufficient_funds")
        assert alice.get("/api/v1/portfolios").json()["data"] == []

    def test_an_unknown_symbol_becomes_a_draft(self, served: Served, alice: httpx.Client) -> None:
        symbol = f"ZZ{uuid4().hex[:6].upper()}"
        made = seed(alice, document(positions=[{"symbol": symbol, "quantity": "1", "price": "2"}], transactions=[]))
        assert made.json()["drafts"] == [symbol]
        assert alice.get(f"/api/v1/instruments?symbol={symbol}").json()["data"][0]["status"] == "draft"

    @pytest.mark.parametrize(
        "change",
        [
            {"owner_id": str(uuid4())},
            {"cash": [{"amount": "-1", "currency": "USD"}]},
            {"positions": [{"symbol": "AAPL", "quantity": 10, "price": "1"}]},
            {"transactions": [{"kind": "split", "occurred_at": "2022-12-21T15:00:00Z"}]},
        ],
    )
    def test_what_the_schema_forbids_is_422(self, alice: httpx.Client, change: dict[str, Any]) -> None:
        assert seed(alice, document(**change)).status_code == 422


class TestAggregate:
    def test_it_values_everything_that_the_caller_owns(
        self, served: Served, alice: httpx.Client, bob: httpx.Client
    ) -> None:
        write_bars(served.settings, ["AAPL", "JPM"], 30)
        seed(alice, document())
        seed(alice, document(positions=[], transactions=[]))
        seed(bob, document())
        found = alice.get(AGGREGATE).json()
        closes = {symbol: walk(symbol, 30)[-1][1] for symbol in ("AAPL", "JPM")}
        first = (
            Decimal("9863.00")
            + (6 * closes["AAPL"]).quantize(Decimal("0.01"))
            + (5 * closes["JPM"]).quantize(Decimal("0.01"))
        )
        assert [row["value"]["amount"] for row in found["portfolios"]] == [f"{first}", "10000.00"]
        assert found["totals"] == [{"amount": f"{first + 10000}", "currency": "USD"}]
        assert [held["symbol"] for held in found["portfolios"][0]["positions"]] == ["AAPL", "JPM"]
        assert found["is_truncated"] is False

    def test_an_own_write_is_in_the_very_next_answer(self, served: Served, alice: httpx.Client) -> None:
        for number in range(1, 8):
            seed(alice, document(positions=[], transactions=[]))
            found = alice.get(AGGREGATE).json()
            assert len(found["portfolios"]) == number
        listed = alice.get("/api/v1/portfolios").json()["data"]
        alice.patch(f"/api/v1/portfolios/{listed[0]['id']}", json={"name": "Renamed"}).raise_for_status()
        assert "Renamed" in {row["name"] for row in alice.get(AGGREGATE).json()["portfolios"]}

    def test_it_is_cached_until_a_write_and_known_by_its_etag(self, served: Served, alice: httpx.Client) -> None:
        seed(alice, document(positions=[], transactions=[]))
        first = alice.get(AGGREGATE)
        second = alice.get(AGGREGATE)
        again = alice.get(AGGREGATE, headers={"If-None-Match": first.headers["etag"]})
        keys = redis_store.connect(served.settings.redis).keys("portfolio:aggregate:*")
        assert isinstance(keys, list)
        assert first.content == second.content  # `as_of` with it: the second one was not computed
        assert again.status_code == 304
        assert len(keys) >= 1
        ttl = redis_store.connect(served.settings.redis).ttl(keys[0])
        assert isinstance(ttl, int)
        assert 0 < ttl <= 300

    def test_a_position_without_a_price_makes_the_value_unknown_and_not_smaller(self, alice: httpx.Client) -> None:
        symbol = f"ZZ{uuid4().hex[:6].upper()}"
        seed(alice, document(positions=[{"symbol": symbol, "quantity": "1", "price": "2"}], transactions=[]))
        found = alice.get(AGGREGATE).json()
        (portfolio,) = found["portfolios"]
        assert portfolio["value"] is None
        assert portfolio["reasons"] == [f"price_missing: {symbol}"]
        assert (found["totals"], found["is_complete"]) == ([], False)

    def test_nothing_is_an_answer_too(self, alice: httpx.Client) -> None:
        found = alice.get(AGGREGATE).json()
        assert (found["portfolios"], found["totals"], found["is_complete"]) == ([], [], True)


def test_money_moves_and_is_read_with_redis_gone(served: Served) -> None:
    away = served.settings.model_copy(update={"redis": RedisSettings(port=free_port())})
    with api_process(away, query_timeout_s=QUERY_TIMEOUT_S) as api, api_user(away).client(api.url) as client:
        made = seed(client, document())
        answers = [client.get(AGGREGATE) for _ in range(20)]
        ready = client.get("/health/ready").json()
    assert made.status_code == 201, made.text
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["portfolios"][0]["cash"][0]["amount"] for answer in answers}) == 1
    assert {each["name"]: each["state"] for each in ready["dependencies"]}["redis"] == "down"
