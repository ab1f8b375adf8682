"""A killed task leaves no running Spark query, however it is killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings, inherited_environment, project_root

pytestmark = [pytest.mark.spark, pytest.mark.faults, pytest.mark.engines("spark")]

CLOCK = SystemClock()
START_TIMEOUT_S = 300.0
END_TIMEOUT_S = 180.0
QUIET_S = 3.0

# What an Airflow task does with its job, without Airflow (tests/integration/airflow kills real tasks of real DAGs).
TASK = """
import signal, sys
from dags.kit.child import Child
from lakehouse.clock import SystemClock
from lakehouse.contracts.job_process import arguments
child = Child("tests.faults.slow_query", arguments("2022-12-28", "killed-task"), clock=SystemClock())
signal.signal(signal.SIGTERM, lambda *_: child.stop())
sys.exit(child.follow(lambda _, line: sys.stderr.write(line + "\\n")).exit_code)
"""


@contextmanager
def running_task(home: Path, beats: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A task whose query runs on the Spark Connect server."""
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(home), "SLOW_QUERY_BEATS": str(beats)}
    task = subprocess.Popen([sys.executable, "-c", TASK], env=environment, cwd=project_root())
    try:
        deadline = CLOCK.monotonic() + START_TIMEOUT_S
        while not beats.exists():
            assert task.poll() is None, "the task ended before its query began"
            assert CLOCK.monotonic() < deadline, "the query did not begin"
            CLOCK.sleep(0.2)
        yield task
    finally:
        task.kill()
        task.wait()


def falls_silent(beats: Path) -> bool:
    """Whether the query stops to beat within END_TIMEOUT_S."""
    deadline = CLOCK.monotonic() + END_TIMEOUT_S
    while CLOCK.monotonic() < deadline:
        before = beats.stat().st_size
        CLOCK.sleep(QUIET_S)
        if beats.stat().st_size == before:
            return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_task_leaves_no_running_query(number: signal.Signals, stack: Settings, tmp_path: Path) -> None:
    beats = tmp_path / "beats"
    with running_task(stack.home, beats) as task:
        until_it_beats(beats)
        task.send_signal(number)
        assert falls_silent(beats)
        assert task.wait(END_TIMEOUT_S) != 0


def until_it_beats(beats: Path) -> None:
    """Wait for the next beat: the query must be running for the kill to mean anything."""
    before, deadline = beats.stat().st_size, CLOCK.monotonic() + START_TIMEOUT_S
    while beats.stat().st_size == before:
        assert CLOCK.monotonic() < deadline, "the query does not go on"
        CLOCK.sleep(0.2)
