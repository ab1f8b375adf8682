"""Drafts of instruments: few at once and of a user, only of what was booked, mended by admins and by the demo."""

from decimal import Decimal
from uuid import uuid4

import httpx
import pytest

from lakehouse.migrations.postgres.demo import DemoInstrument, seed_demo
from lakehouse.stores import postgres
from serving.instruments.drafts import MOST_AT_ONCE, MOST_OF_A_USER
from tests.factories.api_users import api_user
from tests.factories.long_portfolio import new_portfolio
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

AT = "/api/v1/instruments"
HEAD = "date,kind,symbol,quantity,price,currency,amount,fee\n"


def a_symbol() -> str:
    return f"D{uuid4().hex[:12].upper()}"


def bring(client: httpx.Client, portfolio: object, rows: list[str], **query: str) -> httpx.Response:
    return client.post(
        "/api/v1/imports",
        params={"portfolio_id": str(portfolio), "opening_balance": "true", **query},
        content=(HEAD + "".join(f"{row}\n" for row in rows)).encode(),
        headers={"Idempotency-Key": uuid4().hex, "Content-Type": "text/csv"},
    )


def bought(symbol: str, currency: str = "USD") -> str:
    return f"2024-01-03,buy,{symbol},1,10,{currency},,"


def draft(client: httpx.Client, portfolio: object, currency: str) -> dict[str, str]:
    symbol = a_symbol()
    answer = bring(client, portfolio, [bought(symbol, currency)])
    assert answer.status_code == 201, answer.text
    return found(client, symbol)[0]


def found(client: httpx.Client, symbol: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = client.get(AT, params={"symbol": symbol}).json()["data"]
    return rows


def test_a_file_makes_few_drafts_and_a_user_too(served: Served) -> None:
    user = api_user(served.settings)
    portfolio = new_portfolio(served.settings, user.id, "drafts")
    with user.client(served.api.url) as client:
        refused = bring(client, portfolio, [bought(a_symbol()) for _ in range(MOST_AT_ONCE + 1)])
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_drafts")
        assert bring(client, portfolio, [bought(a_symbol())]).status_code == 201
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO app.instrument (symbol, name, currency, exchange, status, created_by) "
                "SELECT %s || n, 'D', 'USD', 'XXXX', 'draft', %s FROM generate_series(2, %s) AS n",
                (a_symbol(), user.id, MOST_OF_A_USER),
            )
        symbol = a_symbol()
        refused = bring(client, portfolio, [bought(symbol)])
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_drafts")
        assert found(client, symbol) == []


def test_a_row_that_the_books_refuse_makes_no_draft(served: Served) -> None:
    user = api_user(served.settings)
    portfolio = new_portfolio(served.settings, user.id, "drafts")
    held, short = a_symbol(), a_symbol()
    with user.client(served.api.url) as client:
        rows = [bought(held), f"2024-01-03,sell,{short},1,10,USD,,"]
        report = bring(client, portfolio, rows, on_error="skip").json()
        assert (report["booked"], report["errors"], report["drafts"]) == (1, 1, [held])
        assert (len(found(client, held)), found(client, short)) == (1, [])


def test_an_admin_mends_a_draft_unless_its_transactions_contradict(served: Served) -> None:
    user = api_user(served.settings)
    portfolio = new_portfolio(served.settings, user.id, "drafts")
    with user.client(served.api.url) as client:
        row = draft(client, portfolio, "EUR")
    admin = served.api.client
    refused = admin.patch(f"{AT}/{row['id']}", json={"currency": "USD"})
    assert (refused.status_code, refused.json()["code"]) == (409, "instrument_traded")
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute("UPDATE app.instrument SET currency = 'USD' WHERE symbol = %s", (row["symbol"],))
    change = {"currency": "EUR", "name": "Right", "exchange": "XETR", "kind": "etf", "status": "active"}
    mended = admin.patch(f"{AT}/{row['id']}", json=change)
    assert mended.status_code == 200, mended.text
    assert change.items() <= mended.json().items()
    fixed = admin.patch(f"{AT}/{row['id']}", json={"currency": "USD"})
    assert fixed.status_code == 409


def test_the_demo_takes_over_a_draft_of_its_symbols(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    user = api_user(served.settings)
    portfolio = new_portfolio(served.settings, user.id, "drafts")
    with user.client(served.api.url) as client:
        row = draft(client, portfolio, "USD")
        known = DemoInstrument(row["symbol"], "A demo's", "XNYS", Decimal(1))
        monkeypatch.setattr("lakehouse.migrations.postgres.demo.INSTRUMENTS", (known,))
        assert [seed_demo(served.settings).instruments for _ in range(2)] == [1, 0]
        taken = found(client, row["symbol"])[0]
    assert (taken["id"], taken["name"], taken["status"]) == (row["id"], "A demo's", "active")
