"""Performance, snapshots, valuations and exports through the real API, against numbers worked by hand."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pyarrow.parquet as pq
import pytest

from lakehouse.clock import SystemClock
from lakehouse.stores import postgres
from tests.factories.api_users import api_user
from tests.factories.long_portfolio import Shape, long_portfolio, new_portfolio
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
HEAD = "date,kind,symbol,quantity,price,currency,amount,fee,tax,ratio,related_symbol,cost_share,note\n"


@dataclass(frozen=True, slots=True)
class Book:
    """A portfolio of somebody, and an instrument that nobody else has."""

    client: httpx.Client
    user: UUID
    portfolio: UUID
    symbol: str
    served: Served

    @property
    def path(self) -> str:
        return f"/api/v1/portfolios/{self.portfolio}"

    def send(self, text: str, portfolio: UUID | None = None, **query: str) -> dict[str, Any]:
        """Import rows (SYM stands for the instrument)."""
        answer = self.client.post(
            "/api/v1/imports",
            params={"portfolio_id": str(portfolio or self.portfolio), **query},
            content=text.replace("SYM", self.symbol).encode(),
            headers={"Idempotency-Key": uuid4().hex, "Content-Type": "text/csv"},
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def performance(self, **query: str) -> dict[str, Any]:
        answer = self.client.get(f"{self.path}/performance", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def export(self, kind: str, form: str = "csv", portfolio: UUID | None = None) -> httpx.Response:
        answer = self.client.get(
            "/api/v1/exports", params={"portfolio_id": str(portfolio or self.portfolio), "kind": kind, "format": form}
        )
        assert answer.status_code == 200, answer.text
        return answer


@pytest.fixture
def book(served: Served) -> Iterator[Book]:
    """A new one, whose instrument closed at 100, 110, 99 and 108."""
    user = api_user(served.settings)
    symbol = f"R{uuid4().hex[:10].upper()}"
    closes = ((date(2024, 1, 2), 100), (date(2024, 1, 31), 110), (date(2024, 3, 1), 99), (date(2024, 4, 1), 108))
    with postgres.connect(served.settings.postgres) as connection:
        connection.execute(
            "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES (%s, %s, 'USD', 'XNAS')",
            (symbol, f"Instrument {symbol}"),
        )
        for day, close in closes:
            connection.execute(
                "INSERT INTO market.bar (symbol, interval, starts_at, close, provider, received_at) "
                "VALUES (%s, '1d', %s, %s, 'test', now())",
                (symbol, day, close),
            )
    with user.client(served.api.url) as client:
        yield Book(client, user.id, new_portfolio(served.settings, user.id, "reports"), symbol, served)


TRADES = (
    HEAD
    + "2024-01-02,deposit,,,,USD,1000.00,,,,,,\n"
    + "2024-01-02,buy,SYM,10,100,USD,,,,,,,\n"
    + "2024-02-01,deposit,,,,USD,1100.00,,,,,,\n"
    + "2024-02-01,buy,SYM,10,110,USD,,,,,,,\n"
    + "2024-03-01,sell,SYM,5,99,USD,,,,,,,\n"
    + "2024-03-01,withdrawal,,,,USD,495.00,,,,,,\n"
)


class TestPerformance:
    def test_three_returns_and_what_the_gain_consists_of(self, book: Book) -> None:
        book.send(TRADES)
        found = book.performance(to="2024-04-01", explain="true")
        assert (found["from"], found["to"]) == ("2024-01-02", "2024-04-01")
        assert found["time_weighted"] == {"total": "0.08", "annualised": None, "reason": None}
        assert found["simple"]["gain"] == {"amount": "15.00", "currency": "USD"}
        assert found["simple"]["ratio"] == "0.00714286"
        assert Decimal(found["money_weighted"]["rate"]) > 0
        amounts = {name: part["amount"] for name, part in found["parts"].items()}
        assert amounts == {
            "realised": "-5.00",
            "unrealised": "20.00",
            "income": "0.00",
            "charges": "0.00",
            "transferred": "0.00",
            "exchange": "0.00",
        }
        explained = found["explanation"]
        assert [flow["base_amount"]["amount"] for flow in explained["flows"]] == ["1000.00", "1100.00", "-495.00"]
        assert [period["growth"] for period in explained["sub_periods"]] == ["1.1", "0.9", "1.09090909"]
        assert (found["is_degraded"], found["reasons"]) == (False, [])

    def test_what_transfers_bring_and_take_is_told_apart_from_exchange_rates(self, book: Book) -> None:
        moves = "2024-01-02,transfer_in,SYM,10,80,USD,,,,,,,\n2024-01-31,transfer_out,SYM,4,110,USD,,,,,,,\n"
        book.send(HEAD + moves)
        found = book.performance(to="2024-04-01")
        assert found["simple"]["gain"]["amount"] == "88.00"  # 648 at the end and 440 out, for 1,000 in
        parts = {name: part["amount"] for name, part in found["parts"].items()}
        assert (parts["unrealised"], parts["transferred"], parts["exchange"]) == ("168.00", "-80.00", "0.00")

    def test_old_prices_are_used_and_named(self, book: Book) -> None:
        book.send(TRADES)
        days = [CLOCK.now().date()]
        found = book.performance()
        days.append(CLOCK.now().date())  # another one where it was asked at midnight
        assert found["to"] in map(str, days)
        assert [(reason["code"], reason["names"]) for reason in found["reasons"]] == [("price_stale", [book.symbol])]
        assert found["end_value"]["amount"] == "1620.00"

    def test_before_the_first_transaction_nothing_is_known(self, book: Book) -> None:
        empty = book.performance()
        book.send(TRADES)
        early = book.performance(to="2023-12-31")
        for found in (empty, early):
            assert found["end_value"] is None
            assert found["time_weighted"]["total"] is None
            assert found["reasons"][0]["code"] == "no_transactions"

    def test_an_empty_span_and_foreign_portfolios_are_refused(self, book: Book, bob: httpx.Client) -> None:
        span = book.client.get(f"{book.path}/performance", params={"from": "2024-02-01", "to": "2024-01-01"})
        assert (span.status_code, span.json()["code"]) == (409, "empty_span")
        assert [bob.get(f"{book.path}/{name}").status_code for name in ("performance", "snapshot")] == [404, 404]

    @pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "9999-12-31"])
    def test_the_ends_of_the_calendar(self, book: Book, day: str) -> None:
        book.send(TRADES)
        for query in ({"from": day}, {"to": day}):
            assert book.client.get(f"{book.path}/performance", params=query).status_code == 200


class TestSnapshot:
    def test_everything_at_once(self, book: Book) -> None:
        book.send(TRADES)
        found = book.client.get(f"{book.path}/snapshot").json()
        held = found["positions"][0]
        assert (held["quantity"], held["price"], held["price_date"]) == ("15", "108", "2024-04-01")
        assert (held["value"]["amount"], held["cost"]["amount"], held["unrealised"]["amount"]) == (
            "1620.00",
            "1600.00",
            "20.00",
        )
        assert (held["is_stale"], held["open_lots"], found["transactions"]) == (True, 2, 6)
        assert found["value"] == {"amount": "1620.00", "currency": "USD"}
        assert found["performance"]["simple"]["gain"]["amount"] == "15.00"

    def test_a_live_quote_is_newer_than_the_close(self, book: Book) -> None:
        book.send(TRADES)
        with postgres.connect(book.served.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, updated_at) "
                "VALUES (%s, 120, 'USD', 'test', now(), now())",
                (book.symbol,),
            )
        found = book.client.get(f"{book.path}/snapshot").json()
        assert (found["value"]["amount"], found["is_degraded"]) == ("1800.00", False)

    def test_a_long_past_is_consistent_with_the_books(self, served: Served) -> None:
        user = api_user(served.settings)
        shape = Shape(activities=1500, symbols=12, years=2, deposit_days=20)
        portfolio = long_portfolio(served.settings, user.id, shape, last=CLOCK.now().date())
        with user.client(served.api.url) as client:
            snapshot = client.get(f"/api/v1/portfolios/{portfolio}/snapshot").json()
        # Folded from the transactions, and read from positions and ledger: two ways to one value.
        assert snapshot["performance"]["end_value"] == snapshot["value"]
        parts = snapshot["performance"]["parts"]
        assert parts["exchange"]["amount"] == "0.00"
        total = sum(Decimal(part["amount"]) for part in parts.values())
        assert total == Decimal(snapshot["performance"]["simple"]["gain"]["amount"])


class TestValuations:
    def test_days_are_computed_kept_and_computed_again(self, book: Book) -> None:
        book.send(TRADES)
        body = {"portfolio_id": str(book.portfolio), "from": "2023-12-30", "to": "2024-02-02"}
        first = book.client.post("/api/v1/valuations/compute", json=body).json()
        again = book.client.post("/api/v1/valuations/compute", json=body).json()
        assert (first["computed"], again["computed"]) == (32, 32)
        assert first["newest"]["id"] == again["newest"]["id"]
        query = {"portfolio_id": str(book.portfolio), "date_from": "2024-02-01", "date_to": "2024-02-01"}
        listed = book.client.get("/api/v1/valuations", params=query).json()["data"]
        assert [(row["business_date"], row["value"]["amount"], row["net_flow"]["amount"]) for row in listed] == [
            ("2024-02-01", "2200.00", "1100.00")
        ]
        one = book.client.get(f"/api/v1/valuations/{listed[0]['id']}").json()
        assert one == listed[0]

    def test_an_unpriced_day_has_no_value_and_says_why(self, book: Book) -> None:
        book.send(HEAD + "2023-12-01,transfer_in,SYM,1,90,USD,,,,,,,\n")
        body = {"portfolio_id": str(book.portfolio), "from": "2023-12-01", "to": "2023-12-01"}
        found = book.client.post("/api/v1/valuations/compute", json=body).json()
        assert (found["degraded"], found["newest"]["value"]) == (1, None)
        assert found["newest"]["reasons"][0]["names"] == [book.symbol]

    def test_nobody_writes_one(self, book: Book) -> None:
        for method, path in (("POST", ""), ("PUT", f"/{uuid4()}"), ("DELETE", f"/{uuid4()}"), ("PATCH", f"/{uuid4()}")):
            answer = book.client.request(method, f"/api/v1/valuations{path}", json={})
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
            assert "POST /api/v1/valuations/compute" in answer.json()["detail"]
            assert "GET" in answer.headers["allow"]

    def test_others_do_not_exist(self, book: Book, bob: httpx.Client) -> None:
        book.send(TRADES)
        body = {"portfolio_id": str(book.portfolio), "from": "2024-01-02", "to": "2024-01-02"}
        made = book.client.post("/api/v1/valuations/compute", json=body).json()["newest"]
        assert bob.post("/api/v1/valuations/compute", json=body).status_code == 404
        assert bob.get(f"/api/v1/valuations/{made['id']}").status_code == 404
        assert bob.get("/api/v1/valuations").json()["data"] == []

    def test_spans_that_cannot_be(self, book: Book) -> None:
        for first, last in (("2024-02-01", "2024-01-01"), ("1990-01-01", "2024-01-01")):
            body = {"portfolio_id": str(book.portfolio), "from": first, "to": last}
            answer = book.client.post("/api/v1/valuations/compute", json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "span_refused")


RICH = (
    TRADES
    + "2024-03-02,dividend,SYM,,,USD,12.34,0.10,1.85,,,,\n"
    + "2024-03-03,interest,,,,USD,1.00,,,,,,\n"
    + "2024-03-04,fee,,,,USD,0.50,,,,,,=HYPERLINK(1)\n"
    + "2024-03-05,tax,,,,USD,0.25,,,,,,'-odd\n"
    + "2024-03-06,split,SYM,,,USD,,,,3,,,+1 and more\n"
    + "2024-03-07,spin_off,SYM,,,USD,,,,0.5,SYMX,0.2,\n"
    + "2024-03-08,transfer_out,SYM,2.5,33,USD,,,,,,,\n"
    + "2024-03-09,reverse_split,SYM,,,USD,,,,0.1,,,\n"
)


class TestExports:
    def test_exported_transactions_give_the_same_books_again(self, book: Book) -> None:
        book.send(RICH)
        copy = new_portfolio(book.served.settings, book.user, "copy")
        file = book.export("transactions").text
        report = book.send(file, copy)
        assert (report["booked"], report["errors"], report["duplicates"]) == (14, 0, 0)
        for kind, ids in (
            ("positions", {"updated_at"}),
            ("lots", {"lot_id", "opened_by"}),
            ("closures", {"closed_by", "lot_id"}),
        ):
            assert _rows(book.export(kind), ids) == _rows(book.export(kind, portfolio=copy), ids)
        assert _rows(book.export("transactions"), {"id", "source"}) == _rows(
            book.export("transactions", portfolio=copy), {"id", "source"}
        )
        assert book.send(file)["duplicates"] == 14

    def test_no_cell_is_a_formula_and_numbers_stay_numbers(self, book: Book) -> None:
        book.send(RICH)
        found = {row["kind"]: row for row in csv.DictReader(io.StringIO(book.export("transactions").text))}
        assert found["fee"]["note"] == "'=HYPERLINK(1)"
        assert found["split"]["note"] == "'+1 and more"
        assert found["fee"]["cash"] == "-0.50"

    def test_the_formats_hold_the_same(self, book: Book) -> None:
        book.send(RICH)
        for kind in ("transactions", "positions", "lots", "closures"):
            lines = [json.loads(line) for line in book.export(kind, "ndjson").text.splitlines()]
            table = pq.read_table(io.BytesIO(book.export(kind, "parquet").content)).to_pylist()
            assert lines == table
            assert len(lines) == len(list(csv.DictReader(io.StringIO(book.export(kind).text))))

    def test_more_than_a_page(self, served: Served) -> None:
        user = api_user(served.settings)
        shape = Shape(activities=4500, symbols=5, years=1)
        portfolio = long_portfolio(served.settings, user.id, shape, last=date(2024, 6, 1))
        with user.client(served.api.url) as client:
            for form in ("csv", "ndjson", "parquet"):
                answer = client.get("/api/v1/exports", params={"portfolio_id": str(portfolio), "format": form})
                if form == "parquet":
                    ids = pq.read_table(io.BytesIO(answer.content))["id"].to_pylist()
                else:
                    ids = [line.rsplit(",", 1)[-1] for line in answer.text.splitlines()]
                assert len(set(ids)) == 4500 + (form == "csv")

    def test_nothing_is_a_file_too(self, book: Book) -> None:
        assert book.export("lots").text.startswith("symbol,lot_id")
        assert book.export("lots", "ndjson").content == b""
        assert pq.read_table(io.BytesIO(book.export("lots", "parquet").content)).num_rows == 0

    def test_others_do_not_exist(self, book: Book, bob: httpx.Client) -> None:
        assert bob.get("/api/v1/exports", params={"portfolio_id": str(book.portfolio)}).status_code == 404


def _rows(answer: httpx.Response, without: set[str]) -> list[tuple[tuple[str, str], ...]]:
    """Rows without the columns that name other objects, in an order of their own."""
    found = csv.DictReader(io.StringIO(answer.text))
    return sorted(tuple((name, cell) for name, cell in row.items() if name not in without) for row in found)
