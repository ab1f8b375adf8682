"""Administration through the real API, and users, keys and the audit log from the command line."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
ADMIN = "/api/v1/admin"
PATIENCE_S = 120.0


def wait_for(client: httpx.Client, path: str, status: int) -> None:
    deadline = CLOCK.monotonic() + PATIENCE_S
    while client.get(path).status_code != status:
        assert CLOCK.monotonic() < deadline
        CLOCK.sleep(0.05)


class TestUsers:
    def test_they_are_found_and_no_secret_is_shown(self, served: Served) -> None:
        user = api_user(served.settings)
        page = served.api.client.get(f"{ADMIN}/users", params={"email": user.id.hex.upper(), "role": "user"})
        assert [row["id"] for row in page.json()["data"]] == [str(user.id)]
        assert "hash" not in page.text
        assert "argon" not in page.text
        assert served.api.client.get(f"{ADMIN}/users/{SYSTEM_USER}").status_code == 404

    def test_pages_hold_everybody_once(self, served: Served) -> None:
        for _ in range(3):
            api_user(served.settings)
        found: list[str] = []
        path = f"{ADMIN}/users?limit=2&status=active"
        while path:
            page = served.api.client.get(path).json()
            found += [row["id"] for row in page["data"]]
            path = page["next"]
        assert found == sorted(set(found))
        assert len(found) >= 4

    def test_a_disabled_user_is_out_and_comes_back_with_a_new_login(self, served: Served) -> None:
        user = api_user(served.settings)
        with user.client(served.api.url) as client:
            made = client.post("/api/v1/auth/api-keys", json={"name": "k", "scopes": ["profile:read"]}).json()
            path = f"{ADMIN}/users/{user.id}"
            answer = served.api.client.patch(path, json={"status": "disabled"})
            assert (answer.status_code, answer.json()["status"], answer.json()["live_sessions"]) == (200, "disabled", 0)
            wait_for(client, "/api/v1/auth/me", 401)
            with httpx.Client(base_url=served.api.url, headers={"X-API-Key": made["key"]}, timeout=60.0) as program:
                wait_for(program, "/api/v1/auth/me", 401)
                assert served.api.client.patch(path, json={"status": "active"}).status_code == 200
                wait_for(program, "/api/v1/auth/me", 200)
            assert client.get("/api/v1/auth/me").status_code == 401, "its sessions have ended for good"

    def test_a_role_holds_from_the_next_login(self, served: Served) -> None:
        admin = api_user(served.settings, role="admin")
        with admin.client(served.api.url) as client:
            assert client.get(f"{ADMIN}/users").status_code == 200
            served.api.client.patch(f"{ADMIN}/users/{admin.id}", json={"role": "user"}).raise_for_status()
            wait_for(client, f"{ADMIN}/users", 401)

    def test_nobody_changes_their_own_rights_or_an_older_version(self, served: Served) -> None:
        own = served.api.client.patch(f"{ADMIN}/users/{served.admin.id}", json={"role": "user"})
        user = api_user(served.settings)
        path = f"{ADMIN}/users/{user.id}"
        stale = served.api.client.patch(path, json={"role": "admin"}, headers={"If-Match": '"9"'})
        nothing = served.api.client.patch(path, json={})
        assert (own.status_code, own.json()["code"]) == (409, "own_rights")
        assert (stale.status_code, stale.json()["current_version"]) == (412, 1)
        assert (nothing.status_code, nothing.headers["etag"]) == (200, '"1"')
        assert served.api.client.patch(path, json={"password_hash": "x"}).status_code == 422

    def test_the_change_is_in_the_audit_log(self, served: Served) -> None:
        user = api_user(served.settings)
        served.api.client.patch(f"{ADMIN}/users/{user.id}", json={"role": "admin"}).raise_for_status()
        rows = served.api.client.get(f"{ADMIN}/audit", params={"object_id": str(user.id)}).json()["data"]
        assert [(row["action"], row["before"]["role"], row["after"]["role"]) for row in rows] == [
            ("user.rights_changed", "user", "admin")
        ]
        assert rows[0]["actor_id"] == str(served.admin.id)


def test_the_dashboard_counts_what_is_there(served: Served) -> None:
    before = served.api.client.get(f"{ADMIN}/dashboard/metrics").json()
    api_user(served.settings)
    after = served.api.client.get(f"{ADMIN}/dashboard/metrics").json()
    assert after["users"]["total"] == before["users"]["total"] + 1
    assert after["users"]["live_sessions"] == before["users"]["live_sessions"] + 1
    assert after["books"]["portfolios"] >= 3
    assert after["requests"]["total"] > before["requests"]["total"]
    assert after["cache"]["is_up"]
    assert after["outbox"]["waiting"] >= 0


def test_a_scheduler_that_does_not_answer_is_named(served: Served) -> None:
    answer = served.api.client.get(f"{ADMIN}/scheduler/status")
    assert (answer.status_code, answer.json()["code"]) == (503, "scheduler_unavailable")
    assert answer.headers["retry-after"]


def tidemark(section: Settings, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """The command line, on the database of `section`."""
    program = str(Path(sys.executable).with_name("tidemark"))
    environment = {
        **os.environ,
        "TIDEMARK_HOME": str(section.home),
        "TIDEMARK_POSTGRES__PORT": str(section.postgres.port),
        "TIDEMARK_POSTGRES__USER": section.postgres.user,
        "TIDEMARK_POSTGRES__DATABASE": section.postgres.database,
        "COLUMNS": "200",
    }
    return subprocess.run(
        [program, *words], input=given, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


class TestCommands:
    def test_the_first_administrator_is_made_here_and_logs_in(self, served: Served) -> None:
        email = f"{uuid4().hex}@example.com"
        added = tidemark(served.settings, "user", "add", email, "--admin")
        assert added.returncode == 0, added.stderr
        made_up = added.stdout.rpartition(": ")[2].strip()
        login = {"email": email, "password": made_up}
        token = served.api.client.post("/api/v1/auth/login", json=login).json()["access_token"]
        me = served.api.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).json()
        assert (me["role"], me["email"]) == ("admin", email)
        again = tidemark(served.settings, "user", "add", email, "--admin")
        assert (again.returncode, "already" in again.stderr) == (1, True)
        listed = tidemark(served.settings, "user", "list")
        assert email in listed.stdout
        assert tidemark(served.settings, "user", "disable", email).returncode == 0
        assert served.api.client.post("/api/v1/auth/login", json=login).status_code == 401
        assert tidemark(served.settings, "user", "disable", email).returncode == 1

    @pytest.mark.parametrize(
        ("email", "typed"),
        [("nobody", "a good long password"), ("a@example.com", "password123"), ("b@example.com", "x")],
    )
    def test_a_bad_address_or_password_is_refused(self, served: Served, email: str, typed: str) -> None:
        found = tidemark(served.settings, "user", "add", email, "--password-stdin", given=f"{typed}\n")
        assert found.returncode == 1
        assert "Traceback" not in found.stderr

    def test_keys_are_listed_rotated_and_retired(self, books: Settings, tmp_path: Path) -> None:
        section = books.model_copy(update={"home": tmp_path})
        for _ in range(2):
            assert tidemark(section, "auth", "rotate-key").returncode == 0
        old, new = (line.split() for line in tidemark(section, "auth", "keys").stdout.splitlines())
        assert (len(old), new[1:]) == (1, ["signs"])
        assert tidemark(section, "auth", "retire-key", old[0]).returncode == 0
        last = tidemark(section, "auth", "retire-key", new[0])
        assert (last.returncode, "only key" in last.stderr) == (1, True)

    def test_verify_names_what_was_tampered_with_and_what_was_cut_off(self, books: Settings, tmp_path: Path) -> None:
        section = books.model_copy(update={"home": tmp_path})
        for number in range(3):
            typed = "a good long password\n"
            added = tidemark(section, "user", "add", f"u{number}@example.com", "--password-stdin", given=typed)
            assert added.returncode == 0, added.stderr
        clean = tidemark(section, "audit", "verify")
        head = clean.stdout.splitlines()[0]
        assert clean.returncode == 0, clean.stderr
        assert head.startswith("0:3:")
        with postgres.connect(section.postgres) as connection:
            connection.execute("ALTER TABLE audit.event DISABLE TRIGGER ALL")
            connection.execute("DELETE FROM audit.event WHERE seq = 3")
        assert tidemark(section, "audit", "verify").returncode == 0, "an end that is cut off shows by its head alone"
        cut = tidemark(section, "audit", "verify", "--expect", head)
        assert (cut.returncode, "chain 0, row 3" in cut.stderr) == (1, True)
        with postgres.connect(section.postgres) as connection:
            connection.execute("UPDATE audit.event SET address = 'elsewhere' WHERE seq = 2")
        changed = tidemark(section, "audit", "verify")
        assert (changed.returncode, "chain 0, row 2" in changed.stderr) == (1, True)
