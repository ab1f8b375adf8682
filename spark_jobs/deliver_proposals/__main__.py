"""Run the job as a process: `python -m spark_jobs.deliver_proposals --business-date YYYY-MM-DD`."""

import sys

from lakehouse.contracts.jobs import DELIVER_PROPOSALS
from spark_jobs.deliver_proposals.job import deliver_proposals
from spark_jobs.kit.action import run_action

sys.exit(run_action(DELIVER_PROPOSALS, deliver_proposals))
