"""A resource of rows from end to end, by the example of watchlists: every operation, who may do it, and its headers."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

LISTS = "/api/v1/watchlists"
ITEMS = "/api/v1/watchlist-items"


def make(client: httpx.Client, path: str, **body: object) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def codes(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_list_is_made_read_changed_and_deleted(alice: httpx.Client) -> None:
    created = alice.post(LISTS, json={"name": "Technology"})
    assert created.status_code == 201
    made = created.json()
    assert created.headers["Location"] == f"{LISTS}/{made['id']}"
    assert created.headers["ETag"] == '"1"'
    assert (made["name"], made["description"], made["item_count"], made["version"]) == ("Technology", "", 0, 1)

    read = alice.get(created.headers["Location"])
    assert read.json() == made
    assert read.headers["ETag"] == '"1"'

    changed = alice.patch(created.headers["Location"], json={"description": "chips"})
    assert changed.status_code == 200
    assert (changed.json()["description"], changed.json()["name"]) == ("chips", "Technology")
    assert changed.headers["ETag"] == '"2"'
    assert changed.json()["updated_at"] > made["updated_at"]

    assert alice.delete(created.headers["Location"]).status_code == 204
    assert codes(alice.get(created.headers["Location"])) == (404, "not_found")


def test_the_version_guards_reads_and_writes(alice: httpx.Client) -> None:
    at = f"{LISTS}/{make(alice, LISTS, name='One')['id']}"
    assert alice.get(at, headers={"If-None-Match": '"1"'}).status_code == 304
    assert alice.patch(at, json={"name": "Two"}, headers={"If-Match": '"1"'}).status_code == 200
    assert alice.get(at, headers={"If-None-Match": '"1"'}).status_code == 200
    lost = alice.patch(at, json={"name": "Three"}, headers={"If-Match": '"1"'})
    assert codes(lost) == (412, "version_conflict")
    assert lost.json()["current_version"] == 2
    assert codes(alice.delete(at, headers={"If-Match": '"1"'})) == (412, "version_conflict")
    assert alice.delete(at, headers={"If-Match": '"2"'}).status_code == 204


def test_a_patch_of_nothing_changes_nothing(alice: httpx.Client) -> None:
    made = make(alice, LISTS, name="Still")
    assert alice.patch(f"{LISTS}/{made['id']}", json={}).json() == made


def test_null_clears_only_what_may_be_absent(alice: httpx.Client) -> None:
    watchlist = make(alice, LISTS, name="Targets")
    item = make(alice, ITEMS, watchlist_id=watchlist["id"], symbol="AAPL", target_price="150.50")
    at = f"{ITEMS}/{item['id']}"
    assert item["target_price"] == "150.5"
    assert codes(alice.patch(at, json={"note": None})) == (422, "invalid_request")
    assert alice.patch(at, json={"target_price": None}).json()["target_price"] is None


@pytest.mark.parametrize("name", ["role", "user_id", "owner_id", "version", "id", "created_at", "item_count"])
def test_what_the_server_decides_is_refused_in_every_body(alice: httpx.Client, name: str) -> None:
    at = f"{LISTS}/{make(alice, LISTS, name='Mine')['id']}"
    extra = {name: str(uuid4())}
    assert codes(alice.post(LISTS, json={"name": "More", **extra})) == (422, "invalid_request")
    assert codes(alice.patch(at, json=extra)) == (422, "invalid_request")
    batch = {"atomic": False, "items": [{"name": "More", **extra}]}
    assert codes(alice.post(f"{LISTS}/batch", json=batch)) == (422, "invalid_request")


def test_another_s_list_does_not_exist(served: Served, alice: httpx.Client, bob: httpx.Client) -> None:
    watchlist = make(alice, LISTS, name="Private")
    item = make(alice, ITEMS, watchlist_id=watchlist["id"], symbol="AAPL")
    for at in (f"{LISTS}/{watchlist['id']}", f"{ITEMS}/{item['id']}"):
        assert codes(bob.get(at)) == (404, "not_found")
        assert codes(bob.patch(at, json={})) == (404, "not_found")
        assert codes(bob.delete(at)) == (404, "not_found")
        assert served.api.client.get(at).status_code == 200  # an admin reads everything
        assert codes(served.api.client.delete(at)) == (404, "not_found")  # and writes what is their own
    assert bob.get(LISTS).json()["data"] == []
    assert bob.get(ITEMS, params={"watchlist_id": watchlist["id"]}).json()["data"] == []
    stolen = bob.post(ITEMS, json={"watchlist_id": watchlist["id"], "symbol": "MSFT"})
    assert codes(stolen) == (404, "not_found")


def test_a_batch_checks_the_owner_of_each_item(alice: httpx.Client, bob: httpx.Client) -> None:
    theirs = make(alice, LISTS, name="Theirs")["id"]
    own = make(bob, LISTS, name="Own")["id"]
    items = [{"watchlist_id": own, "symbol": "AAPL"}, {"watchlist_id": theirs, "symbol": "MSFT"}]

    atomic = bob.post(f"{ITEMS}/batch", json={"items": items})
    assert codes(atomic) == (409, "batch_refused")
    assert [line["status"] for line in atomic.json()["data"]] == [409, 404]
    assert bob.get(ITEMS).json()["data"] == []

    each = bob.post(f"{ITEMS}/batch", json={"atomic": False, "items": items}).json()
    assert (each["created"], each["refused"]) == (1, 1)
    assert each["data"][0]["item"]["symbol"] == "AAPL"
    assert each["data"][1]["problem"]["code"] == "not_found"
    assert alice.get(ITEMS).json()["data"] == []


def test_a_bare_array_is_atomic_and_answers_an_array(alice: httpx.Client) -> None:
    made = alice.post(f"{LISTS}/batch", json=[{"name": "A"}, {"name": "B"}])
    assert made.status_code == 201
    assert [each["name"] for each in made.json()] == ["A", "B"]
    assert codes(alice.post(f"{LISTS}/batch", json=[{"name": "C"}, {"name": "A"}])) == (409, "batch_refused")
    assert [each["name"] for each in alice.get(LISTS).json()["data"]] == ["A", "B"]


def test_a_batch_says_which_row_a_constraint_refused(alice: httpx.Client) -> None:
    own = make(alice, LISTS, name="Own")["id"]
    symbols = ("AAPL", "NOBODY", "MSFT", "AAPL")
    items = [{"watchlist_id": own, "symbol": symbol} for symbol in symbols]
    answer = alice.post(f"{ITEMS}/batch", json={"atomic": False, "items": items}).json()
    assert [line["status"] for line in answer["data"]] == [201, 409, 201, 409]
    assert answer["data"][1]["problem"]["code"] == "unknown_reference"
    assert answer["data"][3]["problem"]["code"] == "already_exists"
    assert [item["symbol"] for item in alice.get(ITEMS).json()["data"]] == ["AAPL", "MSFT"]


def test_a_list_is_filtered_sorted_and_linked(alice: httpx.Client) -> None:
    names = ("delta", "alpha", "echo", "bravo", "charlie", "alpha two")
    alice.post(f"{LISTS}/batch", json=[{"name": name} for name in names]).raise_for_status()

    found: list[str] = []
    path: str | None = f"{LISTS}?sort=-name&limit=4"
    while path is not None:
        page = alice.get(path)
        found.extend(each["name"] for each in page.json()["data"])
        path = page.json()["next"]
        assert page.links["self"]["url"].startswith(f"{LISTS}?")
        assert page.links.get("next", {}).get("url") == path
    assert found == sorted(names, reverse=True)

    by_name = alice.get(LISTS, params={"name": "ALPHA", "sort": "name"}).json()
    assert [each["name"] for each in by_name["data"]] == ["alpha", "alpha two"]
    assert by_name["next"] is None


def test_a_cursor_belongs_to_its_list_filters_and_order(alice: httpx.Client) -> None:
    alice.post(f"{LISTS}/batch", json=[{"name": name} for name in "abc"]).raise_for_status()
    following = alice.get(LISTS, params={"sort": "name", "limit": 1}).json()["next"]
    cursor = httpx.URL(following).params["cursor"]
    assert alice.get(following).json()["data"][0]["name"] == "b"
    assert codes(alice.get(LISTS, params={"sort": "-name", "cursor": cursor})) == (409, "cursor_mismatch")
    assert codes(alice.get(LISTS, params={"sort": "name", "name": "b", "cursor": cursor})) == (409, "cursor_mismatch")
    last = alice.get(LISTS).json()["data"][0]["id"]
    assert codes(alice.get(LISTS, params={"sort": "name", "starting_after": last})) == (409, "cursor_mismatch")


def test_expand_shows_the_items(alice: httpx.Client) -> None:
    full, empty = make(alice, LISTS, name="Full"), make(alice, LISTS, name="Empty")
    make(alice, ITEMS, watchlist_id=full["id"], symbol="AAPL")
    plain = alice.get(f"{LISTS}/{full['id']}").json()
    assert (plain["items"], plain["item_count"]) == (None, 1)
    shown = alice.get(f"{LISTS}/{full['id']}", params={"expand": "items"})
    assert [item["symbol"] for item in shown.json()["items"]] == ["AAPL"]
    assert alice.get(shown.url, headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304
    page = alice.get(LISTS, params={"expand": "items", "sort": "name"}).json()["data"]
    assert [[item["symbol"] for item in each["items"]] for each in page] == [[], ["AAPL"]]
    assert page[0]["id"] == empty["id"]
    assert codes(alice.get(LISTS, params={"expand": "owner"})) == (422, "invalid_request")


def test_deleting_a_list_deletes_its_items(alice: httpx.Client) -> None:
    watchlist = make(alice, LISTS, name="Gone")
    item = make(alice, ITEMS, watchlist_id=watchlist["id"], symbol="AAPL")
    assert alice.delete(f"{LISTS}/{watchlist['id']}").status_code == 204
    assert codes(alice.get(f"{ITEMS}/{item['id']}")) == (404, "not_found")
