"""Customers are scored on every change, never show a document's number, and are their owner's alone."""

from typing import Any

import httpx
import pytest

from lakehouse.stores import postgres
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PATH = "/api/v1/customers"
NUMBER = "12345678Z"
ANA: dict[str, Any] = {
    "email": "Ana.Ruiz@bank.example",
    "name": "Ana Ruiz",
    "birth_date": "1980-05-17",
    "phone": "+34600000000",
    "country": "ES",
    "address_line": "Calle Mayor 1",
    "city": "Madrid",
    "postal_code": "28013",
    "document": {"type": "national_id", "country": "ES", "number": NUMBER},
}


def _made(client: httpx.Client, **changes: object) -> dict[str, Any]:
    answer = client.post(PATH, json={**ANA, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_customer_is_scored_and_the_number_is_neither_shown_nor_stored(served: Served, alice: httpx.Client) -> None:
    made = _made(alice)
    read = alice.get(f"{PATH}/{made['id']}")
    assert (made["ai_identity_score"], made["email"]) == (1.0, "ana.ruiz@bank.example")
    assert made["document"] == {"type": "national_id", "country": "ES", "last4": "678Z", "check": "checksum_right"}
    assert sum(reason["points"] for reason in made["ai_identity_reasons"]) == 100
    assert read.json() == made
    with postgres.connect(served.settings.postgres) as connection:
        row = connection.execute("SELECT t::text FROM app.customer AS t WHERE id = %s", (made["id"],)).fetchone()
    assert row is not None
    assert NUMBER not in row[0]
    assert NUMBER not in read.text


def test_a_change_is_scored_anew(alice: httpx.Client) -> None:
    made = _made(alice)
    at = f"{PATH}/{made['id']}"
    moved = alice.patch(at, json={"country": "FR"}).json()
    without = alice.patch(at, json={"document": None}).json()
    wrong = {"type": "national_id", "country": "FR", "number": "880692310285"}
    other = alice.patch(at, json={"document": wrong}).json()
    unchanged = alice.patch(at, json={}).json()
    scores = [each["ai_identity_score"] for each in (moved, without, other, unchanged)]
    assert scores == [0.85, 0.45, 0.85, 0.85]
    assert without["document"] is None
    assert [each["version"] for each in (moved, without, other, unchanged)] == [2, 3, 4, 4]


def test_an_address_is_unique_to_its_owner(alice: httpx.Client, bob: httpx.Client) -> None:
    _made(alice)
    again = alice.post(PATH, json={**ANA, "email": "ANA.RUIZ@bank.example"})
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    assert _made(bob)["ai_identity_score"] == 1.0


def test_anothers_customer_does_not_exist(served: Served, alice: httpx.Client, bob: httpx.Client) -> None:
    at = f"{PATH}/{_made(alice)['id']}"
    answers = [bob.get(at), bob.patch(at, json={"name": "Bob"}), bob.delete(at)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert bob.get(PATH).json()["data"] == []
    assert served.api.client.get(at).status_code == 200
    assert served.api.client.patch(at, json={"name": "Admin"}).status_code == 404


def test_a_batch_tells_which_one_was_wrong(alice: httpx.Client) -> None:
    items = [{**ANA, "email": f"c{index}@bank.example"} for index in (1, 2, 1)]
    refused = alice.post(f"{PATH}/batch", json={"atomic": True, "items": items})
    assert (refused.status_code, alice.get(PATH).json()["data"]) == (409, [])
    partial = alice.post(f"{PATH}/batch", json={"atomic": False, "items": items}).json()
    assert [result["status"] for result in partial["data"]] == [201, 201, 409]
    assert {each["email"] for each in alice.get(PATH).json()["data"]} == {"c1@bank.example", "c2@bank.example"}


def test_a_list_is_filtered_and_sorted(alice: httpx.Client) -> None:
    for index, name in enumerate(("Carla Gil", "Ana Ruiz", "Berta Sanz")):
        _made(alice, email=f"s{index}@bank.example", name=name)
    by_name = alice.get(PATH, params={"sort": "-name"}).json()["data"]
    found = alice.get(PATH, params={"email": "S1@BANK.example"}).json()["data"]
    assert [each["name"] for each in by_name] == ["Carla Gil", "Berta Sanz", "Ana Ruiz"]
    assert [each["name"] for each in found] == ["Ana Ruiz"]


@pytest.mark.parametrize(
    "change",
    [
        {"ai_identity_score": 1},
        {"owner_id": "x"},
        {"email": "no address"},
        {"birth_date": 0},
        {"document": {"type": "passport"}},
    ],
)
def test_a_client_cannot_write_what_is_computed(alice: httpx.Client, change: dict[str, object]) -> None:
    assert alice.post(PATH, json={**ANA, **change}).status_code == 422
