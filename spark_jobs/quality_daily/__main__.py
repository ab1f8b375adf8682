"""Run the job as a process: `python -m spark_jobs.quality_daily --business-date YYYY-MM-DD`."""

import sys

from lakehouse.contracts.jobs import QUALITY_DAILY
from spark_jobs.kit.action import run_action
from spark_jobs.quality_daily.job import quality_daily

sys.exit(run_action(QUALITY_DAILY, quality_daily))
