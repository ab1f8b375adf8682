"""The pool that the API writes through: what keeps a transaction from its end is told apart."""

import asyncio
from collections.abc import Awaitable, Callable
from select import select

import pytest

from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.postgres import PostgresUnavailable, Transaction, transaction, write_pool

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0
KEY = 4711
Work = Callable[[Transaction], Awaitable[object]]


def written(settings: Settings, work: Work, *, timeout_s: float = PATIENCE_S, idle_s: float = PATIENCE_S) -> None:
    """Run `work` in one transaction of a pool."""

    async def run() -> None:
        pool = write_pool(settings.postgres, timeout_s=timeout_s, idle_s=idle_s)
        await pool.open(wait=False)
        try:
            async with transaction(pool) as connection:
                await work(connection)
        finally:
            await pool.close()

    asyncio.run(run())


async def wait(connection: Transaction) -> None:
    """Wait for what another session holds."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (KEY,))


def rest(connection: Transaction) -> None:
    """Ask nothing until PostgreSQL says that it has ended the session."""
    said, _, _ = select([connection], [], [], PATIENCE_S)
    assert said == [connection]


def test_a_lock_that_is_held_too_long_is_no_answer_in_time(empty: Settings) -> None:
    with postgres.connect(empty.postgres) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (KEY,))
        with pytest.raises(PostgresUnavailable, match="in time"):
            written(empty, wait, timeout_s=3.0)
    written(empty, wait, timeout_s=PATIENCE_S)


def test_a_lock_that_the_server_does_not_wait_for_is_in_the_way(empty: Settings) -> None:
    async def work(connection: Transaction) -> None:
        await connection.execute("SET LOCAL lock_timeout = '100ms'")
        await wait(connection)

    with postgres.connect(empty.postgres) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (KEY,))
        with pytest.raises(postgres.IN_THE_WAY):
            written(empty, work)


@pytest.mark.parametrize("goes_on", [True, False], ids=["next statement", "commit"])
def test_a_transaction_that_rested_too_long_is_no_answer_in_time(empty: Settings, goes_on: bool) -> None:
    async def work(connection: Transaction) -> None:
        await connection.execute("SELECT 1")
        rest(connection)
        if goes_on:
            await connection.execute("SELECT 2")

    with pytest.raises(PostgresUnavailable, match="in time"):
        written(empty, work, idle_s=0.1)


def test_a_server_that_takes_no_writes_any_more_is_away(empty: Settings) -> None:
    async def work(connection: Transaction) -> None:
        await connection.execute("SET TRANSACTION READ ONLY")  # as on a primary that has become a standby
        await connection.execute("CREATE TABLE t (n int)")

    with pytest.raises(PostgresUnavailable, match="tidemark doctor"):
        written(empty, work)


def test_a_session_that_was_ended_is_away(empty: Settings) -> None:
    async def work(connection: Transaction) -> None:
        with postgres.connect(empty.postgres) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        await connection.execute("SELECT 1")

    with pytest.raises(PostgresUnavailable, match="tidemark doctor"):
        written(empty, work)
