"""The API when an engine hangs, breaks a connection or is missing: bounded, told apart, and over when it is over."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from lakehouse.clock import SystemClock
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from lakehouse.stores import postgres
from tests.factories.clickhouse_process import start
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
RISK = f"/api/v1/portfolios/{PORTFOLIOS[0].id}/risk"


def test_readiness_names_each_engine_with_its_latency(served: Served) -> None:
    answer = served.api.client.get("/health/ready")
    report = answer.json()
    states = {each["name"]: (each["state"], each["required"]) for each in report["dependencies"]}
    assert (answer.status_code, report["status"]) == (200, "degraded")
    assert states == {
        "postgres": ("up", True),
        "clickhouse": ("up", True),
        "redis": ("up", False),
        "kafka": ("down", False),
        "s3": ("down", False),
    }
    assert all(each["latency_ms"] > 0 for each in report["dependencies"])


def test_a_hanging_clickhouse_costs_its_own_readers_the_time_limit_and_nobody_else(served: Served) -> None:
    served.api.client.get(RISK).raise_for_status()
    served.clickhouse.process.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(12) as pool:
            waiting = [pool.submit(served.api.client.get, RISK) for _ in range(10)]
            others = [served.api.client.get(path) for path in ("/health/live", "/api/v1/portfolios")]
            answered_first = not any(future.done() for future in waiting)
            answers = [future.result() for future in waiting]
        ready = served.api.client.get("/health/ready")
    finally:
        served.clickhouse.process.send_signal(signal.SIGCONT)

    assert [answer.status_code for answer in others] == [200, 200]
    assert answered_first, "others waited as long as those who read from it"
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "dependency_unavailable")}
    assert {answer.headers["retry-after"] for answer in answers} == {"5"}
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert ready.headers["content-type"] == "application/problem+json"
    down = {each["name"] for each in ready.json()["dependencies"] if each["state"] == "down"}
    assert "clickhouse" in down
    assert "postgres" not in down

    _until_it_answers(served)


def test_a_clickhouse_that_was_killed_is_read_again_when_it_is_back(served: Served) -> None:
    served.api.client.get(RISK).raise_for_status()
    served.clickhouse.kill()
    gone = served.api.client.get(RISK)
    others = served.api.client.get("/api/v1/portfolios")
    served.clickhouse.process = start(served.clickhouse.settings).process
    assert (gone.status_code, gone.json()["code"], others.status_code) == (503, "dependency_unavailable", 200)
    assert served.api.client.get(RISK).status_code == 200


def test_a_broken_postgres_connection_is_replaced_unnoticed(served: Served) -> None:
    served.api.client.get("/api/v1/portfolios").raise_for_status()
    with postgres.connect(served.settings.postgres) as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended is not None
    assert ended[0] >= 1
    assert served.api.client.get("/api/v1/portfolios").status_code == 200


def _until_it_answers(served: Served) -> None:
    deadline = CLOCK.monotonic() + 120
    while served.api.client.get(RISK).status_code != 200:
        assert CLOCK.monotonic() < deadline, "ClickHouse goes on, but the API does not read from it"
        CLOCK.sleep(0.2)
