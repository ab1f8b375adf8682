"""What status, logs and doctor make of what they read."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.clock import ManualClock
from lakehouse.local import doctor, logs, status, views
from lakehouse.local.doctor import Finding, Level
from lakehouse.local.home import Home
from lakehouse.local.install.cache import Cache
from lakehouse.local.stack import existing
from lakehouse.local.status import ProcessStatus, StackStatus
from lakehouse.local.warden import descendants
from lakehouse.settings import load


def _process(name: str, *, ready: bool) -> ProcessStatus:
    return ProcessStatus(name, "RUNNING", ready=ready, pid=1, uptime_s=5, restarts=0, url="")


def test_a_home_without_a_stack_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path))

    found = status.read(load(), existing())

    assert not found.ready
    assert found.document()["processes"] == []
    assert set(found.urls) == {"api", "airflow", "mlflow", "clickhouse", "s3", "prometheus"}


def test_a_stack_is_ready_when_every_process_is() -> None:
    assert StackStatus({}, (_process("a", ready=True),), 0).ready
    assert not StackStatus({}, (_process("a", ready=True), _process("b", ready=False)), 0).ready


@pytest.mark.parametrize(
    ("word", "ready", "told"),
    [("STARTING", True, "RUNNING"), ("STARTING", False, "STARTING"), ("RUNNING", False, "RUNNING")],
)
def test_a_process_that_answers_runs(word: str, *, ready: bool, told: str) -> None:
    assert status._state(word, ready=ready) == told


def test_the_document_tells_memory_in_all_and_of_each_process() -> None:
    process = ProcessStatus("a", "RUNNING", ready=True, pid=1, uptime_s=5, restarts=0, url="u", pss_bytes=7)

    assert StackStatus({"api": "x"}, (process,), 9).document() == {
        "urls": {"api": "x"},
        "pss_bytes": 9,
        "processes": [
            {
                "name": "a",
                "state": "RUNNING",
                "ready": True,
                "pid": 1,
                "uptime_s": 5,
                "restarts": 0,
                "url": "u",
                "pss_bytes": 7,
                "lag": None,
                "per_s": None,
            }
        ],
    }


def test_restarts_are_counted_since_supervisord_started(tmp_path: Path) -> None:
    log = tmp_path / "supervisord.log"
    (tmp_path / "supervisord.log.1").write_text("2026 INFO spawned: 'redis' with pid 1\n")
    log.write_text(
        "2026 INFO supervisord started with pid 9\n"
        "2026 INFO spawned: 'redis' with pid 10\n"
        "2026 INFO spawned: 's3' with pid 11\n"
        "2026 INFO spawned: 'redis' with pid 12\n"
    )

    assert status._starts(log) == {"redis": 2, "s3": 1}


def test_memory_of_a_process_counts_its_children() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"], stdout=-1)
    assert child.stdout is not None
    child.stdout.readline()

    alone, whole = status.pss(child.pid), status.pss(os.getpid())
    below = descendants(os.getpid())
    child.kill()
    child.communicate()

    assert child.pid in below
    assert whole > alone > 1_000_000


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59, "59s"), (60, "1m"), (3600, "1h00m"), (7385, "2h03m")])
def test_durations(seconds: int, text: str) -> None:
    assert views.duration(seconds) == text


@pytest.mark.parametrize("name", ["nothing", "../stack", "../../etc/passwd"])
def test_an_unknown_log_is_an_error_that_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path)
    home.create()
    home.log("kafka").write_text("x")

    with pytest.raises(logs.NoLogError, match="there are kafka"):
        logs.path_of(home, name)


def test_following_a_log_survives_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "kafka.log"
    path.write_text("old\n")
    clock = _Scripted(
        [
            lambda: path.write_text("old\none\n"),
            lambda: path.rename(tmp_path / "kafka.log.1"),
            lambda: path.write_text("two\n"),
        ]
    )

    lines = logs.follow(path, clock)

    assert [next(lines), next(lines)] == ["one\n", "two\n"]


def test_airflows_logs_of_more_than_thirty_days_are_removed(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), ManualClock()
    folder = home.logs / "airflow" / "dag_id=market_daily"
    for name, days in {"run_id=old/task_id=a/attempt=1.log": 31, "run_id=new/task_id=a/attempt=1.log": 29}.items():
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_text("x")
        os.utime(path, (clock.now().timestamp() - days * 86400,) * 2)
    home.log("kafka").write_text("x")
    os.utime(home.log("kafka"), (0, 0))

    assert logs.prune_airflow(home, clock) == 1
    assert [path.name for path in folder.iterdir()] == ["run_id=new"]
    assert home.log("kafka").exists()
    assert logs.prune_airflow(Home(tmp_path / "without airflow"), clock) == 0


class _Scripted(ManualClock):
    """A clock during whose sleeps something happens."""

    def __init__(self, events: list[Callable[[], object]]) -> None:
        super().__init__()
        self.events = events

    def sleep(self, seconds: float) -> None:
        self.events.pop(0)()


@pytest.mark.parametrize(
    ("levels", "code"),
    [((Level.OK,), 0), ((Level.OK, Level.WARNING), 1), ((Level.WARNING, Level.ERROR), 2), ((), 0)],
)
def test_the_doctors_exit_status(levels: tuple[Level, ...], code: int) -> None:
    assert doctor.exit_code(tuple(Finding("x", level, "") for level in levels)) == code


def test_the_doctor_sees_an_open_secrets_file(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.stack_env.write_text("")
    home.stack_env.chmod(0o644)
    patient = doctor.Patient(load(), home, Cache(tmp_path), ManualClock())

    (finding,) = doctor.secrets_file(patient)

    assert finding.level is Level.ERROR
    assert "chmod 600" in finding.remedy


def test_the_doctor_sees_a_clock_behind_the_files(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.stack_env.write_text("")
    patient = doctor.Patient(load(), home, Cache(tmp_path), ManualClock())  # 2022, long before this file

    (finding,) = doctor.clock_sanity(patient)

    assert finding.level is Level.ERROR
