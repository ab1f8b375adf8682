"""The boundary of a job's process: arguments in, exit status and one JSON line out, and a clean end when killed."""

import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

import psycopg

from lakehouse.clock import Clock, SystemClock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.model import Job
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings, load
from spark_jobs.kit.args import Request, parse

LOG = logging.getLogger("tidemark.job")
Perform = Callable[[Request, Settings, Clock], tuple[int, dict[str, Any]]]
"""Does the work and returns the exit status and what to print last."""


def main(job: Job, perform: Perform, argv: Sequence[str] | None = None) -> int:
    """Run a job as a process and return its exit status (see lakehouse.contracts.job_process).

    SIGTERM and SIGINT interrupt the job's query on the server, record the run as failed and end with 143 or 130.
    """
    request = parse(job, argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    # These two tell of every request and of every closed stream, which is noise at this level.
    for noisy in ("pyspark", "py4j"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        status, told = perform(request, load(), SystemClock())
    except TidemarkError as error:
        LOG.error("%s: %s", job.name, error)
        return error.exit_code
    except psycopg.OperationalError as error:
        LOG.error("%s: PostgreSQL did not answer: %s; `tidemark status` shows whether it runs", job.name, error)
        return JobExit.UNAVAILABLE
    sys.stdout.write(json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n")
    return status


def _stop(number: int, _: FrameType | None) -> NoReturn:
    # A second signal while the first one is being handled would cut the clean-up short.
    for handled in (signal.SIGTERM, signal.SIGINT):
        signal.signal(handled, signal.SIG_IGN)
    LOG.warning("%s: interrupting the query and leaving", signal.Signals(number).name)
    raise SystemExit(128 + number)
