"""Finds its input wrong."""

import sys

from lakehouse.contracts.job_process import JobExit

sys.stderr.write("AAPL has two bars on 2022-12-28; remove one\n")
sys.exit(JobExit.DATA)
