"""The supervised stack for real: it restarts what dies, and leaves nothing behind however it ends."""

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from lakehouse.clock import SystemClock
from lakehouse.local import ending, envfile, supervisor, warden
from lakehouse.local.home import Home
from tests.factories import real_engines

pytestmark = [pytest.mark.integration, pytest.mark.faults]

CLOCK = SystemClock()
ENGINES = "redis,s3,postgres"
NAMES = {"redis", "s3", "postgres"}
GONE_WITHIN_S = 120.0
RESTART_WITHIN_S = 180.0


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home below a folder that no other user may enter, deeper than a unix socket's path may be long."""
    root = Path(tempfile.mkdtemp(prefix="tidemark-stack-"))
    found = Home(root / "a rather long folder name" / ("x" * 60) / "home")
    found.create()
    yield found
    _tidemark(found, "down")
    shutil.rmtree(root)


@pytest.fixture
def running(home: Home) -> Home:
    """The stack of `home`, up."""
    done = _tidemark(home, "up", "--only", ENGINES)
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        real_engines.record(name, "started and killed by tests/integration/local")
    return home


def _tidemark(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lakehouse.cli.main", *arguments],
        env={**os.environ, "TIDEMARK_HOME": str(home.root)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def _left(home: Home) -> list[psutil.Process]:
    """Processes that carry the stack's mark or its path."""
    marked = ending.carriers(envfile.read(home.stack_env).stack_id)
    named = [process for process in psutil.process_iter() if str(home.root) in " ".join(_command(process))]
    return [process for process in {*marked, *named} if process.pid != os.getpid()]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def _eventually(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = CLOCK.monotonic() + within_s
    while not condition():
        if CLOCK.monotonic() > deadline:
            return False
        CLOCK.sleep(0.2)
    return True


def _status(home: Home) -> dict[str, dict[str, object]]:
    found = json.loads(_tidemark(home, "status", "--json").stdout)
    return {process["name"]: process for process in found["processes"]}


def _supervisord(home: Home) -> psutil.Process:
    return psutil.Process(int((home.run / "supervisord.pid").read_text()))


def _warden(home: Home) -> psutil.Process:
    pid = supervisor.warden_pid(home)
    assert pid is not None
    return psutil.Process(pid)


def test_status_has_the_agreed_form(running: Home) -> None:
    done = _tidemark(running, "status", "--json")

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(found) == {"urls", "pss_bytes", "processes"}
    assert set(found["urls"]) == {"api", "airflow", "mlflow", "clickhouse", "s3", "prometheus"}
    assert {process["name"] for process in found["processes"]} == NAMES
    for process in found["processes"]:
        told = {"name", "state", "ready", "pid", "uptime_s", "restarts", "url", "pss_bytes", "lag", "per_s"}
        assert set(process) == told
        assert process["lag"] is None  # of processes on the way of messages only
        assert 0 < process["pss_bytes"] < found["pss_bytes"]
        assert process["state"] == "RUNNING"
        assert process["ready"] is True
        assert psutil.pid_exists(process["pid"])


def test_everything_listens_on_loopback_only(running: Home) -> None:
    addresses = {
        connection.laddr.ip
        for process in _left(running)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert addresses
    assert all(ipaddress.ip_address(address).is_loopback for address in addresses)


def test_postgres_is_not_root_to_itself_and_has_timescaledb(running: Home) -> None:
    env = envfile.read(running.stack_env)
    with psycopg.connect(
        host="127.0.0.1",
        port=env.values["TIDEMARK_POSTGRES__PORT"],
        user="tidemark",
        password=env.values["TIDEMARK_POSTGRES__PASSWORD"],
        dbname="tidemark",
    ) as connection:
        version = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()

    assert version is not None


def test_a_second_up_changes_nothing(running: Home) -> None:
    before = {name: process["pid"] for name, process in _status(running).items()}

    done = _tidemark(running, "up", "--only", ENGINES)

    assert done.returncode == 0
    assert {name: process["pid"] for name, process in _status(running).items()} == before


def test_a_killed_process_comes_back(running: Home) -> None:
    before = _status(running)["redis"]

    os.kill(int(str(before["pid"])), signal.SIGKILL)

    assert _eventually(lambda: _is_new_and_ready(running, int(str(before["pid"]))), RESTART_WITHIN_S)
    assert int(str(_status(running)["redis"]["restarts"])) >= 1


def _is_new_and_ready(home: Home, old_pid: int) -> bool:
    found = _status(home)["redis"]
    return bool(found["ready"]) and found["pid"] not in (0, old_pid)


@pytest.mark.parametrize("victims", ["supervisord", "warden", "both"])
def test_killing_the_keepers_leaves_nothing(running: Home, victims: str) -> None:
    keepers = {"supervisord": [_supervisord(running)], "warden": [_warden(running)]}
    for process in keepers.get(victims, [*keepers["warden"], *keepers["supervisord"]]):
        process.kill()

    assert _eventually(lambda: not _left(running), GONE_WITHIN_S), _left(running)


def test_a_bystander_by_the_number_of_a_dead_warden_lives_on(running: Home) -> None:
    assert _tidemark(running, "down").returncode == 0
    assert running.warden_lock.read_text() == ""  # it ended well, and so left no name
    bystander = subprocess.Popen(["sleep", "300"], cwd=running.run, start_new_session=True)
    try:
        for record in (f"{bystander.pid}", f"{bystander.pid} 1 {warden.boot()}"):
            running.warden_lock.write_text(record)
            assert _tidemark(running, "up", "--only", "redis").returncode == 0
            running_pid = supervisor.warden_pid(running)
            assert running_pid not in (None, bystander.pid)
            assert _tidemark(running, "down").returncode == 0
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("command", [("up", "--only", f"{ENGINES},kafka"), ("demo",)], ids=["up", "demo"])
def test_ctrl_c_while_the_stack_starts_leaves_nothing(home: Home, command: tuple[str, ...]) -> None:
    _tidemark(home, "down")
    # A shell in the background starts everything with interrupts ignored, and so may whoever runs these tests.
    heeding = ("env", "--default-signal=INT", sys.executable, "-m", "lakehouse.cli.main")
    starting = subprocess.Popen(
        [*heeding, *command],
        env={**os.environ, "TIDEMARK_HOME": str(home.root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert _eventually(lambda: supervisor.is_running(home), RESTART_WITHIN_S)

    starting.send_signal(signal.SIGINT)

    assert starting.wait(timeout=300) == 130
    assert _left(home) == []


def test_down_leaves_nothing_and_keeps_data(running: Home) -> None:
    done = _tidemark(running, "down")

    assert done.returncode == 0, done.stderr
    assert _left(running) == []
    assert (running.data("postgres") / "PG_VERSION").exists()
    assert not (running.data("postgres") / "postmaster.pid").exists()  # PostgreSQL ended cleanly
    assert _tidemark(running, "status", "--json").returncode == 1


def test_reset_removes_what_the_stack_kept(running: Home) -> None:
    stranger = running.root / "notes.txt"
    stranger.write_text("not the stack's")

    done = _tidemark(running, "reset", "--yes")

    assert done.returncode == 0, done.stderr
    assert [path.name for path in running.root.iterdir()] == ["notes.txt"]
