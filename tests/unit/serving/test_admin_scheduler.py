"""The scheduler's state, read from a server that answers as Airflow does."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from lakehouse.clock import ManualClock
from lakehouse.settings import AirflowSettings
from serving.admin.scheduler import KEPT_S, Scheduler, SchedulerUnavailable
from tests.factories.ports import free_port


def run(dag_id: str, day: str, state: str) -> dict[str, Any]:
    times = {"run_after": f"{day}T00:00:00Z", "start_date": f"{day}T00:01:00Z", "end_date": None}
    return {"dag_id": dag_id, "dag_run_id": day, "state": state, "run_type": "manual", "partition_key": day, **times}


ANSWERS: dict[str, Any] = {
    "/auth/token": {"access_token": "t"},
    "/api/v2/monitor/health": {"scheduler": {"status": "healthy"}, "metadatabase": {"status": "healthy"}},
    "/api/v2/importErrors": {"import_errors": []},
    "/api/v2/dags": {"dags": [{"dag_id": name} for name in ("daily", "never", "yearly")]},
    "/api/v2/dags/~/dagRuns": {
        "dag_runs": [run("daily", "2022-12-28", "running"), run("daily", "2022-12-27", "success")]
    },
    "/api/v2/dags/yearly/dagRuns": {"dag_runs": [run("yearly", "2022-01-01", "failed")]},
    "/api/v2/dags/never/dagRuns": {"dag_runs": []},
}


class Airflow(BaseHTTPRequestHandler):
    """Answers from ANSWERS by path."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(path)
        body = json.dumps(ANSWERS[path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowSettings]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Airflow.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield AirflowSettings(url=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_dag_with_its_newest_run(airflow: AirflowSettings) -> None:
    clock = ManualClock()
    found = asyncio.run(Scheduler(airflow, clock, timeout_s=60.0).status())
    last = {dag.dag_id: dag.last_run and (dag.last_run.run_id, dag.last_run.state) for dag in found.dags}
    assert last == {"daily": ("2022-12-28", "running"), "never": None, "yearly": ("2022-01-01", "failed")}
    assert found.is_healthy
    assert found.components == {"scheduler": "healthy", "metadatabase": "healthy"}


def test_many_questions_are_one(airflow: AirflowSettings) -> None:
    clock = ManualClock()

    async def ask() -> None:
        scheduler = Scheduler(airflow, clock, timeout_s=60.0)
        await asyncio.gather(*(scheduler.status() for _ in range(20)))
        clock.sleep(KEPT_S)
        await scheduler.status()

    asyncio.run(ask())
    assert Airflow.asked.count("/api/v2/monitor/health") == 2


def test_one_that_does_not_answer_is_named() -> None:
    nobody = AirflowSettings(url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SchedulerUnavailable):
        asyncio.run(Scheduler(nobody, ManualClock(), timeout_s=60.0).status())
