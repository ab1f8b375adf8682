"""The job `books_recount`: `tidemark books verify` as a task of a DAG; a finding fails it for good."""

import asyncio
import sys
from collections.abc import Sequence

import structlog
from psycopg import AsyncConnection

from lakehouse.cli.jobs import Asked, JobFailed, run
from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.jobs import BOOKS_RECOUNT
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


def work(_: Asked) -> dict[str, int]:
    """Count, and tell what disagrees. Raises JobFailed for a finding."""
    counted = count(load().postgres)
    for each in counted.findings[:TOLD]:
        log.error("books_disagree", check=each.check, object=each.object, expected=each.expected, found=each.found)
    log.info("recounted", portfolios=counted.portfolios, transactions=counted.transactions)
    if not counted.is_clean:
        raise JobFailed(JobExit.DATA)
    return {}


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run(BOOKS_RECOUNT, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
