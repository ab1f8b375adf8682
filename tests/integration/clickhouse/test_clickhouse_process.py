"""The process itself: what it refuses to start with, how it stops, and what survives a kill."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import urllib3

from lakehouse.settings import inherited_environment, project_root
from tests.factories.clickhouse_process import ClickHouseProcess, clickhouse_process, settings_in, start, stop
from tests.factories.ports import free_port

ROWS = 500


@pytest.mark.integration
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "no default credentials"),
        ({"PASSWORD": "x", "HOST": "0.0.0.0"}, "loopback only"),
        ({"PASSWORD": "x", "USER": "analyst"}, "name them apart"),
    ],
)
def test_it_does_not_start_open(tmp_path: Path, given: dict[str, str], reason: str) -> None:
    env = {**inherited_environment(), "TIDEMARK_HOME": str(tmp_path), "TIDEMARK_CLICKHOUSE__PORT": str(free_port())}
    env |= {f"TIDEMARK_CLICKHOUSE__{name}": value for name, value in given.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "lakehouse.local.clickhouse"],
        env=env,
        cwd=project_root(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.integration
def test_a_data_folder_belongs_to_one_process(tmp_path: Path) -> None:
    with clickhouse_process(tmp_path) as first:
        second = settings_in(tmp_path, free_port())
        with pytest.raises(RuntimeError, match="Is another process using it"):
            start(second)
        assert first.request("SELECT 1").data == b"1\n"


@pytest.mark.integration
def test_it_stops_on_a_signal_and_keeps_its_tables(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, free_port())
    first = start(settings)
    first.request("CREATE TABLE kept (a Int32) ENGINE = MergeTree ORDER BY a")
    first.request("INSERT INTO kept VALUES (1)")
    first.request("CREATE TEMPORARY TABLE open_session (a Int32)", params={"session_id": "s"})
    assert stop(first) == 0
    second = start(settings)
    assert second.request("SELECT a FROM kept").data == b"1\n"
    assert stop(second) == 0


@pytest.mark.faults
@pytest.mark.integration
def test_an_acknowledged_insert_survives_kill_9(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, free_port())
    running = start(settings)
    running.request("CREATE TABLE batches (batch Int64, n Int64) ENGINE = MergeTree ORDER BY (batch, n)")
    acknowledged = -1
    for round_number in range(4):
        acknowledged = _insert_until_killed(running, acknowledged + 1, after_s=0.4 + 0.3 * round_number)
        running = start(settings)
        counted = running.request("SELECT batch, count() FROM batches GROUP BY batch ORDER BY batch FORMAT TSV").data
        counts = {int(batch): int(rows) for batch, rows in (line.split(b"\t") for line in counted.splitlines())}
        assert set(range(acknowledged + 1)) <= set(counts)
        assert set(counts.values()) <= {ROWS}, "a batch is there in part"
        acknowledged = max(counts, default=-1)
    assert acknowledged > 0
    stop(running)


def _insert_until_killed(running: ClickHouseProcess, first: int, *, after_s: float) -> int:
    """Insert batch after batch while a timer kills the server; returns the last one that was acknowledged."""
    timer = threading.Timer(after_s, running.kill)
    timer.start()
    batch = first
    try:
        while True:
            rows = b"".join(b"%d,%d\n" % (batch, number) for number in range(ROWS))
            answer = running.request(rows, params={"query": "INSERT INTO batches FORMAT CSV"}, timeout=60.0)
            assert answer.status == 200, answer.data
            batch += 1
    except urllib3.exceptions.HTTPError:
        timer.join()
        return batch - 1
