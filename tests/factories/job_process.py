"""A job's process that dies at a step: `python -m tests.factories.job_process MODULE STEP BUSINESS_DATE`."""

import importlib
import os
import signal
import sys
from datetime import date

from lakehouse.clock import SystemClock
from lakehouse.contracts.jobs import PUBLISH_MARTS
from lakehouse.settings import load
from spark_jobs.kit import life
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.run import Steps
from spark_jobs.publish_marts.job import publish_marts

MARTS = "spark_jobs.publish_marts"


def main(module: str, fatal_step: str, business_date: str) -> None:
    """Run the job and be killed, as by the kernel, when `fatal_step` begins."""

    def on_step(step: str) -> None:
        if step == fatal_step:
            os.kill(os.getpid(), signal.SIGKILL)

    request, clock = Request(date.fromisoformat(business_date)), SystemClock()
    if module == MARTS:
        steps = Steps(clock, on_step)
        life.recorded(PUBLISH_MARTS, request, load(), clock=clock, work=lambda session: publish_marts(session, steps))
    else:
        publish(importlib.import_module(f"{module}.job").JOB, request, load(), clock=clock, on_step=on_step)


if __name__ == "__main__":
    main(*sys.argv[1:])
