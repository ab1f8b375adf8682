"""Run the job as a process: `python -m spark_jobs.allocate --business-date YYYY-MM-DD`."""

import sys

from lakehouse.contracts.jobs import ALLOCATE_PORTFOLIOS
from spark_jobs.allocate.job import allocate_portfolios
from spark_jobs.kit.action import run_action

sys.exit(run_action(ALLOCATE_PORTFOLIOS, allocate_portfolios))
