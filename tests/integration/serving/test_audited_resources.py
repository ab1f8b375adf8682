"""What changes books, instruments and prices is in the audit log, with who did it."""

from uuid import uuid4

import httpx
import pytest

from lakehouse.stores import postgres
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration


def actions(served: Served, object_id: str) -> list[str]:
    with postgres.connect(served.settings.postgres) as connection:
        rows = connection.execute(
            "SELECT action FROM audit.event WHERE object_id = %s ORDER BY chain, seq", (object_id,)
        ).fetchall()
    return [str(row[0]) for row in rows]


def test_accounts_and_portfolios(served: Served, alice: httpx.Client) -> None:
    account = alice.post("/api/v1/accounts", json={"name": f"A {uuid4()}", "base_currency": "USD"}).json()
    at = f"/api/v1/accounts/{account['id']}"
    assert alice.patch(at, json={"lot_method": "lifo"}).status_code == 200
    assert alice.delete(at).status_code == 204
    assert actions(served, account["id"]) == ["account.created", "account.updated", "account.deleted"]
    made = alice.post("/api/v1/portfolios", json={"name": f"P {uuid4()}"}).json()
    assert alice.delete(f"/api/v1/portfolios/{made['id']}").status_code == 204
    assert actions(served, made["id"]) == ["portfolio.created", "portfolio.deleted"]
    seed = {"name": f"S {uuid4()}", "cash": [{"amount": "5", "currency": "USD"}]}
    seeded = alice.post("/api/v1/seed", json=seed, headers={"Idempotency-Key": uuid4().hex}).json()
    assert actions(served, seeded["portfolio_id"]) == ["portfolio.seeded"]


def test_instruments_and_rates(served: Served) -> None:
    admin = served.api.client
    body = {"symbol": f"A{uuid4().hex[:12].upper()}", "name": "A", "currency": "USD", "exchange": "XNYS"}
    made = admin.post("/api/v1/instruments", json=body).json()
    assert actions(served, made["id"]) == ["instrument.created"]
    rate = {"base": "EUR", "quote": "SEK", "as_of": "2022-12-28", "rate": "11.1", "provider": "test"}
    answer = admin.put("/api/v1/fx-rates", json=rate)
    assert answer.status_code == 200, answer.text
    assert actions(served, "EUR/SEK") == ["fx_rate.set"]
