"""Run the job as a process: `python -m spark_jobs.bars_1m --business-date YYYY-MM-DD`."""

import sys

from spark_jobs.bars_1m.job import JOB
from spark_jobs.kit.entry import run_batch

sys.exit(run_batch(JOB))
