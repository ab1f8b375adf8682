"""What the jobs of the command line have in common: their arguments, their log on stderr, their result on stdout."""

import argparse
import datetime
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from psycopg import OperationalError

from lakehouse.clock import Clock, SystemClock
from lakehouse.contracts.job_process import JobExit, JobResult, Published
from lakehouse.contracts.model import Job
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError

log = structlog.get_logger(__name__)


class JobFailed(TidemarkError):
    """The job ends with `status`; it has logged why."""

    def __init__(self, status: JobExit) -> None:
        super().__init__(status.name.lower())
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job is run for; `approver` is the person who approved this run, where somebody was asked."""

    day: datetime.date
    clock: Clock
    approver: str | None = None


Work = Callable[[Asked], dict[str, int]]


def run(spec: Job, work: Work, arguments: Sequence[str] | None, *, clock: Clock | None = None) -> int:
    """Run `work`, which returns how many rows of each output it wrote, as the job's process: the last line on stdout
    is the result. Returns the exit status: UNAVAILABLE where PostgreSQL does not answer, or what JobFailed says."""
    parser = argparse.ArgumentParser(prog=f"python -m {spec.module}", description=spec.doc)
    parser.add_argument("--business-date", required=True, type=datetime.date.fromisoformat, help="day it is run for")
    parser.add_argument("--run-id", default=None, help="id of the run; default: a new one")
    parser.add_argument("--approved-by", default=None, help="person who approved this run")
    options = parser.parse_args(arguments)
    # Stdout carries the result alone.
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asked = Asked(options.business_date, clock or SystemClock(), options.approved_by)
    try:
        written = work(asked)
    except OperationalError as error:
        log.error("postgres_unavailable", error=str(error))
        return JobExit.UNAVAILABLE
    except JobFailed as failed:
        return failed.status
    outputs = {name: Published(rows) for name, rows in written.items()}
    sys.stdout.write(JobResult(options.run_id or str(uuid7(asked.clock)), outputs).line() + "\n")
    return JobExit.PUBLISHED
