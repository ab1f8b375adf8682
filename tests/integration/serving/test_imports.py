"""Imports through the real API: what is booked, what is not and why, and that nothing is booked twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lakehouse.stores import postgres
from tests.factories.api_users import api_user
from tests.factories.long_portfolio import new_portfolio
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

HEAD = "date,kind,symbol,quantity,price,currency,amount,fee\n"
GOOD = (
    HEAD
    + "2024-01-02,deposit,,,,USD,1000.00,\n"
    + "2024-01-03,buy,AAPL,2,100.50,USD,,1.00\n"
    + "2024-01-03,buy,AAPL,2,100.50,USD,,1.00\n"
    + "2024-02-01,dividend,AAPL,,,USD,3.20,\n"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody with an empty portfolio."""

    client: httpx.Client
    portfolio: UUID
    served: Served

    def send(self, text: str | bytes, *, key: str | None = None, **query: str) -> httpx.Response:
        """Import a file."""
        content = text.encode() if isinstance(text, str) else text
        return self.client.post(
            "/api/v1/imports",
            params={"portfolio_id": str(self.portfolio), **query},
            content=content,
            headers={"Idempotency-Key": key or uuid4().hex, "Content-Type": "text/csv"},
        )

    def count(self, table: str) -> int:
        """Rows of a table that belong to the portfolio."""
        with postgres.connect(self.served.settings.postgres) as connection:
            found = connection.execute(
                f"SELECT count(*) FROM {table} WHERE portfolio_id = %s", (self.portfolio,)
            ).fetchone()
        assert found is not None
        return int(found[0])

    def snapshot(self) -> dict[str, Any]:
        """What the portfolio is now."""
        found: dict[str, Any] = self.client.get(f"/api/v1/portfolios/{self.portfolio}/snapshot").json()
        return found


@pytest.fixture
def owner(served: Served) -> Iterator[Owner]:
    """A new one."""
    user = api_user(served.settings)
    with user.client(served.api.url) as client:
        yield Owner(client, new_portfolio(served.settings, user.id, "imports"), served)


class TestBooking:
    def test_a_file_becomes_transactions_positions_and_cash(self, owner: Owner) -> None:
        answer = owner.send(GOOD)
        report = answer.json()
        assert answer.status_code == 201, report
        assert (report["booked"], report["duplicates"], report["errors"]) == (4, 0, 0)
        assert [row["row"] for row in report["rows"]] == [2, 3, 4, 5]
        snapshot = owner.snapshot()
        assert [(held["symbol"], held["quantity"], held["cost"]["amount"]) for held in snapshot["positions"]] == [
            ("AAPL", "4", "404.00")
        ]
        assert snapshot["cash"][0]["balance"] == {"amount": "599.20", "currency": "USD"}

    def test_the_report_is_kept(self, owner: Owner) -> None:
        made = owner.send(GOOD)
        read = owner.client.get(made.headers["location"]).json()
        rows = owner.client.get(f"{made.headers['location']}/rows?limit=3").json()
        following = owner.client.get(rows["next"]).json()
        listed = owner.client.get("/api/v1/imports").json()["data"]
        assert read["booked"] == 4
        assert [row["row"] for row in (*rows["data"], *following["data"])] == [2, 3, 4, 5]
        assert following["has_more"] is False
        assert [row["id"] for row in listed] == [read["id"]]

    def test_the_same_file_again_books_nothing(self, owner: Owner) -> None:
        owner.send(GOOD)
        again = owner.send(GOOD).json()
        assert (again["booked"], again["duplicates"]) == (0, 4)
        assert owner.count("app.transaction") == 4

    def test_one_more_equal_row_is_one_more_transaction(self, owner: Owner) -> None:
        owner.send(GOOD)
        more = owner.send(GOOD + "2024-01-03,buy,AAPL,2,100.50,USD,,1.00\n").json()
        assert (more["booked"], more["duplicates"]) == (1, 4)

    def test_twins_of_one_key_make_one_effect(self, owner: Owner) -> None:
        key = uuid4().hex
        with ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(lambda _: owner.send(GOOD, key=key).status_code, range(4)))
        assert set(statuses) <= {201, 409}
        assert 201 in statuses
        assert owner.count("app.transaction") == 4
        replayed = owner.send(GOOD, key=key)
        assert (replayed.status_code, replayed.headers["idempotency-replayed"]) == (201, "true")

    def test_a_key_belongs_to_its_query_too(self, owner: Owner) -> None:
        key = uuid4().hex
        owner.send(GOOD, key=key)
        other = owner.send(GOOD, key=key, on_error="skip")
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")

    def test_an_unknown_symbol_becomes_a_draft_instrument(self, owner: Owner) -> None:
        symbol = f"ZZ{uuid4().hex[:8].upper()}"
        report = owner.send(HEAD + f"2024-01-02,transfer_in,{symbol},5,10,EUR,,\n").json()
        assert report["drafts"] == [symbol]
        assert [row["status"] for row in report["rows"]] == ["draft_instrument"]
        with postgres.connect(owner.served.settings.postgres) as connection:
            found = connection.execute(
                "SELECT status, currency FROM app.instrument WHERE symbol = %s", (symbol,)
            ).fetchone()
        assert found == ("draft", "EUR")
        snapshot = owner.snapshot()
        assert snapshot["value"] is None
        assert {"code": "price_missing", "names": [symbol]}.items() <= snapshot["reasons"][0].items()


