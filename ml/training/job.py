"""A training as a job's process: the arguments, log, result and exit status of every job."""

from collections.abc import Callable, Sequence

import structlog

from lakehouse.cli.jobs import Asked, JobFailed, run
from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.model import Job
from lakehouse.errors import TidemarkError

log = structlog.get_logger(__name__)
KNOWN = frozenset(JobExit)


def run_training(
    spec: Job, work: Callable[[Asked], dict[str, int]], arguments: Sequence[str] | None, *, clock: Clock | None = None
) -> int:
    """Run `work` as the process of `spec`; returns the exit status. An anticipated failure is logged as one line and
    ends with its own status: UNAVAILABLE is tried again, DATA is not."""

    def told(asked: Asked) -> dict[str, int]:
        try:
            return work(asked)
        except JobFailed:
            raise
        except TidemarkError as error:
            log.error("training_failed", job=spec.name, error=str(error))
            raise JobFailed(JobExit(error.exit_code) if error.exit_code in KNOWN else JobExit.UNEXPECTED) from error

    return run(spec, told, arguments, clock=clock)
