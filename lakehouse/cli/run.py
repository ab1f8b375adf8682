"""`tidemark run JOB`: the process that a DAG would start, without Airflow."""

import os
import sys
from typing import Annotated

import typer

from lakehouse.contracts.jobs import JOBS, job


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(run)


def run(
    name: Annotated[str, typer.Argument(metavar="JOB", help=f"One of {', '.join(sorted(JOBS))}.")],
    business_date: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Business date to run the job for.")],
    run_id: Annotated[str | None, typer.Option(help="Id of the run manifest; a fresh one when left out.")] = None,
    as_of_run: Annotated[
        str | None, typer.Option(metavar="RUN_ID", help="Recompute that run from its pinned inputs and compare.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option(help="Disregard what earlier runs have read or published: compute all that inputs hold now.")
    ] = False,
) -> None:
    """Run one batch job in the foreground. Its last line is the run manifest; its exit status becomes this one's."""
    command = [sys.executable, "-m", job(name).module, "--business-date", business_date]
    for option, value in (("--run-id", run_id), ("--as-of-run", as_of_run)):
        if value is not None:
            command += [option, value]
    if rebuild:
        command.append("--rebuild")
    # The job takes this process's place: signals reach it, and its exit status is this command's.
    os.execv(sys.executable, command)  # noqa: S606  the list is built above, without a shell
