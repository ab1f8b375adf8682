"""Which processes a sweep takes for the stack's own: never the user's, whatever number they go by."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from lakehouse.local import ending, supervisor, warden
from lakehouse.local.home import Home

# A session leader and its child, which tells its own number and lives on when the leader is killed.
FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.read()
"""


class _Family:
    def __init__(self, cwd: Path) -> None:
        self.leader = subprocess.Popen(
            [sys.executable, "-c", FAMILY], cwd=cwd, stdin=-1, stdout=-1, text=True, start_new_session=True
        )
        assert self.leader.stdout is not None
        self.child = int(self.leader.stdout.readline())

    def kill_leader(self) -> None:
        self.leader.kill()
        self.leader.wait()

    def end(self) -> None:
        self.kill_leader()
        with suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.create()
    return found


@pytest.fixture
def family(home: Home) -> Iterator[_Family]:
    found = _Family(home.run)
    yield found
    found.end()


def _has_ended(pid: int) -> bool:
    """Gone, or a zombie that nobody has asked for yet: it may go between two looks."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _strays(home: Home) -> list[int]:
    return [process.pid for process in ending.strays(home)]


def test_what_a_killed_warden_left_is_found(home: Home, family: _Family) -> None:
    home.warden_lock.write_text(f"{warden.identity(family.leader.pid)}\n")
    family.kill_leader()

    assert _strays(home) == [family.child]


def test_a_session_of_another_process_by_that_number_is_spared(home: Home, family: _Family) -> None:
    pid, start, boot = str(warden.identity(family.leader.pid)).split()
    home.warden_lock.write_text(f"{pid} {int(start) - 1} {boot}\n")

    assert _strays(home) == []


def test_members_older_than_the_warden_are_spared(home: Home, family: _Family) -> None:
    pid, start, boot = str(warden.identity(family.leader.pid)).split()
    home.warden_lock.write_text(f"{pid} {int(start) + 10_000} {boot}\n")
    family.kill_leader()

    assert _strays(home) == []


@pytest.mark.parametrize("form", ["{pid} {start} 11111111-2222-3333-4444-555555555555", "{pid}", ""])
def test_a_record_of_another_boot_of_older_code_or_none_is_ignored(home: Home, family: _Family, form: str) -> None:
    pid, start, _ = str(warden.identity(family.leader.pid)).split()
    home.warden_lock.write_text(form.format(pid=pid, start=start))
    family.kill_leader()

    assert _strays(home) == []


def test_this_process_and_those_that_started_it_are_spared(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.root)
    session = os.getsid(0)
    home.warden_lock.write_text(str(warden.identity(session) or f"{session} 0 {warden.boot()}"))
    monkeypatch.setenv("TIDEMARK_STACK_ID", "of-this-test")

    lineage = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}

    assert not lineage & set(_strays(home))
    assert ending._lineage() == lineage


def test_a_warden_that_ends_by_itself_leaves_no_name(home: Home) -> None:
    command = (sys.executable, "-m", "lakehouse.local.warden", str(home.warden_lock), "true")
    assert subprocess.run(command, check=False, timeout=300).returncode == 0

    assert home.warden_lock.read_text() == ""
    assert supervisor.warden_pid(home) is None


def test_a_sweep_forgets_the_killed_warden(home: Home, family: _Family) -> None:
    home.warden_lock.write_text(f"{warden.identity(family.leader.pid)}\n")
    family.kill_leader()

    assert ending.sweep(home, [], "") == 1
    assert home.warden_lock.read_text() == ""
    assert _has_ended(family.child)
