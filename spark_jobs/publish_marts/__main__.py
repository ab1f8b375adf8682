"""Run the job as a process: `python -m spark_jobs.publish_marts --business-date YYYY-MM-DD`."""

import sys

from lakehouse.contracts.jobs import PUBLISH_MARTS
from spark_jobs.kit.action import run_action
from spark_jobs.publish_marts.job import publish_marts

sys.exit(run_action(PUBLISH_MARTS, publish_marts))
