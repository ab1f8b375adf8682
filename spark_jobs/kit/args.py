"""The command line that every job has: a business date, a run id, an earlier run to recompute, or all anew."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lakehouse.contracts.model import Job


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of a job. `as_of_run` recomputes that run without publishing; `rebuild` computes all that the
    inputs hold now, whatever earlier runs of the job have read or published."""

    business_date: date
    run_id: str | None = None
    as_of_run: str | None = None
    rebuild: bool = False


def parse(job: Job, argv: Sequence[str] | None = None) -> Request:
    """Read the arguments; wrong ones end the process with status 2 and the usage on stderr."""
    parser = argparse.ArgumentParser(prog=f"python -m {job.module}", description=job.doc)
    parser.add_argument("--business-date", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--run-id", help="id of the run manifest; a fresh UUIDv7 when left out")
    parser.add_argument(
        "--as-of-run", metavar="RUN_ID", help="recompute that run from its pinned inputs, publish nothing, compare"
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="disregard what earlier runs have read or published: compute all that the inputs hold now",
    )
    told = parser.parse_args(argv)
    return Request(told.business_date, told.run_id, told.as_of_run, told.rebuild)
