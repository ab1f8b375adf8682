"""Run the job as a process: `python -m spark_jobs.strategy_backtests --business-date YYYY-MM-DD`."""

import sys

from spark_jobs.kit.entry import run_batch
from spark_jobs.strategy_backtests.job import JOB
from spark_jobs.strategy_backtests.tracking import track

sys.exit(run_batch(JOB, after=track))
