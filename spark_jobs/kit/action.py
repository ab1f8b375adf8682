"""Jobs that compute no table: the same arguments, lock, record and exit status around work of another kind."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.model import Job
from lakehouse.settings import Settings
from spark_jobs.kit import life
from spark_jobs.kit.args import Request
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.process import main
from spark_jobs.kit.run import Steps

LOG = logging.getLogger("tidemark.job")
Action = Callable[[life.Session, Steps], Manifest]


class NothingToRecomputeError(DataError):
    """The job computes nothing that could be computed again."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"{job.name} computes no table: leave --as-of-run and --rebuild out")


def run_action(job: Job, action: Action, argv: Sequence[str] | None = None) -> int:
    """Run the job as a process and return the exit status."""

    def perform(request: Request, settings: Settings, clock: Clock) -> tuple[int, dict[str, Any]]:
        if request.as_of_run is not None or request.rebuild:
            raise NothingToRecomputeError(job)
        steps = Steps(clock, lambda step: LOG.info("%s", step))
        done = life.recorded(job, request, settings, clock=clock, work=lambda session: action(session, steps))
        LOG.info("%s done: %s", job.name, dict(done.counts))
        return JobExit.PUBLISHED, done.summary()

    return main(job, perform, argv)
