"""Payments by the list and by the batch."""

from datetime import timedelta

import httpx
import pytest

from tests.factories.payers import CLOCK, PATH, Payer, elsewhere, here, receiver
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration


def test_a_list_is_filtered_and_sorted(served: Served, payer: Payer) -> None:
    to = receiver(served.settings)
    made = [payer.pay(here(to), amount).json()["id"] for amount in ("1", "2", "3")]
    outside = payer.pay(elsewhere(), "4").json()["id"]
    newest = payer.client.get(PATH, params={"sort": "-created_at", "limit": 2}).json()
    rest = payer.client.get(newest["next"]).json()
    assert [each["id"] for each in (*newest["data"], *rest["data"])] == [outside, *made[::-1]]
    found = payer.client.get(PATH, params={"to_account_id": str(to), "status": "settled"}).json()
    assert [each["id"] for each in found["data"]] == made


def test_a_list_is_filtered_and_sorted_by_amount_and_day(served: Served, payer: Payer) -> None:
    to = here(receiver(served.settings))
    for amount in ("9.50", "10", "100", "9.50"):
        assert payer.pay(to, amount).status_code == 201

    def amounts(**asked: str) -> list[str]:
        """Of a list that is read two rows at a time."""
        answer, found = payer.client.get(PATH, params={"limit": 2, **asked}).json(), []
        while True:
            found += [each["amount"] for each in answer["data"]]
            if answer["next"] is None:
                return found
            answer = payer.client.get(answer["next"]).json()

    assert amounts(sort="amount") == ["9.50", "9.50", "10.00", "100.00"]
    assert amounts(sort="-amount", amount_from="9.51") == ["100.00", "10.00"]
    assert amounts(sort="amount", amount_from="9.5", amount_to="10") == ["9.50", "9.50", "10.00"]
    today = CLOCK.now().date()
    days = {"before": str(today - timedelta(days=2)), "after": str(today + timedelta(days=2))}
    assert len(amounts(created_from=days["before"], created_to=days["after"])) == 4
    assert amounts(created_to=days["before"]) == []
    assert amounts(created_from=days["after"]) == []


def test_a_batch_pays_all_or_none_or_each_for_itself(served: Served, payer: Payer) -> None:
    to = receiver(served.settings)
    items = [
        {"from_account_id": str(payer.account), "to": here(to), "amount": amount, "currency": "USD"}
        for amount in ("600.11", "600.11", "100.11")
    ]

    def send(key: str, *, atomic: bool) -> httpx.Response:
        body = {"atomic": atomic, "items": items}
        return payer.client.post(f"{PATH}/batch", json=body, headers={"Idempotency-Key": key})

    refused = send("a-batch", atomic=True)
    assert (refused.status_code, refused.json()["code"], payer.cash) == (409, "batch_refused", (100_037, 0))
    assert [each["problem"]["code"] for each in refused.json()["data"]] == [
        "batch_refused",
        "insufficient_funds",
        "batch_refused",
    ]
    partial, repeat = (send("each-alone", atomic=False) for _ in range(2))
    assert partial.json() == repeat.json()
    assert [each["status"] for each in partial.json()["data"]] == [201, 409, 201]
    assert payer.cash == (100_037 - 60_011 - 10_011, 0)


def test_a_bare_array_of_payments_is_atomic_and_answers_an_array(served: Served, payer: Payer) -> None:
    to = here(receiver(served.settings))
    item = {"from_account_id": str(payer.account), "to": to, "amount": "400", "currency": "USD"}

    def send(count: int) -> httpx.Response:
        return payer.client.post(f"{PATH}/batch", json=[item] * count, headers={"Idempotency-Key": f"{count}-at-once"})

    assert send(3).json()["code"] == "batch_refused"
    assert payer.cash == (100_037, 0)
    made, repeat = send(2), send(2)
    assert (made.status_code, [each["amount"] for each in made.json()]) == (201, ["400.00", "400.00"])
    assert (repeat.json(), payer.cash) == (made.json(), (20_037, 0))
