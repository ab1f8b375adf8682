"""Payments move money once, reserve it while they are reviewed, and never move it where the check says block."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from psycopg import IntegrityError

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books import recount
from lakehouse.stores.postgres import Transaction
from tests.factories import funds
from tests.factories.api_users import ApiUser, api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PATH = "/api/v1/payments"
IBAN = "DE89370400440532013000"
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Payer:
    """A user with a client and an account."""

    settings: Settings
    user: ApiUser
    client: httpx.Client
    account: UUID

    def pay(self, to: object, amount: str, *, key: str | None = None, **more: object) -> httpx.Response:
        body = {"from_account_id": str(self.account), "to": to, "amount": amount, "currency": "USD", **more}
        return self.client.post(PATH, json=body, headers={"Idempotency-Key": key or uuid4().hex})

    @property
    def cash(self) -> tuple[int, int]:
        return funds.cash(self.settings, self.account)

    def past(self, count: int, *, minor: int = 1_000, to: UUID | None = None) -> None:
        """Settled payments of earlier days, as if they had been made through the API."""
        outside = (None, None) if to else ("Past", IBAN)
        with postgres.connect(self.settings.postgres) as connection:
            for index in range(count):
                at = CLOCK.now() - timedelta(days=count - index)
                connection.execute(
                    "INSERT INTO app.payment (id, owner_id, from_account_id, to_account_id, counterparty_name, "
                    "counterparty_iban, amount_minor, currency, status, fraud_score, fraud_recommendation, "
                    "fraud_reasons, fraud_model, settled_at, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, "
                    "%s, 'USD', 'settled', 0, 'allow', '[]', 'rules', %s, %s, %s)",
                    (uuid7(CLOCK), self.user.id, self.account, to, *outside, minor + index % 7, at, at, at),
                )


@pytest.fixture
def payer(served: Served) -> Any:
    """Someone with 1,000.37 USD."""
    user = api_user(served.settings)
    with user.client(served.api.url) as client:
        yield Payer(served.settings, user, client, funds.account(served.settings, user.id, minor=100_037))


def receiver(served: Served, **options: Any) -> UUID:
    return funds.account(served.settings, api_user(served.settings).id, **options)


def here(account: UUID) -> dict[str, str]:
    return {"account_id": str(account)}


def elsewhere(iban: str = IBAN) -> dict[str, str]:
    return {"name": "Muster GmbH", "iban": iban}


def hold(payer: Payer, served: Served) -> dict[str, Any]:
    """A payment that the rules hold for review at any hour: a jump to three quarters of the balance, somebody new."""
    payer.past(3, to=receiver(served))
    answer = payer.pay(here(receiver(served)), "750.29")
    assert (answer.status_code, answer.json()["status"]) == (201, "held_for_review"), answer.text
    held: dict[str, Any] = answer.json()
    return held


def decide(client: httpx.Client, payment: dict[str, Any], word: str) -> httpx.Response:
    headers = {"Idempotency-Key": uuid4().hex}
    return client.post(f"{PATH}/{payment['id']}/{word}", json={"reason": "a test decides"}, headers=headers)


def events(settings: Settings, payment_id: str) -> list[str]:
    with postgres.connect(settings.postgres) as connection:
        rows = connection.execute(
            "SELECT type FROM ops.outbox WHERE payload->>'payment_id' = %s ORDER BY seq", (payment_id,)
        ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(("from_portfolio", "to_portfolio"), [(False, False), (True, True), (False, True)])
def test_an_allowed_payment_moves_the_money_at_once(
    served: Served, payer: Payer, from_portfolio: bool, to_portfolio: bool
) -> None:
    account = funds.account(served.settings, payer.user.id, minor=50_000, portfolio=from_portfolio)
    to = receiver(served, portfolio=to_portfolio)
    answer = payer.pay(here(to), "125.50", from_account_id=str(account), reference="Invoice 1", note="mine")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (answer.status_code, made["status"], made["fraud_recommendation"]) == (201, "settled", "allow"), made
    assert (made["amount"], made["to"], made["fraud_model"]) == ("125.50", here(to), "rules")
    assert 0 <= made["fraud_score"] < 0.6
    assert funds.cash(served.settings, account) == (50_000 - 12_550, 0)
    assert funds.cash(served.settings, to) == (12_550, 0)
    assert answer.headers["location"] == f"{PATH}/{made['id']}"
    assert payer.client.get(answer.headers["location"]).json() == made
    assert events(served.settings, made["id"]) == ["payment.created", "payment.settled"]


def test_a_payment_of_a_portfolio_is_a_withdrawal_there_and_a_deposit_where_it_arrives(
    served: Served, payer: Payer
) -> None:
    account = funds.account(served.settings, payer.user.id, minor=50_000, portfolio=True)
    to = receiver(served, portfolio=True)
    made = payer.pay(here(to), "10", from_account_id=str(account), reference="rent").json()
    with postgres.connect(served.settings.postgres) as connection:
        rows = connection.execute(
            "SELECT account_id, kind, cash_minor, source, note FROM app.transaction "
            "WHERE external_id LIKE %s ORDER BY kind",
            (f"payment:{made['id']}:%",),
        ).fetchall()
    assert rows == [(to, "deposit", 1_000, "payment", "rent"), (account, "withdrawal", -1_000, "payment", "rent")]


def test_a_repeat_pays_once(served: Served, payer: Payer) -> None:
    to, key = receiver(served), uuid4().hex
    first, second = (payer.pay(here(to), "10.00", key=key) for _ in range(2))
    other = payer.pay(here(to), "11.00", key=key)
    assert (first.status_code, second.status_code, second.json()) == (201, 201, first.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert funds.cash(served.settings, to) == (1_000, 0)


def test_fifty_twins_of_one_key_pay_once(served: Served, payer: Payer) -> None:
    to = receiver(served)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: payer.pay(here(to), "1.00", key="fifty-twins"), range(50)))
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes <= {"idempotency_key_in_flight"}
    assert (payer.cash, funds.cash(served.settings, to)) == ((99_937, 0), (100, 0))


def test_of_many_payments_of_the_whole_balance_one_wins(served: Served, payer: Payer) -> None:
    to = receiver(served)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: payer.pay(here(to), "1000.37"), range(100)))
    won = [answer.json() for answer in answers if answer.status_code == 201]
    assert len(won) == 1, {answer.status_code for answer in answers}
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert won[0]["status"] == "settled"
    assert (payer.cash, funds.cash(served.settings, to)) == ((0, 0), (100_037, 0))


def test_payments_in_both_directions_do_not_wait_for_each_other(served: Served, payer: Payer) -> None:
    user = api_user(served.settings)
    with user.client(served.api.url) as client, ThreadPoolExecutor(8) as pool:
        other = Payer(served.settings, user, client, funds.account(served.settings, user.id, minor=100_037))
        ways = [(payer, other.account), (other, payer.account)] * 3
        answers = list(pool.map(lambda way: way[0].pay(here(way[1]), "0.01"), ways))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert (payer.cash, other.cash) == ((100_037, 0), (100_037, 0))


@pytest.mark.parametrize(
    ("to", "amount", "changes", "expected"),
    [
        ("unknown", "1", {}, (404, "not_found")),
        ("self", "1", {}, (409, "payment_refused")),
        ("other", "1000.38", {}, (409, "insufficient_funds")),
        ("other", "1.001", {}, (409, "amount_not_representable")),
        ("other", "1", {"currency": "XTS"}, (409, "amount_not_representable")),
        ("other", "1", {"currency": "EUR"}, (409, "insufficient_funds")),
        ("iban", "1", {}, (409, "payment_refused")),
        ("other", "0", {}, (422, "invalid_request")),
        ("other", "-1", {}, (422, "invalid_request")),
        ("other", "1", {"status": "settled"}, (422, "invalid_request")),
        ("other", "1", {"fraud_score": 0}, (422, "invalid_request")),
    ],
)
def test_a_refusal_says_why_and_moves_nothing(
    served: Served, payer: Payer, to: str, amount: str, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    receivers = {"unknown": here(uuid4()), "self": here(payer.account), "iban": elsewhere("DE89370400440532013001")}
    answer = payer.pay(receivers.get(to) or here(receiver(served)), amount, **changes)
    assert (answer.status_code, answer.json()["code"]) == expected
    assert payer.cash == (100_037, 0)
    assert payer.client.get(PATH).json()["data"] == []


def test_a_payment_from_anothers_account_is_not_found(served: Served, payer: Payer) -> None:
    theirs = receiver(served, minor=5_000)
    answer = payer.pay(here(payer.account), "1", from_account_id=str(theirs))
    assert (answer.status_code, funds.cash(served.settings, theirs)) == (404, (5_000, 0))


def test_the_key_is_required(payer: Payer) -> None:
    body = {"from_account_id": str(payer.account), "to": elsewhere(), "amount": "1", "currency": "USD"}
    assert payer.client.post(PATH, json=body).status_code == 422


def test_a_held_payment_reserves_until_a_second_person_approves(served: Served, payer: Payer) -> None:
    held = hold(payer, served)
    to = UUID(held["to"]["account_id"])
    assert payer.cash == (100_037, 75_029)
    assert payer.pay(here(to), "300").json()["code"] == "insufficient_funds"
    by_payer = decide(payer.client, held, "approve")
    assert (by_payer.status_code, by_payer.json()["code"]) == (403, "not_allowed")
    approved = decide(served.api.client, held, "approve").json()
    assert (approved["status"], approved["reviewed_by"]) == ("settled", str(served.admin.id))
    assert (payer.cash, funds.cash(served.settings, to)) == ((25_008, 0), (75_029, 0))
    again = decide(served.api.client, held, "approve")
    assert (again.status_code, again.json()["code"]) == (409, "payment_not_open")
    assert events(served.settings, held["id"]) == ["payment.created", "payment.held", "payment.settled"]


def test_the_recount_agrees_with_payments_of_every_kind(served: Served, payer: Payer) -> None:
    account = funds.account(served.settings, payer.user.id, minor=100_037, portfolio=True)
    mine = replace(payer, account=account)
    mine.pay(elsewhere(), "10").raise_for_status()
    hold(mine, served)

    async def count(connection: Transaction) -> recount.Recount:
        await connection.execute(recount.SNAPSHOT)
        return await recount.recount(connection)

    with postgres.connect(served.settings.postgres) as connection:
        rows = connection.execute("SELECT id::text FROM ledger.account WHERE account_id = %s", (account,)).fetchall()
    ours = {row[0] for row in rows}
    assert [each for each in funds.run(served.settings, count).findings if each.object in ours] == []
    assert mine.cash == (99_037, 75_029)


def test_an_admin_cannot_approve_an_own_payment(served: Served) -> None:
    admin = api_user(served.settings, role="admin")
    with admin.client(served.api.url) as client:
        payer = Payer(served.settings, admin, client, funds.account(served.settings, admin.id, minor=100_037))
        held = hold(payer, served)
        refused = decide(client, held, "approve")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
    assert payer.cash == (100_037, 75_029)


def test_a_rejected_payment_gives_the_money_back(served: Served, payer: Payer) -> None:
    held = hold(payer, served)
    rejected = decide(served.api.client, held, "reject").json()
    assert (rejected["status"], rejected["status_reason"]) == ("failed", "rejected: a test decides")
    assert payer.cash == (100_037, 0)
    assert decide(served.api.client, held, "approve").status_code == 409
    assert events(served.settings, held["id"]) == ["payment.created", "payment.held", "payment.rejected"]


def test_a_held_payment_is_canceled_and_a_settled_one_is_not(served: Served, payer: Payer) -> None:
    held = hold(payer, served)
    at = f"{PATH}/{held['id']}"
    assert payer.client.delete(at, headers={"If-Match": '"99"'}).status_code == 412
    assert payer.client.delete(at).status_code == 204
    assert (payer.client.get(at).json()["status"], payer.cash) == ("canceled", (100_037, 0))
    settled = payer.pay(here(receiver(served)), "1").json()
    late = payer.client.delete(f"{PATH}/{settled['id']}")
    assert (late.status_code, late.json()["code"]) == (409, "payment_not_open")


def test_one_of_approve_and_cancel_wins(served: Served, payer: Payer) -> None:
    held = hold(payer, served)
    with ThreadPoolExecutor(2) as pool:
        canceled = pool.submit(payer.client.delete, f"{PATH}/{held['id']}")
        approved = pool.submit(decide, served.api.client, held, "approve")
    assert sorted((canceled.result().status_code < 300, approved.result().status_code < 300)) == [False, True]
    assert payer.cash in {(100_037, 0), (25_008, 0)}


def test_a_block_stops_the_money(served: Served, payer: Payer) -> None:
    payer.past(3, minor=10)
    for _ in range(6):
        payer.pay(here(receiver(served)), "0.10")
    before = payer.cash
    answer = payer.pay(here(receiver(served)), str(Decimal(before[0]) / 100))
    blocked = answer.json()
    assert (answer.status_code, blocked["status"], blocked["fraud_recommendation"]) == (201, "blocked", "block")
    assert payer.cash == before
    assert decide(served.api.client, blocked, "approve").status_code == 409
    assert payer.client.delete(f"{PATH}/{blocked['id']}").status_code == 409
    assert events(served.settings, blocked["id"]) == ["payment.created", "payment.blocked"]
    rules = {reason["rule"] for reason in blocked["fraud_reasons"]}
    assert {"balance_share", "new_counterparty", "amount_jump", "velocity"} <= rules


def test_a_long_history_is_judged_by_a_forest_too(served: Served, payer: Payer) -> None:
    payer.past(40)
    made = payer.pay(elsewhere(), "10.03").json()
    assert (made["fraud_model"], made["fraud_reasons"][-1]["rule"]) == ("rules+isolation_forest", "isolation_forest")
    assert made["status"] == "authorised"


def test_every_decision_about_money_is_in_the_audit_log(served: Served, payer: Payer) -> None:
    held = hold(payer, served)
    decide(served.api.client, held, "approve").raise_for_status()
    with postgres.connect(served.settings.postgres) as connection:
        rows = connection.execute(
            "SELECT actor_id, action, after->>'amount', after->>'reason' FROM audit.event "
            "WHERE object_kind = 'payment' AND object_id = %s ORDER BY occurred_at",
            (held["id"],),
        ).fetchall()
    assert rows == [
        (payer.user.id, "payment.held", "750.29", ""),
        (served.admin.id, "payment.settled", "750.29", "a test decides"),
    ]


def test_only_words_change(served: Served, payer: Payer) -> None:
    settled = payer.pay(here(receiver(served)), "1", reference="before").json()
    at = f"{PATH}/{settled['id']}"
    noted = payer.client.patch(at, json={"note": "checked"})
    late = payer.client.patch(at, json={"reference": "after"})
    assert (noted.status_code, noted.json()["note"], noted.headers["etag"]) == (200, "checked", '"3"')
    assert (late.status_code, late.json()["code"]) == (409, "payment_not_open")
    assert payer.client.patch(at, json={"amount": "2"}).status_code == 422
    held = hold(payer, served)
    assert payer.client.patch(f"{PATH}/{held['id']}", json={"reference": "after"}).json()["reference"] == "after"


def test_payments_are_their_payers_alone(served: Served, payer: Payer, bob: httpx.Client) -> None:
    made = payer.pay(here(receiver(served)), "1").json()
    at = f"{PATH}/{made['id']}"
    answers = [bob.get(at), bob.patch(at, json={"note": "x"}), bob.delete(at)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert bob.get(PATH).json()["data"] == []
    assert served.api.client.get(at).status_code == 200


def test_a_list_is_filtered_and_sorted(served: Served, payer: Payer) -> None:
    to = receiver(served)
    made = [payer.pay(here(to), amount).json()["id"] for amount in ("1", "2", "3")]
    outside = payer.pay(elsewhere(), "4").json()["id"]
    newest = payer.client.get(PATH, params={"sort": "-created_at", "limit": 2}).json()
    rest = payer.client.get(newest["next"]).json()
    assert [each["id"] for each in (*newest["data"], *rest["data"])] == [outside, *made[::-1]]
    found = payer.client.get(PATH, params={"to_account_id": str(to), "status": "settled"}).json()
    assert [each["id"] for each in found["data"]] == made


def test_a_list_is_filtered_and_sorted_by_amount_and_day(served: Served, payer: Payer) -> None:
    to = here(receiver(served))
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
    days = {"yesterday": str(today - timedelta(days=1)), "tomorrow": str(today + timedelta(days=1))}
    assert len(amounts(created_from=days["yesterday"], created_to=days["tomorrow"])) == 4
    assert amounts(created_to=days["yesterday"]) == []
    assert amounts(created_from=days["tomorrow"]) == []


def test_a_batch_pays_all_or_none_or_each_for_itself(served: Served, payer: Payer) -> None:
    to = receiver(served)
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
    to = here(receiver(served))
    item = {"from_account_id": str(payer.account), "to": to, "amount": "400", "currency": "USD"}

    def send(count: int) -> httpx.Response:
        return payer.client.post(f"{PATH}/batch", json=[item] * count, headers={"Idempotency-Key": f"{count}-at-once"})

    assert send(3).json()["code"] == "batch_refused"
    assert payer.cash == (100_037, 0)
    made, repeat = send(2), send(2)
    assert (made.status_code, [each["amount"] for each in made.json()]) == (201, ["400.00", "400.00"])
    assert (repeat.json(), payer.cash) == (made.json(), (20_037, 0))


def test_the_database_refuses_what_the_service_never_does(served: Served, payer: Payer) -> None:
    made = payer.pay(here(receiver(served)), "1").json()
    for change, rule in (
        ("status = 'pending'", "payment_move_legal"),
        ("amount_minor = 1", "payment_is_fixed"),
        ("fraud_recommendation = 'review'", "payment_is_fixed"),
    ):
        with (
            postgres.connect(served.settings.postgres) as connection,
            pytest.raises(IntegrityError) as refusal,
        ):
            connection.execute(f"UPDATE app.payment SET {change}, version = version + 1 WHERE id = %s", (made["id"],))
        assert refusal.value.diag.constraint_name == rule
