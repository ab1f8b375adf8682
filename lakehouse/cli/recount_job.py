"""The job `books_recount`: `tidemark books verify` as a task of a DAG; a finding fails it for good."""

import argparse
import asyncio
import datetime
import logging
import sys
from collections.abc import Sequence

import structlog
from psycopg import AsyncConnection, OperationalError

from lakehouse.clock import Clock, SystemClock
from lakehouse.contracts.job_process import JobExit, JobResult
from lakehouse.contracts.jobs import BOOKS_RECOUNT
from lakehouse.domain.ids import uuid7
from lakehouse.settings import PostgresSettings, load
from lakehouse.stores import postgres
from lakehouse.stores.books.recount import SNAPSHOT, Recount, recount

TOLD = 50

log = structlog.get_logger(__name__)


def count(section: PostgresSettings) -> Recount:
    """Count everything again, in one snapshot that cannot write. Raises OperationalError where nobody answers."""

    async def counting() -> Recount:
        conninfo = postgres.conninfo_of(section)
        async with await AsyncConnection.connect(conninfo) as connection, connection.transaction():
            await connection.execute(SNAPSHOT)
            return await recount(connection)

    return asyncio.run(counting())


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process: the last line on stdout is its result. Returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {BOOKS_RECOUNT.module}", description=BOOKS_RECOUNT.doc)
    parser.add_argument("--business-date", required=True, type=datetime.date.fromisoformat, help="day it is run for")
    parser.add_argument("--run-id", default=None, help="id of the run; default: a new one")
    options = parser.parse_args(arguments)
    # Stdout carries the result alone.
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        counted = count(load().postgres)
    except OperationalError as error:
        log.error("postgres_unavailable", error=str(error))
        return JobExit.UNAVAILABLE
    for each in counted.findings[:TOLD]:
        log.error("books_disagree", check=each.check, object=each.object, expected=each.expected, found=each.found)
    log.info("recounted", portfolios=counted.portfolios, transactions=counted.transactions)
    if not counted.is_clean:
        return JobExit.DATA
    sys.stdout.write(JobResult(options.run_id or str(uuid7(clock or SystemClock()))).line() + "\n")
    return JobExit.PUBLISHED


if __name__ == "__main__":
    sys.exit(main())