class TestDryRun:
    def test_it_reports_the_same_and_writes_nothing(self, owner: Owner) -> None:
        symbol = f"ZZ{uuid4().hex[:8].upper()}"
        text = GOOD + f"2024-03-01,buy,{symbol},1,5,USD,,\n"
        answer = owner.send(text, dry_run="true")
        report = answer.json()
        assert (answer.status_code, report["id"], report["booked"]) == (200, None, 5)
        assert [owner.count(table) for table in ("app.transaction", "app.import", "app.lot", "app.position")] == [0] * 4
        with postgres.connect(owner.served.settings.postgres) as connection:
            known = connection.execute("SELECT 1 FROM app.instrument WHERE symbol = %s", (symbol,)).fetchone()
        assert known is None
        assert owner.send(text).json()["booked"] == 5

    def test_wrong_rows_are_reported_not_refused(self, owner: Owner) -> None:
        report = owner.send(GOOD + "yesterday,buy,AAPL,1,1,USD,,\n", dry_run="true").json()
        assert (report["booked"], report["errors"]) == (4, 1)


class TestWrongRows:
    ROWS = (
        ("2024-13-02,deposit,,,,USD,1,", "date_invalid"),
        ("2024-01-02,gift,,,,USD,1,", "kind_unknown"),
        ("2024-01-02,buy,,1,1,USD,,", "symbol_missing"),
        ("2024-01-02,buy,A B!,1,1,USD,,", "symbol_invalid"),
        ("2024-01-02,buy,AAPL,,1,USD,,", "quantity_missing"),
        ('2024-01-02,deposit,,,,USD,"12,50",', "number_invalid"),
        ("2024-01-02,deposit,,,,USD,1e5,", "number_invalid"),
        ("2024-01-02,deposit,,,,USD,99999999999999999,", "number_too_large"),
        ("2024-01-02,deposit,,,,QQQ,1,", "currency_unknown"),
        ("2024-01-02,sell,MSFT,5,1,USD,,", "sells_more_than_held"),
        ("2150-01-02,deposit,,,,USD,1,", "in_the_future"),
    )

    @pytest.mark.parametrize(("row", "code"), ROWS)
    def test_a_wrong_row_is_named_and_nothing_is_booked(self, owner: Owner, row: str, code: str) -> None:
        answer = owner.send(GOOD + row + "\n")
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "import_refused"), problem
        assert [(found["row"], found["code"]) for found in problem["report"]["rows"] if found["status"] == "error"] == [
            (6, code)
        ]
        assert owner.count("app.transaction") == 0

    def test_wrong_rows_are_left_out_on_demand(self, owner: Owner) -> None:
        text = GOOD + "".join(f"{row}\n" for row, _ in self.ROWS)
        answer = owner.send(text, on_error="skip")
        report = answer.json()
        assert answer.status_code == 201
        assert (report["booked"], report["errors"]) == (4, len(self.ROWS))

    def test_what_is_no_file_of_transactions_is_said(self, owner: Owner) -> None:
        for content in (b"", b"\x00\x01\x02", b"hello,world\n1,2\n", "ключ;значение\n".encode("utf-16")):
            answer = owner.send(content)
            assert (answer.status_code, answer.json()["code"]) == (409, "file_unreadable")

    def test_others_do_not_exist(self, owner: Owner, bob: httpx.Client) -> None:
        made = owner.send(GOOD)
        query = {"portfolio_id": str(owner.portfolio)}
        headers = {"Idempotency-Key": uuid4().hex, "Content-Type": "text/csv"}
        assert bob.post("/api/v1/imports", params=query, content=GOOD, headers=headers).status_code == 404
        assert bob.get(made.headers["location"]).status_code == 404
        assert bob.get(f"{made.headers['location']}/rows").status_code == 404

    def test_another_type_is_refused(self, owner: Owner) -> None:
        headers = {"Idempotency-Key": uuid4().hex}
        answer = owner.client.post(
            "/api/v1/imports", params={"portfolio_id": str(owner.portfolio)}, json={}, headers=headers
        )
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


