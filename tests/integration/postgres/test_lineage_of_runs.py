"""OpenLineage events of runs on a real PostgreSQL: what the library's own model takes, and never a reason to fail."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from openlineage.client import event_v2

from lakehouse.clock import ManualClock
from lakehouse.contracts.jobs import RETURNS_DAILY
from lakehouse.contracts.quality import Grade
from lakehouse.contracts.tables.gold import RETURNS_DAILY as RETURNS
from lakehouse.migrations.postgres import upgrade
from lakehouse.settings import LineageSettings, Settings
from lakehouse.stores import postgres
from spark_jobs.kit import life
from spark_jobs.kit.args import Request
from spark_jobs.kit.audit import AuditFailedError
from spark_jobs.kit.errors import NothingToDo
from spark_jobs.kit.findings import Finding
from spark_jobs.kit.lineage import FILE
from spark_jobs.kit.manifest import Manifest, OutputRecord, State
from tests.factories.ports import free_port

pytestmark = pytest.mark.integration

DAY = date(2022, 12, 28)
JUMP = Finding(RETURNS.name, "log_return within 25 robust deviations by symbol", "Jump", Grade.WARN, 2, "2 rows")


@pytest.fixture
def settings(empty: Settings) -> Iterator[Settings]:
    upgrade(empty)
    yield empty
    with postgres.connect(empty.postgres) as connection:
        connection.execute("TRUNCATE ops.job_run, ops.asset_status, ops.quality_finding")
    (empty.home / "logs" / FILE).unlink(missing_ok=True)


def run(settings: Settings, work: life.Work, run_id: str | None = None) -> Manifest:
    return life.recorded(RETURNS_DAILY, Request(DAY, run_id), settings, clock=ManualClock(), work=work)


def published(session: life.Session) -> Manifest:
    session.findings.append(JUMP)
    record = OutputRecord(7, "ff", {}, 3, {"close IS NOT NULL": 0, JUMP.check: 2})
    return replace(
        session.manifest,
        state=State.PUBLISHED,
        inputs={"silver.daily_bars_v1": 12},
        outputs={RETURNS.name: record},
    )


def events(settings: Settings) -> list[dict[str, Any]]:
    """The events of the file, each taken apart and put together again by the library's model, which checks it."""
    found = [json.loads(line) for line in (settings.home / "logs" / FILE).read_text().splitlines()]
    for told in found:
        event_v2.RunEvent(
            eventTime=told["eventTime"],
            producer=told["producer"],
            eventType=event_v2.RunState(told["eventType"]),
            run=event_v2.Run(**told["run"]),
            job=event_v2.Job(**told["job"]),
            inputs=[event_v2.InputDataset(**each) for each in told["inputs"]],
            outputs=[event_v2.OutputDataset(**each) for each in told["outputs"]],
        )
        facets = [facet for part in ("run", "job") for facet in told[part]["facets"].values()]
        for dataset in (*told["inputs"], *told["outputs"]):
            facets += [*dataset["facets"].values(), *dataset.get("outputFacets", {}).values()]
        assert facets
        assert all({"_producer", "_schemaURL"} <= set(facet) for facet in facets)
    return found


def test_a_published_run_tells_versions_rows_and_checks(settings: Settings) -> None:
    done = run(settings, published)
    begun, complete = events(settings)
    assert (begun["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert begun["run"]["runId"] == complete["run"]["runId"] == done.run_id
    (read,), (written,) = complete["inputs"], complete["outputs"]
    assert (read["namespace"], read["name"]) == (f"s3://{settings.s3.lake_bucket}", "silver/daily_bars_v1")
    assert read["facets"]["version"]["datasetVersion"] == "12"
    assert written["facets"]["version"]["datasetVersion"] == "3"
    assert written["facets"]["schema"]["fields"][0]["name"] == "business_year"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 7
    told = {
        each["assertion"]: (each["success"], each["rows"])
        for each in written["outputFacets"]["tidemark_checks"]["assertions"]
    }
    assert told == {"close IS NOT NULL": (True, 0), JUMP.check: (False, 2)}


def test_a_refused_output_says_which_check(settings: Settings) -> None:
    def refused(_: life.Session) -> Manifest:
        error = AuditFailedError(RETURNS, "simple_return > -1", 4)
        error.findings = (Finding(RETURNS.name, "simple_return > -1", "Satisfies", Grade.FAIL, 4, "4 rows"),)
        raise error

    with pytest.raises(AuditFailedError):
        run(settings, refused, "not-a-uuid")
    _, failed = events(settings)
    assert failed["eventType"] == "FAIL"
    assert UUID(failed["run"]["runId"]).version == 5
    assert "simple_return > -1" in failed["run"]["facets"]["errorMessage"]["message"]
    (check,) = failed["outputs"][0]["outputFacets"]["tidemark_checks"]["assertions"]
    assert (check["success"], check["grade"], check["rows"]) == (False, "fail", 4)


def test_a_day_without_work_is_aborted(settings: Settings) -> None:
    def unwanted(_: life.Session) -> Manifest:
        raise NothingToDo("a holiday")

    with pytest.raises(NothingToDo):
        run(settings, unwanted)
    assert [found["eventType"] for found in events(settings)] == ["START", "ABORT"]


def test_an_address_that_does_not_answer_fails_nothing(settings: Settings) -> None:
    silent = settings.model_copy(
        update={"lineage": LineageSettings(url=f"http://127.0.0.1:{free_port()}", timeout_s=1)}
    )
    assert run(silent, published).state is State.PUBLISHED


def test_a_home_that_cannot_be_written_fails_nothing(settings: Settings) -> None:
    taken = settings.home / "a-file"
    taken.write_text("")
    assert run(settings.model_copy(update={"home": taken}), published).state is State.PUBLISHED


def test_events_are_posted_where_there_is_an_address(settings: Settings) -> None:
    got: list[dict[str, Any]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            run(settings.model_copy(update={"lineage": LineageSettings(url=url, timeout_s=120)}), published)
        finally:
            server.shutdown()
            thread.join()
    assert [each["eventType"] for each in got] == ["START", "COMPLETE"]
