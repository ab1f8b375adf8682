"""Finds its engine away at the first try and publishes at the second."""

import os
import sys
from pathlib import Path

from lakehouse.contracts.job_process import JobExit, JobResult

tried = Path(os.environ["PROBE_DIR"]) / "flaky"
if not tried.exists():
    tried.touch()
    sys.stderr.write("Spark at 127.0.0.1:1 does not answer; start it\n")
    sys.exit(JobExit.UNAVAILABLE)
sys.stdout.write(JobResult("flaky").line() + "\n")
