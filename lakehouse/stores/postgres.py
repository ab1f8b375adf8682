"""PostgreSQL by psycopg 3: typed rows and a pool."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import LiteralString, TypeAlias, TypeVar

from psycopg import AsyncConnection, Connection, OperationalError, conninfo, sql
from psycopg.errors import (
    DeadlockDetected,
    InvalidSchemaName,
    LockNotAvailable,
    QueryCanceled,
    SerializationFailure,
    UndefinedColumn,
    UndefinedTable,
)
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[TupleRow]]
Query: TypeAlias = LiteralString | sql.Composed
Transaction: TypeAlias = AsyncConnection[TupleRow]
API_ROLE = "tidemark_api"
Record = TypeVar("Record")


class PostgresUnavailable(TidemarkError):
    """PostgreSQL refused the connection, did not answer in time, or lacks the migrated schema."""


def conninfo_of(section: PostgresSettings) -> str:
    """A libpq connection string with the password: never log it."""
    return conninfo.make_conninfo(
        host=section.host,
        port=section.port,
        user=section.user,
        password=section.password.get_secret_value(),
        dbname=section.database,
        options="-c timezone=UTC",
    )


def connect(section: PostgresSettings) -> Connection[TupleRow]:
    """One connection, for jobs and commands: a `with` block is one transaction."""
    return Connection.connect(conninfo_of(section))


def read_pool(section: PostgresSettings, *, timeout_s: float) -> Pool:
    """A closed pool whose connections cannot write, for the API; open it in the application's lifespan.

    No wait is longer than `timeout_s`: not for a connection, not for an answer.
    """
    return _pool(section, timeout_s, options="-c default_transaction_read_only=on")


def write_pool(section: PostgresSettings, *, timeout_s: float) -> Pool:
    """The same for writes: a connection is asked before it is used, because a write cannot be repeated blindly.

    Neither pool works as the owner: API_ROLE cannot change a booked entry.
    """
    options = f"-c idle_in_transaction_session_timeout={int(timeout_s * 2000)}"
    return _pool(section, timeout_s, options=options, check=AsyncConnectionPool.check_connection)


def _pool(
    section: PostgresSettings,
    timeout_s: float,
    *,
    options: str,
    check: Callable[[Transaction], Awaitable[None]] | None = None,
) -> Pool:
    limits = f"-c timezone=UTC -c role={API_ROLE} -c statement_timeout={int(timeout_s * 1000)}"
    return AsyncConnectionPool(
        conninfo.make_conninfo(
            conninfo_of(section), options=f"{limits} {options}", connect_timeout=max(2, int(timeout_s))
        ),
        min_size=1,
        max_size=section.pool_max_size,
        timeout=timeout_s,
        check=check,
        open=False,
    )


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Transaction]:
    """A connection in a transaction that the end of the block commits, and an exception rolls back.

    Raises PostgresUnavailable where no connection is to be had or it breaks; then nothing was written, unless the
    connection broke during the commit itself: an Idempotency-Key tells the two apart.
    """
    try:
        async with pool.connection() as connection, connection.transaction():
            yield connection
    except (PoolTimeout, QueryCanceled) as error:
        raise PostgresUnavailable(f"PostgreSQL did not answer in time: {error}. `tidemark doctor` says why") from error
    except (InvalidSchemaName, UndefinedTable, UndefinedColumn) as error:
        raise PostgresUnavailable(f"PostgreSQL is not migrated: {error}. `tidemark up` migrates it") from error
    except OperationalError as error:
        if isinstance(error, (DeadlockDetected, SerializationFailure, LockNotAvailable)):
            raise
        await pool.check()
        raise PostgresUnavailable(f"PostgreSQL did not answer: {error}. `tidemark doctor` says why") from error


async def rows_of(
    connection: Transaction, statement: Query, parameters: Mapping[str, object], record: type[Record]
) -> list[Record]:
    """The rows of one statement inside a transaction, each as a `record` built by column name."""
    async with connection.cursor(row_factory=class_row(record)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


async def fetch(pool: Pool, statement: Query, parameters: Mapping[str, object], record: type[Record]) -> list[Record]:
    """The rows of one read, each as a `record` built by column name. Raises PostgresUnavailable.

    A connection that broke while it lay in the pool costs one more attempt, not an error: a read may be repeated.
    """
    try:
        return await _read(pool, statement, parameters, record)
    except (PoolTimeout, QueryCanceled) as error:
        raise PostgresUnavailable(f"PostgreSQL did not answer in time: {error}. `tidemark doctor` says why") from error
    except (InvalidSchemaName, UndefinedTable, UndefinedColumn) as error:
        raise PostgresUnavailable(f"PostgreSQL is not migrated: {error}. `tidemark up` migrates it") from error
    except OperationalError:
        await pool.check()
    try:
        return await _read(pool, statement, parameters, record)
    except OperationalError as error:
        raise PostgresUnavailable(f"PostgreSQL did not answer: {error}. `tidemark doctor` says why") from error


async def _read(pool: Pool, statement: Query, parameters: Mapping[str, object], record: type[Record]) -> list[Record]:
    async with pool.connection() as connection:
        return await rows_of(connection, statement, parameters, record)
