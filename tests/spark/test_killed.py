"""A killed task leaves no running query on the server."""

import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings, project_root
from lakehouse.stores import postgres
from tests.factories.lake import environment_of

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

CLOCK = SystemClock()
PROGRAM = """
import sys
from lakehouse.contracts.jobs import BARS_1M
from spark_jobs.kit.entry import run_batch
from spark_jobs.kit.model import Batch

def slow(run, _):
    def work(batches):
        import pathlib, time
        for _ in range(900):
            with pathlib.Path({beats!r}).open("a") as file:
                file.write(".")
            time.sleep(0.1)
        yield from batches
    run.session.range(1).mapInArrow(work, "id long").toArrow()

sys.exit(run_batch(Batch(BARS_1M, lambda run: {{}}, slow), ["--business-date", "2022-12-28", "--run-id", "killed"]))
"""


def beats(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_sigterm_interrupts_the_query_records_the_failure_and_exits_143(
    lake: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    assert spark.range(1).count() == 1
    file = tmp_path / "beats"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(beats=str(file))], env=environment_of(lake), cwd=project_root()
    )
    deadline = CLOCK.monotonic() + 240
    while beats(file) < 3:
        assert process.poll() is None
        assert CLOCK.monotonic() < deadline, "the query did not start"
        CLOCK.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 143
    # Spark gives a Python worker a few seconds to stop by itself before it ends its process.
    deadline = CLOCK.monotonic() + 180
    while True:
        before = beats(file)
        CLOCK.sleep(2)
        if beats(file) == before:
            break
        assert CLOCK.monotonic() < deadline, "the query goes on"
    with postgres.connect(lake.postgres) as connection:
        row = connection.execute("SELECT state, business_date FROM ops.job_run WHERE run_id = 'killed'").fetchone()
    assert row == ("failed", date(2022, 12, 28))
