"""Run the job as a process: `python -m spark_jobs.stress_explain --business-date YYYY-MM-DD`."""

import sys

from spark_jobs.kit.entry import run_batch
from spark_jobs.stress_explain.job import JOB

sys.exit(run_batch(JOB))
