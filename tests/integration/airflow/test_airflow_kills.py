"""However a task ends, its job's process and all that it started end with it, on a real Airflow."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from lakehouse.stores.airflow import AirflowClient, RunFailedError
from tests.factories.airflow_stack import CLOCK, AirflowStack

pytestmark = [pytest.mark.integration, pytest.mark.faults]
DAY = "2022-12-28"


@pytest.fixture(autouse=True)
def _clean_notes(airflow: AirflowStack) -> None:
    """No note of an earlier probe."""
    for note in ("pids", "interrupted"):
        (airflow.probe_dir / note).unlink(missing_ok=True)


def eventually(path: Path, *, within_s: float = 180.0) -> str:
    """The text of a file that another process is about to write."""
    deadline = CLOCK.monotonic() + within_s
    while not path.exists():
        assert CLOCK.monotonic() < deadline, f"{path.name} did not appear"
        CLOCK.sleep(0.1)
    return path.read_text()


def gone(pids: list[int], *, within_s: float = 180.0) -> bool:
    """Whether all processes end in time; a zombie that nobody has reaped yet has ended."""
    deadline = CLOCK.monotonic() + within_s
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
        if CLOCK.monotonic() > deadline:
            return False
        CLOCK.sleep(0.1)
    return True


def start_slow(client: AirflowClient, airflow: AirflowStack) -> tuple[str, list[int]]:
    """Start the slow probe; its run id, and the pids of the job's process and of that one's child."""
    run_id = client.trigger("probe_slow", partition_key=DAY)
    return run_id, [int(pid) for pid in eventually(airflow.probe_dir / "pids").split()]


def test_a_task_stopped_in_the_ui_interrupts_its_job(client: AirflowClient, airflow: AirflowStack) -> None:
    run_id, pids = start_slow(client, airflow)
    client.stop_task("probe_slow", run_id, "slow")
    assert eventually(airflow.probe_dir / "interrupted") == "SIGTERM"
    assert gone(pids)


def test_a_task_process_killed_with_sigkill_takes_its_job_along(client: AirflowClient, airflow: AirflowStack) -> None:
    run_id, pids = start_slow(client, airflow)
    os.kill(psutil.Process(pids[0]).ppid(), signal.SIGKILL)
    assert eventually(airflow.probe_dir / "interrupted") == "SIGTERM"
    assert gone(pids)
    with pytest.raises(RunFailedError):
        client.wait("probe_slow", run_id, clock=CLOCK, timeout_s=300)


def test_a_job_past_its_timeout_is_interrupted(client: AirflowClient, airflow: AirflowStack) -> None:
    run_id = client.trigger("probe_timeout", partition_key=DAY)
    pids = [int(pid) for pid in eventually(airflow.probe_dir / "pids").split()]
    with pytest.raises(RunFailedError, match="Timeout"):
        client.wait("probe_timeout", run_id, clock=CLOCK, timeout_s=300)
    assert eventually(airflow.probe_dir / "interrupted") == "SIGTERM"
    assert gone(pids)
