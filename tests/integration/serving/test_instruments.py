"""Reference data: everybody reads it, admins write it, and what was traded keeps its meaning."""

from uuid import uuid4

import httpx
import pytest

from lakehouse.migrations.postgres.demo import INSTRUMENTS
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

AT = "/api/v1/instruments"


def codes(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def a_symbol() -> str:
    return f"T{uuid4().hex[:12].upper()}"


def terms_of_bond(symbol: str, **changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "symbol": symbol,
        "issuer": "Republic of Test",
        "face_value": "1000",
        "coupon_rate": "0.0425",
        "coupons_per_year": 2,
        "day_count": "act/act",
        "issued_on": "2022-05-15",
        "matures_on": "2052-05-15",
    }
    return {**usual, **changes}


@pytest.fixture
def admin(served: Served) -> httpx.Client:
    return served.api.client


def add(admin: httpx.Client, **changes: object) -> dict[str, str]:
    body = {"symbol": a_symbol(), "name": "A test's", "currency": "USD", "exchange": "XNYS", **changes}
    answer = admin.post(AT, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


def test_everybody_reads_and_looks_up_by_symbol(alice: httpx.Client) -> None:
    page = alice.get(AT, params={"symbol": "AAPL"}).json()
    assert [(each["symbol"], each["name"]) for each in page["data"]] == [("AAPL", "Apple Inc.")]
    assert alice.get(f"{AT}/{page['data'][0]['id']}").json() == page["data"][0]
    assert alice.get(AT, params={"search": "apple"}).json()["data"] == page["data"]
    symbols = {each["symbol"] for each in alice.get(AT, params={"limit": 200}).json()["data"]}
    assert symbols >= {each.symbol for each in INSTRUMENTS}


def test_users_do_not_write(alice: httpx.Client) -> None:
    apple = alice.get(AT, params={"symbol": "AAPL"}).json()["data"][0]["id"]
    body = {"symbol": a_symbol(), "name": "Mine", "currency": "USD", "exchange": "XNYS"}
    for answer in (
        alice.post(AT, json=body),
        alice.post(f"{AT}/batch", json=[body]),
        alice.patch(f"{AT}/{apple}", json={"name": "Pear"}),
        alice.delete(f"{AT}/{apple}"),
        alice.post("/api/v1/bonds", json=terms_of_bond("AAPL")),
    ):
        assert codes(answer) == (403, "not_allowed")


def test_an_admin_adds_changes_and_deletes(admin: httpx.Client) -> None:
    made = add(admin, status="draft")
    assert (made["kind"], made["multiplier"], made["status"]) == ("equity", "1", "draft")
    changed = admin.patch(f"{AT}/{made['id']}", json={"multiplier": "100", "status": "active"}).json()
    assert (changed["multiplier"], changed["version"]) == ("100", 2)
    assert codes(admin.post(AT, json={**_body(made)})) == (409, "already_exists")
    assert admin.delete(f"{AT}/{made['id']}").status_code == 204


def _body(made: dict[str, str]) -> dict[str, str]:
    return {name: made[name] for name in ("symbol", "name", "currency", "exchange")}


def test_a_currency_that_the_ledger_does_not_know_is_refused(admin: httpx.Client) -> None:
    body = {"symbol": a_symbol(), "name": "Odd", "currency": "ZZZ", "exchange": "XNYS"}
    assert codes(admin.post(AT, json=body)) == (409, "amount_not_representable")


def test_what_is_named_is_delisted_not_deleted(admin: httpx.Client, alice: httpx.Client) -> None:
    made = add(admin)
    watchlist = alice.post("/api/v1/watchlists", json={"name": "Names it"}).json()["id"]
    alice.post("/api/v1/watchlist-items", json={"watchlist_id": watchlist, "symbol": made["symbol"]}).raise_for_status()
    refused = admin.delete(f"{AT}/{made['id']}")
    assert codes(refused) == (409, "still_needed")
    assert "delisted" in refused.json()["detail"]
    assert admin.patch(f"{AT}/{made['id']}", json={"status": "delisted"}).json()["status"] == "delisted"


def test_terms_of_a_bond_belong_to_a_bond(admin: httpx.Client, alice: httpx.Client) -> None:
    bond, equity = add(admin, kind="bond"), add(admin)
    made = admin.post("/api/v1/bonds", json=terms_of_bond(bond["symbol"]))
    assert made.status_code == 201
    assert (made.json()["coupon_rate"], made.json()["currency"]) == ("0.0425", "USD")
    assert alice.get(made.headers["Location"]).json() == made.json()

    refused = {
        "wrong_kind": terms_of_bond(equity["symbol"]),
        "unknown_reference": terms_of_bond(a_symbol()),
        "already_exists": terms_of_bond(bond["symbol"]),
    }
    for code, body in refused.items():
        assert codes(admin.post("/api/v1/bonds", json=body)) == (409, code)
    other = add(admin, kind="bond")["symbol"]
    backwards = terms_of_bond(other, matures_on="2020-01-01")
    assert codes(admin.post("/api/v1/bonds", json=backwards)) == (409, "rule_broken")
    zero = admin.post("/api/v1/bonds", json=terms_of_bond(other, coupon_rate="0", coupons_per_year=0))
    assert zero.status_code == 201


def test_a_chain_of_options_is_one_underlying_by_expiry(admin: httpx.Client, alice: httpx.Client) -> None:
    underlying = add(admin)["symbol"]
    for expiry in ("2030-06-21", "2029-06-15", "2031-01-17"):
        symbol = add(admin, kind="option", multiplier="100")["symbol"]
        terms = {"symbol": symbol, "underlying": underlying, "option_right": "call", "strike": "190.5"}
        admin.post("/api/v1/options", json={**terms, "expires_on": expiry}).raise_for_status()
    chain = alice.get("/api/v1/options", params={"underlying": underlying, "sort": "expires_on"}).json()["data"]
    assert [each["expires_on"] for each in chain] == ["2029-06-15", "2030-06-21", "2031-01-17"]
    assert {(each["strike"], each["multiplier"], each["style"]) for each in chain} == {("190.5", "100", "american")}
    later = alice.get("/api/v1/options", params={"underlying": underlying, "expires_from": "2030-06-21"}).json()
    assert len(later["data"]) == 2


def test_an_option_is_not_on_itself(admin: httpx.Client) -> None:
    symbol = add(admin, kind="option")["symbol"]
    terms = {"symbol": symbol, "underlying": symbol, "option_right": "put", "strike": "1", "expires_on": "2030-01-18"}
    assert codes(admin.post("/api/v1/options", json=terms)) == (409, "rule_broken")
    assert codes(admin.post("/api/v1/options", json={**terms, "underlying": a_symbol()})) == (409, "unknown_reference")
