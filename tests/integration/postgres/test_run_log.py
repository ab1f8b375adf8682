"""Run ids: a published run is never overwritten, a failed one may begin anew, on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from lakehouse.clock import ManualClock
from lakehouse.contracts.jobs import BARS_1M, RETURNS_DAILY
from lakehouse.contracts.model import Job
from lakehouse.migrations.postgres import upgrade
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from spark_jobs.kit import life
from spark_jobs.kit.args import Request
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.lock import held
from spark_jobs.kit.manifest import Manifest, State
from spark_jobs.kit.runs import RunIdTakenError, RunLog

pytestmark = pytest.mark.integration

DAY = date(2022, 12, 28)
AT = datetime(2022, 12, 28, 22, tzinfo=UTC)


@pytest.fixture
def settings(empty: Settings) -> Iterator[Settings]:
    upgrade(empty)
    yield empty
    with postgres.connect(empty.postgres) as connection:
        connection.execute("TRUNCATE ops.job_run, ops.asset_status")


class Waiting(ManualClock):
    """Calls `meanwhile` once, where somebody sleeps."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def sleep(self, seconds: float) -> None:
        self.meanwhile()
        super().sleep(seconds)


def run(settings: Settings, job: Job, work: life.Work, day: date = DAY) -> Manifest:
    return life.recorded(job, Request(day, "the-id"), settings, clock=ManualClock(), work=work)


def published(session: life.Session) -> Manifest:
    return replace(session.manifest, state=State.PUBLISHED, counts={"rows": 7})


def refused(_: life.Session) -> Manifest:
    raise DataError("the input is wrong")


def unwanted(_: life.Session) -> Manifest:
    raise AssertionError("a published run was run again")


def recorded(settings: Settings) -> list[tuple[object, ...]]:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute("SELECT job, business_date, state FROM ops.job_run").fetchall()


def test_a_published_id_gives_its_manifest_and_another_job_may_not_take_it(settings: Settings) -> None:
    first = run(settings, BARS_1M, published)
    assert run(settings, BARS_1M, unwanted) == first
    with pytest.raises(RunIdTakenError, match="the-id is that of another job"):
        run(settings, RETURNS_DAILY, unwanted)
    assert recorded(settings) == [("bars_1m", DAY, "published")]
    assert run(settings, BARS_1M, unwanted).counts == {"rows": 7}


def test_another_job_s_failed_run_is_not_overwritten_but_the_job_may_try_again(settings: Settings) -> None:
    with pytest.raises(DataError, match="the input is wrong"):
        run(settings, BARS_1M, refused)
    with pytest.raises(RunIdTakenError):
        run(settings, RETURNS_DAILY, unwanted)
    later = date(2022, 12, 29)
    assert run(settings, BARS_1M, published, later).business_date == later
    assert recorded(settings) == [("bars_1m", later, "published")]


def test_what_was_published_while_waiting_for_the_lock_is_returned(settings: Settings) -> None:
    running = Manifest("the-id", BARS_1M.name, DAY, State.RUNNING, "code", "lock")
    done = replace(running, state=State.PUBLISHED)
    with postgres.connect(settings.postgres) as other:
        other.autocommit = True
        lock = held(other, f"job {BARS_1M.name}", clock=ManualClock())
        lock.__enter__()

        def publish_and_leave() -> None:
            log = RunLog(other, BARS_1M)
            log.begin(running, AT)
            log.finish(done, AT)
            lock.__exit__(None, None, None)

        clock = Waiting(publish_and_leave)
        assert life.recorded(BARS_1M, Request(DAY, "the-id"), settings, clock=clock, work=unwanted) == done
    assert recorded(settings) == [("bars_1m", DAY, "published")]


def test_a_published_row_cannot_begin_again(settings: Settings) -> None:
    run(settings, BARS_1M, published)
    with postgres.connect(settings.postgres) as connection:
        log = RunLog(connection, BARS_1M)
        again = replace(log.require("the-id"), state=State.RUNNING)
        with pytest.raises(RunIdTakenError):
            log.begin(again, AT)
    assert recorded(settings) == [("bars_1m", DAY, "published")]
