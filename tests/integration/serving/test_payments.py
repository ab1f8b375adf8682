"""Payments move money once, reserve it while they are reviewed, and never move it where the check says block."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from psycopg import IntegrityError

from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books import recount
from lakehouse.stores.postgres import Transaction
from tests.factories import funds
from tests.factories.api_users import api_user
from tests.factories.payers import PATH, Payer, elsewhere, here, receiver
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration


def hold(payer: Payer, served: Served) -> dict[str, Any]:
    """A payment that the rules hold for review at any hour: a jump to three quarters of the balance, somebody new."""
    payer.past(3, to=receiver(served.settings))
    answer = payer.pay(here(receiver(served.settings)), "750.29")
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
    to = receiver(served.settings, portfolio=to_portfolio)
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
    to = receiver(served.settings, portfolio=True)
    made = payer.pay(here(to), "10", from_account_id=str(account), reference="rent").json()
    with postgres.connect(served.settings.postgres) as connection:
        rows = connection.execute(
            "SELECT account_id, kind, cash_minor, source, note FROM app.transaction "
            "WHERE external_id LIKE %s ORDER BY kind",
            (f"payment:{made['id']}:%",),
        ).fetchall()
    assert rows == [(to, "deposit", 1_000, "payment", "rent"), (account, "withdrawal", -1_000, "payment", "rent")]


def test_a_repeat_pays_once(served: Served, payer: Payer) -> None:
    to, key = receiver(served.settings), uuid4().hex
    first, second = (payer.pay(here(to), "10.00", key=key) for _ in range(2))
    other = payer.pay(here(to), "11.00", key=key)
    assert (first.status_code, second.status_code, second.json()) == (201, 201, first.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert funds.cash(served.settings, to) == (1_000, 0)


def test_fifty_twins_of_one_key_pay_once(served: Served, payer: Payer) -> None:
    to = receiver(served.settings)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: payer.pay(here(to), "1.00", key="fifty-twins"), range(50)))
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes <= {"idempotency_key_in_flight"}
    assert (payer.cash, funds.cash(served.settings, to)) == ((99_937, 0), (100, 0))


def test_of_many_payments_of_the_whole_balance_one_wins(served: Served, payer: Payer) -> None:
    to = receiver(served.settings)
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
    answer = payer.pay(receivers.get(to) or here(receiver(served.settings)), amount, **changes)
    assert (answer.status_code, answer.json()["code"]) == expected
    assert payer.cash == (100_037, 0)
    assert payer.client.get(PATH).json()["data"] == []


def test_a_payment_from_anothers_account_is_not_found(served: Served, payer: Payer) -> None:
    theirs = receiver(served.settings, minor=5_000)
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
    settled = payer.pay(here(receiver(served.settings)), "1").json()
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
        payer.pay(here(receiver(served.settings)), "0.10")
    before = payer.cash
    answer = payer.pay(here(receiver(served.settings)), str(Decimal(before[0]) / 100))
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
    settled = payer.pay(here(receiver(served.settings)), "1", reference="before").json()
    at = f"{PATH}/{settled['id']}"
    noted = payer.client.patch(at, json={"note": "checked"})
    late = payer.client.patch(at, json={"reference": "after"})
    assert (noted.status_code, noted.json()["note"], noted.headers["etag"]) == (200, "checked", '"3"')
    assert (late.status_code, late.json()["code"]) == (409, "payment_not_open")
    assert payer.client.patch(at, json={"amount": "2"}).status_code == 422
    held = hold(payer, served)
    assert payer.client.patch(f"{PATH}/{held['id']}", json={"reference": "after"}).json()["reference"] == "after"


def test_payments_are_their_payers_alone(served: Served, payer: Payer, bob: httpx.Client) -> None:
    made = payer.pay(here(receiver(served.settings)), "1").json()
    at = f"{PATH}/{made['id']}"
    answers = [bob.get(at), bob.patch(at, json={"note": "x"}), bob.delete(at)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert bob.get(PATH).json()["data"] == []
    assert served.api.client.get(at).status_code == 200


def test_the_database_refuses_what_the_service_never_does(served: Served, payer: Payer) -> None:
    made = payer.pay(here(receiver(served.settings)), "1").json()
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
