"""Run the job as a process: `python -m spark_jobs.rebalance --business-date YYYY-MM-DD`."""

import sys

from spark_jobs.kit.entry import run_batch
from spark_jobs.rebalance.job import JOB

sys.exit(run_batch(JOB))
