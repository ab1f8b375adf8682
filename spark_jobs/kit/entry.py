"""What `python -m spark_jobs.JOB` calls for a job that computes tables."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.settings import Settings
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Batch
from spark_jobs.kit.process import main
from spark_jobs.kit.reproduce import reproduce

LOG = logging.getLogger("tidemark.job")


After = Callable[[Settings, Manifest], None]
"""What a job does once its outputs are published; idempotent, since it is done again with a run that is repeated."""


def run_batch(job: Batch, argv: Sequence[str] | None = None, *, after: After | None = None) -> int:
    """Publish the job's outputs, or recompute the run that --as-of-run names, and return the exit status.

    `after` runs on what was published; where it fails, the same run id does only that again.
    """

    def perform(request: Request, settings: Settings, clock: Clock) -> tuple[int, dict[str, Any]]:
        if request.as_of_run is None:
            done = publish(job, request, settings, clock=clock, on_step=_tell)
            LOG.info("%s published %s", job.spec.name, dict(done.counts))
            if after is not None:
                after(settings, done)
            return JobExit.PUBLISHED, done.summary()
        verdict = reproduce(job, request.as_of_run, settings, clock=clock, on_step=_tell)
        LOG.info("reproduced bit for bit: %s", "yes" if verdict.reproduced else "no")
        return JobExit.PUBLISHED if verdict.reproduced else JobExit.UNEXPECTED, verdict.document()

    return main(job.spec, perform, argv)


def _tell(step: str) -> None:
    LOG.info("%s", step)
