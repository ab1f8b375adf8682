"""Run the job as a process: `python -m spark_jobs.optimize_lake --business-date YYYY-MM-DD`."""

import sys

from lakehouse.contracts.jobs import OPTIMIZE_LAKE
from spark_jobs.kit.action import run_action
from spark_jobs.optimize_lake.job import optimize_lake

sys.exit(run_action(OPTIMIZE_LAKE, optimize_lake))
