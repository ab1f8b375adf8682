"""Payments that leave the platform settle, fail or come back, by an admin's word, and their money with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from lakehouse.clock import ManualClock
from lakehouse.trading.settlement import settles_on
from serving.kit.database import Database
from serving.settlements.service import SettlementService
from tests.factories import funds
from tests.factories.api_users import ApiUser, api_user
from tests.factories.trading import buy, desks
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PATH = "/api/v1/settlements"
IBAN = "GB29NWBK60161331926819"


@dataclass(frozen=True, slots=True)
class Sent:
    """A payment of 10 EUR on its way out of an account that had 100."""

    served: Served
    client: httpx.Client
    user: ApiUser
    account: UUID
    payment: dict[str, Any]

    def end(self, word: str, *, client: httpx.Client | None = None) -> httpx.Response:
        asking = client or self.served.api.client
        at = f"{PATH}/{self.payment['settlement_id']}"
        return asking.post(f"{at}/{word}", json={"reason": "a test"}, headers={"Idempotency-Key": uuid4().hex})

    @property
    def state(self) -> tuple[str, str, tuple[int, int]]:
        """Status of the payment and of its settlement, and the payer's cash."""
        payment = self.client.get(f"/api/v1/payments/{self.payment['id']}").json()
        settlement = self.client.get(f"{PATH}/{self.payment['settlement_id']}").json()
        return payment["status"], settlement["status"], funds.cash(self.served.settings, self.account, "EUR")


def _send(served: Served, user: ApiUser, client: httpx.Client, *, portfolio: bool) -> Sent:
    account = funds.account(served.settings, user.id, minor=10_000, currency="EUR", portfolio=portfolio)
    to = {"name": "Ltd", "iban": IBAN}
    body = {"from_account_id": str(account), "to": to, "amount": "10", "currency": "EUR"}
    answer = client.post("/api/v1/payments", json=body, headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code == 201, answer.text
    return Sent(served, client, user, account, answer.json())


@pytest.fixture(params=[False, True], ids=["account", "portfolio"])
def sent(served: Served, request: pytest.FixtureRequest) -> Iterator[Sent]:
    user = api_user(served.settings)
    with user.client(served.api.url) as client:
        yield _send(served, user, client, portfolio=request.param)


def test_a_payment_outside_has_left_and_waits(sent: Sent) -> None:
    assert sent.payment["to"] == {"name": "Ltd", "iban": IBAN}
    assert sent.state == ("authorised", "pending", (9_000, 0))
    found = sent.client.get(PATH, params={"payment_id": sent.payment["id"]}).json()["data"]
    assert [(each["amount"], each["currency"]) for each in found] == [("10.00", "EUR")]


def test_it_settles_and_may_still_come_back(sent: Sent) -> None:
    assert sent.end("settle").json()["status"] == "settled"
    assert sent.state == ("settled", "settled", (9_000, 0))
    assert sent.end("fail").json()["code"] == "settlement_not_open"
    assert sent.end("return").json()["status_reason"] == "a test"
    assert sent.state == ("returned", "returned", (10_000, 0))


def test_it_fails_once(sent: Sent) -> None:
    assert sent.end("fail").json()["status"] == "failed"
    assert sent.state == ("failed", "failed", (10_000, 0))
    assert [sent.end(word).status_code for word in ("fail", "settle", "return")] == [409, 409, 409]
    assert sent.state == ("failed", "failed", (10_000, 0))


@pytest.mark.parametrize("word", ["fail", "return"])
def test_the_money_comes_back_to_an_account_that_was_closed_meanwhile(sent: Sent, word: str) -> None:
    if word == "return":
        assert sent.end("settle").status_code == 200
    funds.close(sent.served.settings, sent.account)
    assert sent.end(word).status_code == 200
    assert sent.state[2] == (10_000, 0)


def test_only_an_admin_who_is_not_the_payer_ends_it(served: Served, sent: Sent, bob: httpx.Client) -> None:
    assert [sent.end("fail", client=client).status_code for client in (sent.client, bob)] == [403, 403]
    admin = api_user(served.settings, role="admin")
    with admin.client(served.api.url) as client:
        own = _send(served, admin, client, portfolio=False)
        refused = own.end("fail", client=client)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
    assert sent.state == ("authorised", "pending", (9_000, 0))


def test_a_client_writes_none_and_reads_only_its_own(sent: Sent, bob: httpx.Client) -> None:
    at = f"{PATH}/{sent.payment['settlement_id']}"
    answers = [sent.client.post(PATH, json={}), sent.client.patch(at, json={}), sent.client.delete(at)]
    assert [answer.status_code for answer in answers] == [405, 405, 405]
    assert all("POST /api/v1/payments" in answer.json()["detail"] for answer in answers)
    assert bob.get(at).status_code == 404
    assert bob.get(PATH).json()["data"] == []


def test_a_trade_makes_a_settlement_of_its_markets_day(served: Served, bob: httpx.Client) -> None:
    user = api_user(served.settings)
    with desks(served.settings) as make, user.client(served.api.url) as client:
        desk = make(owner_id=user.id)
        desk.deposit(1_000_000)
        buy(desk, 10)
        trade = client.get("/api/v1/trades").json()["data"][0]
        found = client.get(PATH, params={"kind": "trade", "trade_id": trade["id"]}).json()["data"]
        day = settles_on("XNAS", desk.clock.now().date())
        told = {"kind": "trade", "direction": "out", "amount": "1000.00", "currency": "USD", "payment_id": None}
        assert found[0].items() >= {**told, "settles_on": str(day), "status": "pending"}.items()
        assert client.get(PATH, params={"kind": "payment"}).json()["data"] == []
        assert client.get(PATH, params={"settles_to": str(day), "direction": "out"}).json()["data"] == found
        assert client.get(PATH, params={"settles_from": str(day + timedelta(days=1))}).json()["data"] == []
        booked = client.get("/api/v1/transactions", params={"kind": "buy"}).json()["data"][0]
        assert booked["settles_on"] == str(day)
        at = f"{PATH}/{found[0]['id']}"
        assert bob.get(at).status_code == 404
        refused = served.api.client.post(
            f"{at}/fail", json={"reason": "a test"}, headers={"Idempotency-Key": uuid4().hex}
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "settlement_not_open")


def test_trades_settle_once_their_day_is_over(served: Served) -> None:
    user = api_user(served.settings)
    with desks(served.settings) as make, user.client(served.api.url) as client:
        desk = make(owner_id=user.id)
        desk.deposit(1_000_000)
        buy(desk, 10)
        due = client.get(PATH).json()["data"][0]
        day = datetime.combine(date.fromisoformat(due["settles_on"]), time(23, 59), UTC)

        async def settled(now: datetime) -> int:
            return await SettlementService(Database(desk.pool, desk.pool), ManualClock(now)).settle_trades()

        # Others of this database may be due too: what became of this one is told by its row.
        desk.runner.run(settled(day))
        assert client.get(f"{PATH}/{due['id']}").json()["status"] == "pending"
        desk.runner.run(settled(day + timedelta(minutes=1)))
        ended = client.get(f"{PATH}/{due['id']}").json()
        assert (ended["status"], ended["version"]) == ("settled", 2)
