"""Registration, logins, sessions and keys through the real API."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import SimpleCookie
from uuid import uuid4

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.stores import postgres, redis as redis_store
from serving.auth import keys, throttle
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
AUTH = "/api/v1/auth"
USUAL = "four words make it"
OTHER = "and some other ones"
WORD = {"X-Requested-With": "tests"}
COOKIE = "tidemark_refresh"
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Person:
    """A registered user with an agent that keeps cookies."""

    agent: httpx.Client
    email: str

    def login(self, password: str = USUAL) -> httpx.Response:
        return self.agent.post(f"{AUTH}/login", json={"email": self.email, "password": password})

    def enter(self) -> dict[str, str]:
        """Log in; the headers of the access token."""
        answer = self.login()
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def me(self, headers: dict[str, str]) -> int:
        return self.agent.get(f"{AUTH}/me", headers=headers).status_code


@pytest.fixture
def agent(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.api.url, timeout=60.0) as client:
        yield client


@pytest.fixture
def ann(agent: httpx.Client) -> Person:
    email = f"{uuid4().hex}@example.com"
    assert register(agent, email).status_code == 202
    return Person(agent, email)


def register(client: httpx.Client, email: str, password: str = USUAL) -> httpx.Response:
    return client.post(f"{AUTH}/register", json={"email": email, "password": password, "display_name": "Ann"})


def until_refused(person: Person, headers: dict[str, str]) -> None:
    """Wait until the token is refused."""
    deadline = CLOCK.monotonic() + PATIENCE_S
    while person.me(headers) != 401:
        assert CLOCK.monotonic() < deadline, "it is still let in"
        CLOCK.sleep(0.05)


def paused(served: Served, person: Person) -> str:
    """Wrong passwords until the account has its pause, which is made too long for a slow machine; its name in Redis.

    Attempts that get through a pause that was over make a longer one.
    """
    assert [person.login(OTHER).status_code for _ in range(5)] == [401] * 5
    name = throttle._names(person.email, "127.0.0.1")[1]
    store = redis_store.connect(served.settings.redis)
    while not store.set(name, "1", ex=600, xx=True):
        assert person.login(OTHER).status_code == 401
    return name


class TestRegistrationAndLogin:
    def test_the_answers_tell_nothing_about_who_is_registered(self, agent: httpx.Client, ann: Person) -> None:
        new, known = register(agent, f"{uuid4().hex}@example.com"), register(agent, ann.email.upper(), OTHER)
        wrong = ann.login(OTHER)
        nobody = agent.post(f"{AUTH}/login", json={"email": f"{uuid4().hex}@example.com", "password": OTHER})
        assert (new.status_code, new.content) == (known.status_code, known.content) == (202, new.content)
        assert wrong.status_code == nobody.status_code == 401
        assert {**wrong.json(), "request_id": ""} == {**nobody.json(), "request_id": ""}
        assert ann.login().status_code == 200, "a second registration must not change the password"
        assert ann.login(OTHER).status_code == 401

    def test_the_address_is_taken_in_any_case(self, ann: Person) -> None:
        answer = ann.agent.post(f"{AUTH}/login", json={"email": ann.email.upper(), "password": USUAL})
        assert answer.status_code == 200

    @pytest.mark.parametrize("password", ["password123", "QWERTYUIOP", "aaaaaaaaaaaa", "abababababab"])
    def test_a_common_password_is_refused(self, agent: httpx.Client, password: str) -> None:
        answer = register(agent, f"{uuid4().hex}@example.com", password)
        assert (answer.status_code, answer.json()["code"]) == (409, "password_too_common")

    @pytest.mark.parametrize("password", ["seven77", "x" * 201, "with\x00nul in it", ""])
    def test_what_the_schema_forbids_is_422(self, agent: httpx.Client, password: str) -> None:
        assert register(agent, f"{uuid4().hex}@example.com", password).status_code == 422

    def test_no_character_of_a_long_password_is_ignored(self, agent: httpx.Client) -> None:
        email = f"{uuid4().hex}@example.com"
        long = "word " * 39 + "abcd"
        register(agent, email, long)
        person = Person(agent, email)
        assert person.login(long[:-1] + "e").status_code == 401
        assert person.login(long).status_code == 200

    def test_nobody_registers_as_admin(self, agent: httpx.Client) -> None:
        body = {"email": f"{uuid4().hex}@example.com", "password": USUAL, "display_name": "Eve", "role": "admin"}
        assert agent.post(f"{AUTH}/register", json=body).status_code == 422

    def test_hashes_are_argon2id_and_made_anew_where_the_cost_has_risen(self, served: Served, ann: Person) -> None:
        from argon2 import PasswordHasher

        cheap = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(USUAL)
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute("UPDATE auth.app_user SET password_hash = %s WHERE email = %s", (cheap, ann.email))
        assert ann.login().status_code == 200
        with postgres.connect(served.settings.postgres) as connection:
            row = connection.execute(
                "SELECT password_hash FROM auth.app_user WHERE email = %s", (ann.email,)
            ).fetchone()
        assert row is not None
        assert row[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert ann.login().status_code == 200


class TestGuessing:
    def test_five_attempts_are_paused_and_the_owner_gets_in_afterwards(self, served: Served, ann: Person) -> None:
        pause = paused(served, ann)
        refused = [ann.login(OTHER) for _ in range(15)]
        assert [answer.status_code for answer in refused] == [429] * 15
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert ann.login().status_code == 429, "the right password must not be told apart during a pause"
        redis_store.connect(served.settings.redis).delete(pause)  # it is over
        assert ann.login().status_code == 200, "the owner is locked out"

    def test_pauses_grow(self, served: Served, ann: Person) -> None:
        store, lengths = redis_store.connect(served.settings.redis), []
        pause = paused(served, ann)
        for _ in range(8):
            store.delete(pause)
            assert ann.login(OTHER).status_code == 401
            lengths.append(int(str(store.pttl(pause))))
        assert lengths[-1] > 100_000 > lengths[0]

    def test_an_unknown_account_is_paused_the_same(self, served: Served, agent: httpx.Client) -> None:
        nobody = Person(agent, f"{uuid4().hex}@example.com")
        paused(served, nobody)
        assert nobody.login(OTHER).status_code == 429


class TestCookie:
    def test_the_refresh_token_is_in_a_cookie_that_no_script_reads_and_nowhere_else(
        self, served: Served, ann: Person
    ) -> None:
        answer = ann.login()
        morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
        assert morsel["httponly"]
        assert (morsel["samesite"].lower(), morsel["path"]) == ("strict", AUTH)
        assert morsel.value not in answer.text
        assert set(answer.json()) == {"access_token", "token_type", "expires_in", "session_id"}
        with postgres.connect(served.settings.postgres) as connection:
            stored = connection.execute(
                "SELECT t::text, s::text FROM auth.refresh_token AS t JOIN auth.session AS s ON s.id = t.session_id "
                "WHERE s.id = %s",
                (answer.json()["session_id"],),
            ).fetchall()
        assert len(stored) == 1
        assert morsel.value not in str(stored)
        assert morsel.value not in served.api.log.read_text()

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {**WORD, "Origin": "https://evil.example"},
            {**WORD, "Origin": "null"},
            {**WORD, "Sec-Fetch-Site": "cross-site"},
            {**WORD, "Sec-Fetch-Site": "same-site"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("path", ["/refresh", "/logout"])
    def test_another_sites_page_can_use_it_for_nothing(self, ann: Person, path: str, headers: dict[str, str]) -> None:
        ann.enter()
        answer = ann.agent.post(AUTH + path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_refused")
        own = {**WORD, "Origin": str(ann.agent.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        assert ann.agent.post(f"{AUTH}/refresh", headers=own).status_code == 200


class TestSessions:
    def test_a_refresh_token_works_once_and_its_second_use_ends_the_session(self, served: Served, ann: Person) -> None:
        ann.login()
        first = ann.agent.cookies[COOKIE]
        second_answer = ann.agent.post(f"{AUTH}/refresh", headers=WORD)
        access = {"Authorization": f"Bearer {second_answer.json()['access_token']}"}
        assert second_answer.status_code == 200
        second = ann.agent.cookies[COOKIE]
        assert second != first

        in_grace = use(served, first)
        assert (in_grace.status_code, in_grace.json()["code"]) == (409, "refresh_token_spent")
        assert ann.me(access) == 200
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute(
                "UPDATE auth.refresh_token SET spent_at = spent_at - interval '1 minute' "
                "WHERE spent_at IS NOT NULL AND session_id = %s",
                (second_answer.json()["session_id"],),
            )
        stolen = use(served, first)
        assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_refused")
        assert use(served, second).status_code == 401, "the thief's or the owner's token: both must end"
        until_refused(ann, access)

    def test_of_parallel_refreshes_one_wins(self, served: Served, ann: Person) -> None:
        ann.login()
        token = ann.agent.cookies[COOKIE]
        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(answer.status_code for answer in pool.map(lambda _: use(served, token), range(8)))
        assert statuses == [200] + [409] * 7

    def test_logging_out_ends_both_tokens(self, served: Served, ann: Person) -> None:
        access = ann.enter()
        token = ann.agent.cookies[COOKIE]
        assert ann.me(access) == 200
        answer = ann.agent.post(f"{AUTH}/logout", headers=WORD)
        assert (answer.status_code, ann.agent.cookies.get(COOKIE)) == (204, None)
        until_refused(ann, access)
        assert use(served, token).status_code == 401
        assert ann.agent.post(f"{AUTH}/logout", headers=WORD).status_code == 204

    def test_a_token_logs_its_own_session_out(self, ann: Person) -> None:
        access, other = ann.enter(), ann.enter()
        assert ann.agent.post(f"{AUTH}/logout", headers=access).status_code == 204
        until_refused(ann, access)
        assert ann.me(other) == 200

    def test_a_session_ended_elsewhere_is_refused_in_time(self, served: Served, ann: Person) -> None:
        """As another process would end it: this one only has its own memory."""
        access = ann.enter()
        assert ann.me(access) == 200
        with postgres.connect(served.settings.postgres) as connection:
            connection.execute(
                "UPDATE auth.session SET ended_at = now(), ended_because = 'revoked' WHERE user_id = "
                "(SELECT id FROM auth.app_user WHERE email = %s)",
                (ann.email,),
            )
        until_refused(ann, access)

    def test_they_are_listed_and_ended_by_their_owner_alone(self, ann: Person, bob: httpx.Client) -> None:
        first, second = ann.enter(), ann.enter()
        listed = ann.agent.get(f"{AUTH}/sessions", headers=second).json()["data"]
        assert [each["is_current"] for each in listed] == [True, False]
        victim = listed[1]["id"]
        assert bob.delete(f"{AUTH}/sessions/{victim}").status_code == 404
        assert ann.agent.delete(f"{AUTH}/sessions/{victim}", headers=second).status_code == 204
        assert ann.agent.delete(f"{AUTH}/sessions/{victim}", headers=second).status_code == 404
        until_refused(ann, first)
        assert ann.me(second) == 200

    def test_another_password_ends_every_other_session(self, ann: Person) -> None:
        first, second = ann.enter(), ann.enter()
        change = {"current_password": USUAL, "new_password": OTHER}
        wrong = ann.agent.post(f"{AUTH}/change-password", headers=second, json={**change, "current_password": OTHER})
        assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
        assert ann.agent.post(f"{AUTH}/change-password", headers=second, json=change).status_code == 204
        until_refused(ann, first)
        assert ann.me(second) == 200
        assert (ann.login().status_code, ann.login(OTHER).status_code) == (401, 200)

    def test_keys_rotate_while_requests_run(self, served: Served) -> None:
        """Tokens of the old key go on until it is retired; then they are refused, and those of the new one are not."""
        folder = keys.folder_of(served.settings)
        old_kid = keys.load(folder).signing.kid
        old = api_user(served.settings)
        keys.add(folder, CLOCK)
        new = api_user(served.settings)
        with old.client(served.api.url) as by_old, new.client(served.api.url) as by_new:
            for client in (by_old, by_new) * 20:
                assert client.get(f"{AUTH}/me").status_code == 200
            parked = folder / f"{old_kid}.pem"
            content = parked.read_bytes()
            keys.retire(folder, old_kid)
            try:
                deadline = CLOCK.monotonic() + PATIENCE_S
                while by_old.get(f"{AUTH}/me").status_code != 401:
                    assert CLOCK.monotonic() < deadline
                    CLOCK.sleep(0.05)
                assert by_new.get(f"{AUTH}/me").status_code == 200
            finally:  # others' tokens of this module were signed by it
                parked.touch(0o600)
                parked.write_bytes(content)


class TestApiKeys:
    def test_a_key_is_shown_once_and_stored_as_a_hash(self, served: Served, alice: httpx.Client) -> None:
        made = alice.post(f"{AUTH}/api-keys", json={"name": "report", "scopes": ["portfolios:read"]}).json()
        secret = made["key"].rpartition("_")[2]
        listed = alice.get(f"{AUTH}/api-keys")
        assert made["key"].startswith(made["prefix"] + "_")
        assert len(secret) == 52
        assert secret not in listed.text
        with postgres.connect(served.settings.postgres) as connection:
            row = connection.execute("SELECT k::text FROM auth.api_key AS k WHERE id = %s", (made["id"],)).fetchone()
        assert row is not None
        assert secret not in row[0]

    def test_it_acts_for_its_user_within_its_scopes(self, served: Served, alice: httpx.Client) -> None:
        scopes = ["portfolios:read", "profile:read", "profile:write"]
        made = alice.post(f"{AUTH}/api-keys", json={"name": "report", "scopes": scopes}).json()
        with httpx.Client(base_url=served.api.url, headers={"X-API-Key": made["key"]}, timeout=60.0) as program:
            me = program.get(f"{AUTH}/me").json()
            assert (me["id"], me["api_key_id"], me["scopes"]) == (
                alice.get(f"{AUTH}/me").json()["id"],
                made["id"],
                scopes,
            )
            assert program.get("/api/v1/portfolios").status_code == 200
            assert program.get("/api/v1/accounts").status_code == 403
            more = program.post(f"{AUTH}/api-keys", json={"name": "more", "scopes": ["profile:read"]})
            assert more.status_code == 403, "a stolen key must not make itself another one"
            sessions = alice.get(f"{AUTH}/sessions").json()["data"]
            assert program.delete(f"{AUTH}/sessions/{sessions[0]['id']}").status_code == 403
            assert program.delete(f"{AUTH}/api-keys/{made['id']}").status_code == 403
            assert alice.delete(f"{AUTH}/api-keys/{made['id']}").status_code == 204
            deadline = CLOCK.monotonic() + PATIENCE_S
            while program.get(f"{AUTH}/me").status_code != 401:
                assert CLOCK.monotonic() < deadline
                CLOCK.sleep(0.05)

    def test_nobody_gives_a_key_what_they_lack(self, alice: httpx.Client, served: Served) -> None:
        asked = {"name": "root", "scopes": ["admin"]}
        assert alice.post(f"{AUTH}/api-keys", json=asked).status_code == 403
        admin = served.api.client.post(f"{AUTH}/api-keys", json={"name": "reader", "scopes": ["portfolios:read"]})
        with httpx.Client(base_url=served.api.url, headers={"X-API-Key": admin.json()["key"]}, timeout=60.0) as program:
            assert program.get("/api/v1/portfolios").json()["data"] == [], (
                "without its scope an admin's key is a user's"
            )

    @pytest.mark.parametrize("change", ["last", "prefix", "short", "expired"])
    def test_a_wrong_key_is_refused(self, served: Served, alice: httpx.Client, change: str) -> None:
        made = alice.post(f"{AUTH}/api-keys", json={"name": "report", "scopes": ["profile:read"]}).json()
        key = made["key"]
        wrong = {
            "last": key[:-1] + ("a" if key[-1] != "a" else "b"),
            "prefix": key.replace(key[3:6], "aaa", 1),
            "short": key[:-1],
            "expired": key,
        }[change]
        if change == "expired":
            with postgres.connect(served.settings.postgres) as connection:
                connection.execute(
                    "UPDATE auth.api_key SET created_at = now() - interval '2 days', expires_at = now() - interval "
                    "'1 day' WHERE id = %s",
                    (made["id"],),
                )
        answer = httpx.get(f"{served.api.url}{AUTH}/me", headers={"X-API-Key": wrong}, timeout=60.0)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="tidemark"')


def use(served: Served, token: str) -> httpx.Response:
    """A refresh by an agent that has nothing but this cookie."""
    return httpx.post(f"{served.api.url}{AUTH}/refresh", headers=WORD, cookies={COOKIE: token}, timeout=60.0)
