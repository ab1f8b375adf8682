"""The audit log: everything that changes a right is in it, nobody changes it unnoticed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from serving.audit.chain import CHAINS, Content, Flaw, chain_of
from serving.audit.cli import check
from serving.audit.log import APPEND, parameters
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
AUTH = "/api/v1/auth"
ACTORS = tuple(uuid7(CLOCK) for _ in range(6))


def content(actor: UUID | None = ACTORS[0], after: object = None) -> Content:
    return Content(
        id=uuid7(CLOCK),
        occurred_at=CLOCK.now(),
        actor_id=actor,
        actor_kind="session",
        action="thing.changed",
        object_kind="thing",
        object_id="7 \N{SNOWMAN}\n{",
        before={"a": "1.50", "nested": [1, None, True, {"b": "\N{GREEK SMALL LETTER ALPHA}"}]},
        after=after,
        request_id="r",
        address="::1",
    )


def append(section: Settings, what: Content) -> None:
    with postgres.connect(section.postgres) as connection:
        connection.execute(APPEND, parameters(what))


@pytest.fixture
def log(books: Settings) -> Settings:
    """Thirty rows of several actors, written at the same time."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: append(books, content(ACTORS[number % 6])), range(30)))
    return books


def flaws_of(section: Settings) -> list[Flaw]:
    with postgres.connect(section.postgres) as connection:
        return check(connection)


def tamper(section: Settings, statement: str, *values: object) -> None:
    """As somebody who may do everything in the database."""
    with postgres.connect(section.postgres) as connection:
        connection.execute("ALTER TABLE audit.event DISABLE TRIGGER ALL")
        connection.execute(statement, values)
        connection.execute("ALTER TABLE audit.event ENABLE TRIGGER ALL")


def test_what_was_written_at_the_same_time_is_one_chain_an_actor(log: Settings) -> None:
    assert flaws_of(log) == []
    with postgres.connect(log.postgres) as connection:
        rows = connection.execute("SELECT chain, max(seq), count(*) FROM audit.event GROUP BY chain").fetchall()
    assert all(highest == count for _, highest, count in rows)
    assert {row[0] for row in rows} == {chain_of(actor) for actor in ACTORS} <= set(range(CHAINS))


@pytest.mark.parametrize(
    "change",
    [
        "actor_id = gen_random_uuid()",
        "action = 'thing.read'",
        "object_id = '8'",
        "before = NULL",
        "after = '{}'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "request_id = 'other'",
        "address = '::2'",
        "id = gen_random_uuid()",
        "hash = sha256('x')",
        "previous_hash = sha256('x')",
    ],
)
def test_a_changed_row_is_named(log: Settings, change: str) -> None:
    chain = chain_of(ACTORS[0])
    tamper(log, f"UPDATE audit.event SET {change} WHERE chain = %s AND seq = 3", chain)
    assert [(flaw.chain, flaw.seq) for flaw in flaws_of(log)] == [(chain, 3)]


def test_a_removed_row_is_named(log: Settings) -> None:
    chain = chain_of(ACTORS[0])
    tamper(log, "DELETE FROM audit.event WHERE chain = %s AND seq = 2", chain)
    assert flaws_of(log) == [Flaw(chain, 2, "row 2 is missing: 3 follows")]


def test_the_database_refuses_to_change_it(log: Settings) -> None:
    for statement in ("UPDATE audit.event SET address = ''", "DELETE FROM audit.event", "TRUNCATE audit.event"):
        with postgres.connect(log.postgres) as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(statement)


def test_the_role_of_the_api_can_only_append(log: Settings) -> None:
    for statement in ("DELETE FROM audit.event", "INSERT INTO audit.event SELECT * FROM audit.event"):
        with postgres.connect(log.postgres) as connection:
            connection.execute("SET ROLE tidemark_api")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with postgres.connect(log.postgres) as connection:
        connection.execute("SET ROLE tidemark_api")
        connection.execute(APPEND, parameters(content()))
    assert flaws_of(log) == []


def test_a_deed_that_is_rolled_back_leaves_no_row_and_no_gap(log: Settings) -> None:
    with postgres.connect(log.postgres) as connection:
        connection.execute(APPEND, parameters(content()))
        connection.rollback()
    append(log, content())
    assert flaws_of(log) == []


def test_changes_of_rights_are_told_with_who_and_from_where(served: Served, alice: httpx.Client) -> None:
    made = alice.post(
        f"{AUTH}/api-keys", json={"name": "k", "scopes": ["risk:read"]}, headers={"X-Request-ID": "audit-1"}
    ).json()
    found = served.api.client.get("/api/v1/admin/audit", params={"object_id": made["id"]}).json()["data"]
    assert len(found) == 1
    row = found[0]
    assert (row["action"], row["actor_kind"], row["request_id"], row["address"]) == (
        "api_key.created",
        "session",
        "audit-1",
        "127.0.0.1",
    )
    assert row["actor_id"] == alice.get(f"{AUTH}/me").json()["id"]
    assert row["after"]["scopes"] == "risk:read"
    assert made["key"].rpartition("_")[2] not in str(found)
    assert flaws_of(served.settings) == []


def test_refused_requests_are_counted_not_listed(served: Served, alice: httpx.Client) -> None:
    for _ in range(30):
        assert alice.get("/api/v1/admin/users").status_code == 403
    me = alice.get(f"{AUTH}/me").json()["id"]
    deadline = CLOCK.monotonic() + 120
    query = {"actor_id": me, "action": "request.not_allowed"}
    found: list[dict[str, Any]] = []
    while sum(row["after"]["times"] for row in found) < 30:
        assert CLOCK.monotonic() < deadline
        CLOCK.sleep(0.2)
        found = served.api.client.get("/api/v1/admin/audit", params=query).json()["data"]
    assert sum(row["after"]["times"] for row in found) == 30
    assert len(found) < 30
    assert found[0]["object_id"] == "/api/v1/admin/users"