class TestCash:
    SHORT = (
        HEAD + "2024-01-03,buy,AAPL,1,100.00,USD,,\n2024-01-05,buy,AAPL,1,50.00,USD,,\n2024-01-09,deposit,,,,USD,10,\n"
    )

    def test_an_overdraft_says_when_and_how_much(self, owner: Owner) -> None:
        problem = owner.send(self.SHORT).json()
        assert problem["code"] == "import_overdraft"
        assert "USD: cash falls below zero on 2024-01-03, at its lowest 150.00 are missing." in problem["detail"]
        assert owner.count("app.transaction") == 0

    def test_an_opening_balance_covers_it_once(self, owner: Owner) -> None:
        report = owner.send(self.SHORT, opening_balance="true").json()
        again = owner.send(self.SHORT, opening_balance="true").json()
        assert report["opening_balances"] == ["150.00 USD on 2024-01-03"]
        assert (again["booked"], again["opening_balances"]) == (0, [])
        assert owner.snapshot()["cash"][0]["balance"]["amount"] == "10.00"

    def test_a_gap_that_closes_is_booked_and_said(self, owner: Owner) -> None:
        report = owner.send(self.SHORT + "2024-02-01,deposit,,,,USD,500,\n").json()
        assert report["booked"] == 4
        assert report["warnings"][0].startswith("USD: cash falls below zero on 2024-01-03")


LAYOUT: dict[str, Any] = {
    "columns": {
        "date": ["When"],
        "kind": ["What"],
        "symbol": ["Which"],
        "quantity": ["Units"],
        "price": ["At"],
        "amount": ["Money"],
    },
    "delimiter": ";",
    "decimal": ",",
    "date_formats": ["DD.MM.YYYY"],
    "default_currency": "USD",
    "kinds": {"in": "deposit", "kauf": "buy"},
}


class TestAnotherSessionHoldsTheAccount:
    """What an import waits for in vain is told apart from a failure of the server, and the same key works later."""

    def test_longer_than_a_request_waits(self, owner: Owner) -> None:
        self._is_told(owner, 503, "dependency_unavailable")

    def test_longer_than_the_database_waits_for_a_lock(self, owner: Owner) -> None:
        setting = f'ALTER DATABASE "{owner.served.settings.postgres.database}"'
        with postgres.connect(owner.served.settings.postgres) as connection:
            connection.execute(f"{setting} SET lock_timeout = '100ms'")
        try:
            self._is_told(owner, 409, "try_again")
        finally:
            with postgres.connect(owner.served.settings.postgres) as connection:
                connection.execute(f"{setting} RESET lock_timeout")

    @staticmethod
    def _is_told(owner: Owner, status: int, code: str) -> None:
        key = uuid4().hex
        with postgres.connect(owner.served.settings.postgres) as other:
            other.execute(
                "SELECT 1 FROM app.account AS a JOIN app.portfolio AS p ON p.account_id = a.id WHERE p.id = %s "
                "FOR UPDATE OF a",
                (owner.portfolio,),
            )
            refused = owner.send(GOOD, key=key)
            other.rollback()
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
        assert refused.json()["retryable"] is True
        assert int(refused.headers["retry-after"]) > 0
        assert owner.send(GOOD, key=key).status_code == 201
        assert owner.count("app.transaction") == 4


class TestMappings:
    def test_a_saved_layout_reads_a_file(self, owner: Owner) -> None:
        saved = owner.client.post("/api/v1/import-mappings", json={"name": "mine", "layout": LAYOUT})
        assert saved.status_code == 201, saved.text
        text = "When;What;Which;Units;At;Money\n2.1.2024;IN;;;;1.000,50\n3.1.2024;Kauf;AAPL;1,5;100,25;\n"
        report = owner.send(text, mapping_id=saved.json()["id"]).json()
        assert report["booked"] == 2, report
        assert owner.snapshot()["cash"][0]["balance"]["amount"] == "850.12"  # 150.375 is rounded half to even

    def test_another_users_layout_does_not_exist(self, owner: Owner, bob: httpx.Client) -> None:
        saved = bob.post("/api/v1/import-mappings", json={"name": "his", "layout": LAYOUT}).json()
        assert owner.send(GOOD, mapping_id=saved["id"]).status_code == 404


texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
cells = st.one_of(
    texts, st.sampled_from(["2024-01-02", "buy", "deposit", "AAPL", "1", "-1", "1e999", "NaN", '"', "'", ""])
)
files = st.one_of(
    st.binary(max_size=200),
    st.lists(st.lists(cells, min_size=1, max_size=9).map(",".join), max_size=8).map(
        lambda rows: (HEAD + "\n".join(rows)).encode()
    ),
)


@pytest.mark.parametrize("preset", ["tidemark", "generic_eu", "interactive_brokers"])
def test_no_file_breaks_the_server(served: Served, preset: str) -> None:
    user = api_user(served.settings)
    portfolio = new_portfolio(served.settings, user.id, "fuzz")
    with user.client(served.api.url) as client:
        owner = Owner(client, portfolio, served)

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(files)
        def try_file(content: bytes) -> None:
            answer = owner.send(content, dry_run="true", preset=preset)
            assert answer.status_code in (200, 409), answer.text

        try_file()
