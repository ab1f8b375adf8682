"""The API when PostgreSQL dies and comes back, when it is told to stop, and what its logs and metrics tell."""

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import PostgresSettings, Settings
from lakehouse.stores import postgres
from tests.factories import databases
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.api_users import ApiUser, api_user
from tests.factories.postgres_server import PostgresServer, restartable_postgres
from tests.integration.serving.conftest import QUERY_TIMEOUT_S, Engines, Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
GONE_S = 8.0  # longest wait for a PostgreSQL that is not there, several of which make a request
PASSWORD = f"a long phrase that no log may hold {uuid4().hex}"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass(frozen=True, slots=True)
class Mortal:
    """An API with a PostgreSQL that tests may kill, and restart."""

    api: ApiProcess
    server: PostgresServer
    settings: Settings


@pytest.fixture(scope="class")
def mortal(engines: Engines) -> Iterator[Mortal]:
    with restartable_postgres() as server:
        settings = engines.settings.model_copy(update={"postgres": server.settings})
        migrations.upgrade(settings)
        with api_process(settings, query_timeout_s=GONE_S) as api:
            yield Mortal(api, server, settings)


def deposit_of(client: httpx.Client, portfolio: str, key: str) -> httpx.Response:
    body = {"name": portfolio, "cash": [{"amount": "1.00", "currency": "USD"}]}
    return client.post("/api/v1/seed", json=body, headers={"Idempotency-Key": key})


class TestPostgres:
    def test_a_killed_postgres_is_503_and_writes_again_without_a_restart(self, mortal: Mortal) -> None:
        with api_user(mortal.settings).client(mortal.api.url) as client:
            before = deposit_of(client, "Before", "key-before")
            mortal.server.kill()
            gone = [client.get("/api/v1/portfolio"), deposit_of(client, "During", "key-during")]
            ready, live = client.get("/health/ready"), client.get("/health/live")
            mortal.server.restart()
            _poll(lambda: client.get("/api/v1/portfolio").status_code == 200)
            _poll(lambda: client.get("/health/ready").json().get("status") in ("ready", "degraded"))
            replayed = deposit_of(client, "Before", "key-before")
            after = deposit_of(client, "During", "key-during")
            held = client.get("/api/v1/portfolio").json()
        assert before.status_code == 201
        assert {answer.status_code for answer in gone} == {503}
        assert {answer.json()["code"] for answer in gone} == {"dependency_unavailable"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in gone)
        assert (ready.status_code, live.status_code) == (503, 200)
        assert replayed.json() == before.json()
        assert replayed.headers["idempotency-replayed"] == "true"
        assert after.status_code == 201
        assert [row["name"] for row in held["portfolios"]] == ["Before", "During"]

    def test_writes_during_the_kill_are_whole_or_absent(self, mortal: Mortal) -> None:
        """Whatever a client was told, a repeat with its key tells what is true, and nothing is there twice."""
        keys, user = [uuid4().hex for _ in range(24)], api_user(mortal.settings)
        with user.client(mortal.api.url) as client, ThreadPoolExecutor(4) as pool:
            running = [pool.submit(_quiet, client, key) for key in keys]
            _poll(lambda: sum(each.done() for each in running) >= 8)
            mortal.server.kill()
            told = [each.result() for each in running]
            mortal.server.restart()
            _poll(lambda: client.get("/health/ready").json().get("status") in ("ready", "degraded"))
            again = [deposit_of(client, key, key) for key in keys]
            held = client.get("/api/v1/portfolio").json()["portfolios"]
        assert {answer.status_code for answer in again} == {201}
        assert sorted(row["name"] for row in held) == sorted(keys)
        assert {row["value"]["amount"] for row in held} == {"1.00"}
        first = {answer.json()["portfolio_id"] for answer in told if answer is not None and answer.status_code == 201}
        assert first <= {row["id"] for row in held}
        with postgres.connect(mortal.server.settings) as connection:
            events = connection.execute(
                "SELECT count(*) FROM ops.outbox WHERE type = 'portfolio.seeded' AND owner_id = %s", (user.id,)
            ).fetchone()
        assert events == (len(keys),)


class TestReplica:
    def test_lists_are_read_from_the_replica_and_own_writes_from_the_primary(self, served: Served) -> None:
        """A second server stands in for a replica that has not heard of the write yet."""
        with restartable_postgres() as behind:
            empty = served.settings.model_copy(update={"postgres": behind.settings})
            databases.template(empty)
            late = databases.fresh(empty, name=served.settings.postgres.database)  # a replica has the primary's names
            user = api_user(served.settings)
            _copy_user(late, user)
            both = _with_replica(served.settings, behind.settings)
            with api_process(both, query_timeout_s=QUERY_TIMEOUT_S) as api, user.client(api.url) as client:
                made = deposit_of(client, "On the primary", uuid4().hex)
                listed = client.get("/api/v1/portfolios").json()["data"]
                aggregate = client.get("/api/v1/portfolio").json()["portfolios"]
        assert made.status_code == 201
        assert listed == []
        assert [row["name"] for row in aggregate] == ["On the primary"]


