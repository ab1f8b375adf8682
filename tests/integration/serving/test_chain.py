"""The chain: coins move in the ledger, blocks prove it, their owners alone read what moved, and tampering is named."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from psycopg import errors
from typer.testing import CliRunner

from lakehouse.cli.main import app
from lakehouse.domain.blocks import merkle_root
from lakehouse.domain.chain_audit import Finding
from lakehouse.settings import Settings
from lakehouse.stores import postgres, redis
from lakehouse.stores.books import chain, chain_check, ledger
from lakehouse.stores.books.chain import CoinMove
from lakehouse.stores.books.chain_check import Anchor, Report
from lakehouse.stores.postgres import Transaction
from tests.factories import funds
from tests.factories.api_users import api_user
from tests.factories.funds import CLOCK
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PATH = "/api/v1/blockchain"


@dataclass(frozen=True, slots=True)
class Holder:
    """A user with a client and an account that holds 100 coins."""

    served: Served
    client: httpx.Client
    account: UUID

    def send(self, to: UUID, amount: str, *, key: str | None = None, sender: UUID | None = None) -> httpx.Response:
        body = {
            "sender_account_id": str(sender or self.account),
            "receiver_account_id": str(to),
            "amount": amount,
            "currency": "SIM_COIN",
        }
        return self.client.post(f"{PATH}/transfers", json=body, headers={"Idempotency-Key": key or uuid4().hex})

    @property
    def coins(self) -> str:
        found: str = self.client.get(f"{PATH}/balances", params={"account_id": str(self.account)}).json()["data"][0][
            "balance"
        ]
        return found


def _seed(served: Served, account: UUID, amount: str = "100") -> dict[str, Any]:
    body = {"account_id": str(account), "amount": amount}
    answer = served.api.client.post(f"{PATH}/seed-balance", json=body, headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def holder(served: Served) -> Iterator[Holder]:
    user = api_user(served.settings)
    account = funds.account(served.settings, user.id)
    _seed(served, account)
    with user.client(served.api.url) as client:
        yield Holder(served, client, account)


def _stranger(served: Served) -> UUID:
    return funds.account(served.settings, api_user(served.settings).id)


def test_a_transfer_moves_coins_and_is_in_a_block(served: Served, holder: Holder) -> None:
    to = _stranger(served)
    answer = holder.send(to, "12.5")
    made = answer.json()
    assert (answer.status_code, made["kind"], made["amount"]) == (201, "transfer", "12.50")
    assert holder.coins == "87.50"
    assert holder.client.get(answer.headers["location"]).json() == made
    block = holder.client.get(f"{PATH}/blocks/{made['block_index']}").json()
    assert block["transactions"] == [{"position": 0, "hash": made["hash"], "transaction": made}]
    assert made["hash"] == hashlib.sha256(b"\x00" + made["content"].encode()).hexdigest()
    assert block["merkle_root"] == merkle_root([bytes.fromhex(made["hash"])]).hex()
    before = holder.client.get(f"{PATH}/blocks/{made['block_index'] - 1}").json()
    assert block["previous_hash"] == before["hash"]


def test_others_see_that_something_moved_but_not_what(served: Served, holder: Holder, bob: httpx.Client) -> None:
    made = holder.send(_stranger(served), "1").json()
    sealed = bob.get(f"{PATH}/blocks/{made['block_index']}").json()["transactions"]
    assert sealed == [{"position": 0, "hash": made["hash"], "transaction": None}]
    assert bob.get(f"{PATH}/transactions/{made['id']}").status_code == 404
    assert bob.get(f"{PATH}/balances", params={"account_id": str(holder.account)}).status_code == 404
    assert bob.get(f"{PATH}/balances").json()["data"] == []
    assert served.api.client.get(f"{PATH}/transactions/{made['id']}").json() == made


def test_a_repeat_moves_coins_once(served: Served, holder: Holder) -> None:
    to = _stranger(served)
    answers = [holder.send(to, "1", key="once") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert holder.coins == "99.00"


def test_of_many_transfers_of_everything_one_wins(served: Served, holder: Holder) -> None:
    to = _stranger(served)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: holder.send(to, "100"), range(50)))
    assert [answer.status_code for answer in answers].count(201) == 1
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert holder.coins == "0.00"
    assert holder.client.get(f"{PATH}/verify", params={"limit": 10_000}).json()["is_valid"]


@pytest.mark.parametrize(
    ("to", "amount", "expected"),
    [
        ("self", "1", (409, "transfer_refused")),
        ("unknown", "1", (404, "not_found")),
        ("other", "100.01", (409, "insufficient_funds")),
        ("other", "0.001", (409, "amount_not_representable")),
        ("other", "0", (422, "invalid_request")),
    ],
)
def test_a_refusal_says_why(served: Served, holder: Holder, to: str, amount: str, expected: tuple[int, str]) -> None:
    accounts = {"self": holder.account, "unknown": uuid4(), "other": _stranger(served)}
    answer = holder.send(accounts[to], amount)
    assert (answer.status_code, answer.json()["code"], holder.coins) == (*expected, "100.00")


def test_nobody_spends_anothers_coins_or_makes_them(served: Served, holder: Holder) -> None:
    other = _stranger(served)
    _seed(served, other)
    assert holder.send(holder.account, "1", sender=other).status_code == 404
    body = {"account_id": str(holder.account), "amount": "1"}
    made = holder.client.post(f"{PATH}/seed-balance", json=body, headers={"Idempotency-Key": "x"})
    assert (made.status_code, holder.coins) == (403, "100.00")


def test_blocks_are_paged_in_both_orders(served: Served, holder: Holder) -> None:
    for _ in range(3):
        holder.send(_stranger(served), "1").raise_for_status()
    newest = holder.client.get(f"{PATH}/blocks", params={"sort": "-index", "limit": 2}).json()
    older = holder.client.get(newest["next"]).json()
    indexes = [block["index"] for block in (*newest["data"], *older["data"])]
    assert indexes == list(range(indexes[0], indexes[0] - 4, -1))
    oldest = holder.client.get(f"{PATH}/blocks", params={"limit": 1}).json()
    assert (oldest["data"][0]["index"], oldest["data"][0]["previous_hash"]) == (0, "0" * 64)
    assert holder.client.get(f"{PATH}/blocks/{10**15}").status_code == 404


def test_reads_are_cached_and_left_behind_by_a_write(served: Served, holder: Holder) -> None:
    store = redis.connect(served.settings.redis)
    assert holder.coins == "100.00"
    keys = [key for key in store.scan_iter("blockchain:*") if str(holder.account) in key]
    assert len(keys) == 1
    assert 0 < store.ttl(keys[0]) <= 300
    store.set(keys[0], str(store.get(keys[0])).replace("100.00", "1.00"), keepttl=True)
    assert holder.coins == "1.00"
    holder.send(_stranger(served), "1").raise_for_status()
    assert holder.coins == "99.00"
    generation = str(store.get("blockchain:generation"))
    store.set(f"blockchain:{generation}:balance:{holder.account}:SIM_COIN", "no JSON")
    assert holder.coins == "99.00"


def test_verify_goes_on_where_it_stopped_and_knows_an_anchor(served: Served, holder: Holder) -> None:
    holder.send(_stranger(served), "1").raise_for_status()
    part = holder.client.get(f"{PATH}/verify", params={"limit": 1}).json()
    assert (part["is_valid"], part["is_complete"], part["last_index"], part["next_index"]) == (True, False, 0, 1)
    rest = holder.client.get(f"{PATH}/verify", params={"from_index": 1, "limit": 10_000}).json()
    head = rest["head"]
    assert (rest["is_valid"], rest["is_complete"], rest["last_index"]) == (True, True, head["index"])
    right = {"from_index": 1, "anchor_index": head["index"], "anchor_hash": head["hash"]}
    assert holder.client.get(f"{PATH}/verify", params=right).json()["is_valid"]
    wrong = holder.client.get(f"{PATH}/verify", params={**right, "anchor_hash": "0" * 64}).json()
    assert [(each["block_index"], each["field"]) for each in wrong["findings"]] == [(head["index"], "hash")]
    alone = holder.client.get(f"{PATH}/verify", params={"anchor_index": 0})
    assert (alone.status_code, alone.json()["code"]) == (409, "anchor_incomplete")


def test_a_client_appends_but_never_changes(holder: Holder) -> None:
    answers = [holder.client.post(f"{PATH}/blocks", json={}), holder.client.delete(f"{PATH}/blocks/0")]
    assert [answer.status_code for answer in answers] == [405, 405]
    assert all("transfers" in answer.json()["detail"] for answer in answers)


# --- tampering, in a database of the test's own ------------------------------------------------------------------


@pytest.fixture
def grown(books: Settings) -> Settings:
    """Settings of a database with a chain of two mints and three transfers between two accounts."""
    owner = api_user(books).id
    one, two = (funds.account(books, owner) for _ in range(2))

    async def act(connection: Transaction) -> None:
        await ledger.lock_accounts(connection, [one, two])
        for sender, receiver, minor in (
            (None, one, 500),
            (None, two, 500),
            (one, two, 100),
            (two, one, 50),
            (one, two, 1),
        ):
            await chain.append(connection, [CoinMove(funds.new_id(), sender, receiver, minor)], clock=CLOCK)

    funds.run(books, act)
    return books


def _verify(settings: Settings, anchor: Anchor | None = None) -> Report:
    return funds.run(settings, lambda connection: chain_check.verify(connection, anchor=anchor))


def _fields(findings: tuple[Finding, ...]) -> set[tuple[int | None, str]]:
    return {(each.block_index, each.field) for each in findings}


def _tamper(settings: Settings, *statements: str) -> None:
    """What somebody does who owns the server: no trigger, no foreign key is asked."""
    with postgres.connect(settings.postgres) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            assert connection.execute(statement.encode()).rowcount > 0


T, B = "UPDATE chain.transaction SET ", "UPDATE chain.block SET "
AT_2, TX_2 = " WHERE index = 2", " WHERE block_index = 2"
FIRST = "(SELECT receiver_account_id FROM chain.transaction WHERE block_index = 0)"


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (B + "previous_hash = decode(repeat('09', 32), 'hex')" + AT_2, {(2, "previous_hash")}),
        (B + "merkle_root = decode(repeat('09', 32), 'hex')" + AT_2, {(2, "merkle_root")}),
        (B + "hash = decode(repeat('09', 32), 'hex')" + AT_2, {(2, "hash")}),
        (B + "hash = decode(repeat('09', 32), 'hex') WHERE index = 4", {(4, "hash")}),
        (B + "created_at = created_at - interval '1 us'" + AT_2, {(2, "created_at")}),
        (B + "created_at = created_at - interval '1 us' WHERE index = 4", {(4, "created_at")}),
        (B + "transaction_count = 2" + AT_2, {(2, "transaction_count")}),
        (B + "index = 99" + AT_2, {(2, "index"), (2, "block_index")}),
        (T + "id = gen_random_uuid()" + TX_2, {(2, "id"), (2, "ledger_entry"), (None, "ledger_transfer")}),
        (T + "block_index = 3, position = 1" + TX_2, {(3, "block_index"), (2, "transaction_count")}),
        (T + "block_index = 77" + TX_2, {(77, "block_index"), (2, "transaction_count")}),
        (T + "position = 1" + TX_2, {(2, "position")}),
        (T + "kind = 'mint', sender_account_id = NULL" + TX_2, {(2, "kind"), (2, "sender_account_id")}),
        (T + f"sender_account_id = NULL, kind = 'mint' WHERE sender_account_id = {FIRST}", {(2, "sender_account_id")}),
        (T + "receiver_account_id = sender_account_id, sender_account_id = receiver_account_id" + TX_2,
         {(2, "receiver_account_id"), (2, "sender_account_id"), (2, "ledger_entry")}),
        (T + "amount_minor = amount_minor + 1" + TX_2, {(2, "amount_minor"), (2, "ledger_entry")}),
        (T + "currency = 'USD'" + TX_2, {(2, "currency"), (2, "ledger_entry")}),
        (T + "created_at = created_at - interval '1 us'" + TX_2, {(2, "created_at")}),
        (T + "content = replace(content, '100', '101')" + TX_2, {(2, "content")}),
        (T + "hash = decode(repeat('09', 32), 'hex')" + TX_2, {(2, "hash")}),
        ("DELETE FROM chain.transaction" + TX_2, {(2, "transaction_count"), (None, "ledger_transfer")}),
        ("DELETE FROM chain.block" + AT_2, {(2, "index"), (2, "block_index")}),
        ("UPDATE ledger.entry SET amount_minor = amount_minor * 2", {(2, "ledger_entry"), (None, "ledger_balance")}),
        ("UPDATE ledger.account SET balance_minor = balance_minor + 1 WHERE purpose = 'coin'",
         {(None, "ledger_balance")}),
        ("UPDATE ledger.transfer SET source_id = gen_random_uuid()", {(2, "ledger_entry"), (None, "ledger_transfer")}),
        ("UPDATE ledger.transfer SET kind = 'other'", {(2, "ledger_entry"), (None, "ledger_transfer")}),
        ("DELETE FROM ledger.entry WHERE amount_minor = 100", {(2, "ledger_entry"), (None, "ledger_balance")}),
    ],
)  # fmt: skip
def test_whatever_is_changed_is_named(grown: Settings, statement: str, named: set[tuple[int | None, str]]) -> None:
    assert _verify(grown).findings == ()
    _tamper(grown, statement)
    report = _verify(grown)
    assert not report.is_valid
    assert named <= _fields(report.findings), _fields(report.findings)


def test_a_chain_cut_at_its_head_shows_in_the_ledger_and_by_an_anchor(grown: Settings) -> None:
    head = _verify(grown).head
    assert head is not None
    _tamper(grown, "DELETE FROM chain.transaction WHERE block_index = 4", "DELETE FROM chain.block WHERE index = 4")
    assert _fields(_verify(grown).findings) == {(None, "ledger_transfer")}
    anchored = _verify(grown, Anchor(head.index, head.hash))
    assert _fields(anchored.findings) == {(None, "ledger_transfer"), (4, "index")}


def test_rows_of_the_chain_cannot_be_changed_by_the_api_s_role_nor_by_mistake(grown: Settings) -> None:
    for statement in (
        "UPDATE chain.block SET index = 9",
        "DELETE FROM chain.transaction",
        "TRUNCATE chain.block CASCADE",
    ):
        with postgres.connect(grown.postgres) as connection, pytest.raises(errors.RestrictViolation):
            connection.execute(statement.encode())
        with postgres.connect(grown.postgres) as connection:
            connection.execute(f"SET ROLE {postgres.API_ROLE}".encode())
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_command_verifies_everything_and_prints_the_head(grown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse.settings.load", lambda: grown)
    right = CliRunner().invoke(app, ["chain", "verify"])
    head = right.output.strip().removeprefix("head ")
    assert right.exit_code == 0, right.output
    assert head.startswith("4:")
    assert CliRunner().invoke(app, ["chain", "verify", "--anchor", head]).exit_code == 0
    _tamper(grown, T + "amount_minor = 7" + TX_2)
    wrong = CliRunner().invoke(app, ["chain", "verify"])
    assert wrong.exit_code != 0
    assert "block 2 transaction" in wrong.output
    assert "amount_minor" in wrong.output


def test_the_chain_grows_without_gaps_under_many_writers(books: Settings) -> None:
    owner = api_user(books).id
    accounts = [funds.account(books, owner) for _ in range(4)]

    def mint(number: int) -> None:
        async def act(connection: Transaction) -> None:
            await chain.append(connection, [CoinMove(funds.new_id(), None, accounts[number % 4], 100)], clock=CLOCK)

        funds.run(books, act)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(mint, range(40)))
    report = _verify(books)
    assert report.findings == ()
    assert report.head is not None
    assert report.head.index == 39
