"""The command line that every job has: which business date, under which run id, as of which earlier run."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lakehouse.contracts.model import Job


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of a job. `as_of_run` recomputes that run without publishing."""

    business_date: date
    run_id: str | None = None
    as_of_run: str | None = None


def parse(job: Job, argv: Sequence[str] | None = None) -> Request:
    """Read the arguments; wrong ones end the process with status 2 and the usage on stderr."""
    parser = argparse.ArgumentParser(prog=f"python -m {job.module}", description=job.doc)
    parser.add_argument("--business-date", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--run-id", help="id of the run manifest; a fresh UUIDv7 when left out")
    parser.add_argument(
        "--as-of-run", metavar="RUN_ID", help="recompute that run from its pinned inputs, publish nothing, compare"
    )
    told = parser.parse_args(argv)
    return Request(told.business_date, told.run_id, told.as_of_run)
