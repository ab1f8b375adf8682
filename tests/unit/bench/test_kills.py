"""Kills of the proofs: what is counted as killed was killed."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from bench.kills import NotBackError, killed
from lakehouse.clock import ManualClock, SystemClock


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "600"]) as made:
        yield made
        made.kill()


def test_a_process_that_does_not_run_yet_or_no_more_is_waited_for(process: "subprocess.Popen[bytes]") -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    pids = iter((0, gone.pid, process.pid))
    assert killed(lambda: next(pids), ManualClock(SystemClock().now())) == process.pid
    assert process.wait(60) == -signal.SIGKILL


def test_what_never_runs_is_not_killed() -> None:
    with pytest.raises(NotBackError):
        killed(lambda: 0, ManualClock(SystemClock().now()))
