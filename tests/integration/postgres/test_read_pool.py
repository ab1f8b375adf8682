"""The pool that the API reads through: typed, read-only, bounded, and over a broken connection by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import pytest

from lakehouse.settings import PostgresSettings, Settings
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Pool, PostgresUnavailable, fetch, read_pool
from tests.factories.ports import free_port

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0
LIMIT_S = 3.0  # where its end is waited for: a busy machine connects within it
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Row:
    number: int


def with_pool(
    section: PostgresSettings, use: Callable[[Pool], Awaitable[Outcome]], *, timeout_s: float = PATIENCE_S
) -> Outcome:
    """Run `use` with an open pool, which needs no server to be there."""

    async def run() -> Outcome:
        pool = read_pool(section, timeout_s=timeout_s)
        await pool.open(wait=False)
        try:
            return await use(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


def test_rows_are_records(empty: Settings) -> None:
    found = with_pool(empty.postgres, lambda pool: fetch(pool, "SELECT %(n)s::int AS number", {"n": 7}, Row))
    assert found == [Row(7)]


def test_nothing_can_be_written(empty: Settings) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        with_pool(empty.postgres, lambda pool: fetch(pool, "CREATE TABLE t (n int)", {}, Row))


def test_a_slow_statement_is_ended(empty: Settings) -> None:
    def slow(pool: Pool) -> Awaitable[list[Row]]:
        return fetch(pool, "SELECT 1 AS number FROM pg_sleep(300)", {}, Row)

    with pytest.raises(PostgresUnavailable, match="in time"):
        with_pool(empty.postgres, slow, timeout_s=LIMIT_S)


def test_a_missing_table_says_how_to_get_it(empty: Settings) -> None:
    with pytest.raises(PostgresUnavailable, match="tidemark up"):
        with_pool(empty.postgres, lambda pool: fetch(pool, "SELECT number FROM nowhere.at_all", {}, Row))


def test_a_missing_server_costs_the_time_limit_and_no_more(empty: Settings) -> None:
    nobody = empty.postgres.model_copy(update={"port": free_port()})
    with pytest.raises(PostgresUnavailable, match="tidemark doctor"):
        with_pool(nobody, lambda pool: fetch(pool, "SELECT 1 AS number", {}, Row), timeout_s=LIMIT_S)


def test_connections_that_broke_in_the_pool_are_replaced_unnoticed(empty: Settings) -> None:
    async def use(pool: Pool) -> list[Row]:
        await asyncio.gather(*(fetch(pool, "SELECT 1 AS number FROM pg_sleep(0.1)", {}, Row) for _ in range(4)))
        with postgres.connect(empty.postgres) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return await fetch(pool, "SELECT 2 AS number", {}, Row)

    assert with_pool(empty.postgres, use) == [Row(2)]