class TestStopping:
    def test_readiness_flips_first_and_open_requests_finish(self, served: Served, books: Settings) -> None:
        settings = books
        user = api_user(settings)
        with api_process(settings, query_timeout_s=60.0) as api, postgres.connect(settings.postgres) as blocker:
            blocker.execute("LOCK TABLE app.portfolio IN ACCESS EXCLUSIVE MODE")
            with user.client(api.url) as client, ThreadPoolExecutor(2) as pool:
                waiting = pool.submit(client.get, "/api/v1/portfolios")
                _poll(lambda: _is_blocked(settings))
                api.process.send_signal(signal.SIGTERM)
                _poll(lambda: _draining(client))
                blocker.rollback()
                answer = waiting.result()
            api.process.wait(120)
        assert answer.status_code == 200
        assert api.process.returncode in (0, -signal.SIGTERM)
        assert '"draining"' in api.log.read_text()


class TestTelling:
    def test_every_line_of_a_request_has_its_id_trace_and_user(self, served: Served) -> None:
        user, mark = api_user(served.settings), uuid4().hex
        with user.client(served.api.url) as client:
            headers = {"X-Request-ID": mark, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            client.get("/api/v1/portfolios", headers=headers).raise_for_status()
        _poll(lambda: any(each.get("request_id") == mark for each in _lines(served)))  # written after the answer
        (line,) = [each for each in _lines(served) if each.get("request_id") == mark]
        assert (line["event"], line["trace_id"], line["user_id"]) == ("request", TRACE, str(user.id))
        assert (line["status"], line["route"], line["method"]) == (200, "/api/v1/portfolios", "GET")

    def test_no_token_password_or_key_is_in_the_log(self, served: Served) -> None:
        user = api_user(served.settings)
        with httpx.Client(base_url=served.api.url, timeout=60.0) as client:
            email = f"{uuid4().hex}@example.com"
            made = {"email": email, "password": PASSWORD, "display_name": "Log Reader"}
            client.post("/api/v1/auth/register", json=made)
            login = client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
            cookies = [value for value in client.cookies.values() if len(value) > 12]
            client.get("/api/v1/portfolios", params={"name": PASSWORD}, headers=user.headers)
            client.get("/api/v1/portfolios", headers={"Authorization": f"Bearer {user.token}x"})
            client.get("/api/v1/portfolios", headers={"X-API-Key": "td_0000000000_" + user.token})
        text = served.api.log.read_text()
        secrets = [PASSWORD, user.token, login.json().get("access_token", user.token), *cookies]
        assert login.status_code == 200, login.text
        assert [secret for secret in secrets if secret in text] == []

    def test_the_metrics_have_the_names_that_were_asked_for(self, served: Served, alice: httpx.Client) -> None:
        deposit_of(alice, "Counted", uuid4().hex).raise_for_status()

        def text() -> str:
            return served.api.client.get("/metrics").text

        _poll(lambda: "portfolio_positions_total " in text())
        found = text()
        assert 'http_requests_total{method="POST",route="/api/v1/seed",status="201"}' in found
        assert 'http_request_duration_seconds_bucket{le="0.1",method="POST",route="/api/v1/seed"}' in found
        for name in (
            "# TYPE trade_executions_total counter",
            "# TYPE risk_alerts_total counter",
            "# TYPE portfolio_positions_total gauge",
            "# TYPE tidemark_tick_age_seconds histogram",
            "# TYPE tidemark_order_fill_seconds histogram",
            "outbox_age_seconds ",
            'postgres_pool_connections{pool="write"}',
            'tidemark_dependency_up{dependency="redis"} 1.0',
        ):
            assert name in found, name


def _quiet(client: httpx.Client, key: str) -> httpx.Response | None:
    try:
        return deposit_of(client, key, key)
    except httpx.TransportError:
        return None


def _with_replica(settings: Settings, replica: PostgresSettings) -> Settings:
    there = {"replica_host": replica.host, "replica_port": replica.port}
    return settings.model_copy(update={"postgres": settings.postgres.model_copy(update=there)})


def _copy_user(settings: Settings, user: ApiUser) -> None:
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO auth.app_user (id, email, display_name) VALUES (%s, %s, 'a test')",
            (user.id, f"{user.id.hex}@example.com"),
        )


def _is_blocked(settings: Settings) -> bool:
    with postgres.connect(settings.postgres) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.portfolio'::regclass"
        ).fetchone()
    return found is not None and found[0] > 0


def _draining(client: httpx.Client) -> bool:
    try:
        answer = client.get("/health/ready")
    except httpx.TransportError:
        raise AssertionError("it stopped to listen before readiness had flipped") from None
    return answer.status_code == 503 and answer.json()["code"] == "draining"


def _lines(served: Served) -> list[dict[str, object]]:
    return [json.loads(line) for line in served.api.log.read_text().splitlines() if line.startswith("{")]


def _poll(condition: Callable[[], bool], timeout_s: float = 180.0) -> None:
    deadline = CLOCK.monotonic() + timeout_s
    while not condition():
        assert CLOCK.monotonic() < deadline, "it did not happen in time"
        CLOCK.sleep(0.05)
