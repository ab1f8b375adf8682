"""PostgreSQL by psycopg 3: typed rows and a pool."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final, LiteralString, TypeAlias, TypeVar

import orjson
from psycopg import AsyncConnection, Connection, Error, OperationalError, conninfo, sql
from psycopg.errors import (
    DeadlockDetected,
    IdleInTransactionSessionTimeout,
    InvalidSchemaName,
    LockNotAvailable,
    PipelineAborted,
    QueryCanceled,
    ReadOnlySqlTransaction,
    SerializationFailure,
    TransactionTimeout,
    UndefinedColumn,
    UndefinedTable,
)
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[TupleRow]]
Query: TypeAlias = LiteralString | bytes | sql.Composed
Transaction: TypeAlias = AsyncConnection[TupleRow]
First: TypeAlias = Callable[[Transaction], Awaitable[None]]
API_ROLE = "tidemark_api"
CONNECT_S: Final = 5
STATEMENT_S: Final = 30
# psycopg sorts the last two by their SQLSTATE among the failures of a program, but a slow machine meets them too.
TOO_LATE: Final = (PoolTimeout, QueryCanceled, IdleInTransactionSessionTimeout, TransactionTimeout)
IN_THE_WAY: Final = (DeadlockDetected, SerializationFailure, LockNotAvailable)
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


async def connect_alone(section: PostgresSettings, name: str) -> AsyncConnection[TupleRow]:
    """The one connection of a process that never ends; its statements are transactions of their own where none is
    begun. Raises OperationalError."""
    options = f"-c timezone=UTC -c statement_timeout={STATEMENT_S * 1000}"
    text = conninfo.make_conninfo(
        conninfo_of(section), options=options, connect_timeout=CONNECT_S, application_name=name, keepalives_idle=10
    )
    return await AsyncConnection.connect(text, autocommit=True)


def read_pool(section: PostgresSettings, *, timeout_s: float) -> Pool:
    """A closed pool whose connections cannot write, for the API; open it in the application's lifespan.

    No wait is longer than `timeout_s`: not for a connection, not for an answer. Every statement is a transaction of
    its own, so a read is one round trip.
    """
    return _pool(section, timeout_s, options="-c default_transaction_read_only=on", autocommit=True)


def write_pool(section: PostgresSettings, *, timeout_s: float, idle_s: float | None = None) -> Pool:
    """The same for writes, which `transaction` begins on a connection that answers.

    PostgreSQL ends a transaction that asks nothing for `idle_s`, twice `timeout_s` where that is not said: it may keep
    others waiting. Neither pool works as the owner: API_ROLE cannot change a booked entry.
    """
    idle_ms = int(1000 * (2 * timeout_s if idle_s is None else idle_s))
    options = f"-c idle_in_transaction_session_timeout={idle_ms}"
    return _pool(section, timeout_s, options=options, autocommit=False)


def _pool(section: PostgresSettings, timeout_s: float, *, options: str, autocommit: bool) -> Pool:
    limits = f"-c timezone=UTC -c role={API_ROLE} -c statement_timeout={int(timeout_s * 1000)}"
    return AsyncConnectionPool(
        conninfo.make_conninfo(
            conninfo_of(section), options=f"{limits} {options}", connect_timeout=max(2, int(timeout_s))
        ),
        kwargs={"autocommit": autocommit},
        min_size=1,
        max_size=section.pool_max_size,
        timeout=timeout_s,
        open=False,
    )


@asynccontextmanager
async def transaction(pool: Pool, *, first: First | None = None) -> AsyncIterator[Transaction]:
    """A connection in a transaction that the end of the block commits, and an exception rolls back.

    `first` is sent with the BEGIN, where it uses `together`: a round trip less. It may be run twice, so it only reads.

    Raises PostgresUnavailable where no connection is to be had, it breaks, or time is up; then nothing was written,
    unless the connection broke during the commit itself: an Idempotency-Key tells the two apart. Raises one of
    IN_THE_WAY where another transaction was faster, and nothing was written.
    """
    try:
        with _named():
            async with AsyncExitStack() as stack:
                yield await _begun(pool, stack, first)
    except IN_THE_WAY:
        raise
    except (OperationalError, ReadOnlySqlTransaction) as error:  # the latter of a server that is a standby now
        await pool.check()
        raise PostgresUnavailable(f"PostgreSQL did not answer: {error}. `tidemark doctor` says why") from error


@contextmanager
def _named() -> Iterator[None]:
    """What waited too long, or lacks its tables, becomes PostgresUnavailable."""
    try:
        yield
    except TOO_LATE as error:
        raise PostgresUnavailable(f"PostgreSQL did not answer in time: {error}. `tidemark doctor` says why") from error
    except (InvalidSchemaName, UndefinedTable, UndefinedColumn) as error:
        raise PostgresUnavailable(f"PostgreSQL is not migrated: {error}. `tidemark up` migrates it") from error


async def _begun(pool: Pool, stack: AsyncExitStack, first: First | None) -> Transaction:
    """A connection in a transaction. One that broke while it lay in the pool costs one more attempt: BEGIN, the first
    thing that is sent, tells, and nothing has been written then."""
    try:
        async with AsyncExitStack() as attempt:
            connection = await _entered(pool, attempt, first)
            stack.push_async_exit(attempt.pop_all())
            return connection
    except (PoolTimeout, QueryCanceled):
        raise
    except OperationalError:
        await pool.check()
    return await _entered(pool, stack, first)


async def _entered(pool: Pool, stack: AsyncExitStack, first: First | None) -> Transaction:
    connection = await stack.enter_async_context(pool.connection())
    if first is None:
        await stack.enter_async_context(connection.transaction())
    else:
        await first(connection)  # psycopg begins a transaction by itself, which the pool's block ends
    return connection


@asynccontextmanager
async def together(connection: Transaction) -> AsyncIterator[None]:
    """Send the statements of the block one after the other without waiting for answers: one round trip for all.

    Nothing may be read in the block, nor a count of rows looked at. Raises what the first statement that failed has
    raised; none after it was run. Inside of another such block the statements go with that one's.
    """
    if connection.pgconn.pipeline_status:
        yield
        return
    try:
        async with connection.pipeline():
            yield
    except PipelineAborted as error:
        # Said of a later statement, where the first one's failure came in before all had been sent.
        if isinstance(error.__context__, Error) and not isinstance(error.__context__, PipelineAborted):
            raise error.__context__ from None
        raise


def json_of(records: Sequence[object]) -> Jsonb:
    """Records, dataclasses or dicts, as one parameter, for `jsonb_to_recordset`: many rows by one statement.

    Decimals travel as text, instants with their offset, so nothing is rounded.
    """
    return Jsonb(records, dumps=_dumps)


def _dumps(records: object) -> bytes:
    return orjson.dumps(records, default=str)


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
        with _named():
            return await _read(pool, statement, parameters, record)
    except OperationalError:
        await pool.check()
    try:
        return await _read(pool, statement, parameters, record)
    except OperationalError as error:
        raise PostgresUnavailable(f"PostgreSQL did not answer: {error}. `tidemark doctor` says why") from error


async def _read(pool: Pool, statement: Query, parameters: Mapping[str, object], record: type[Record]) -> list[Record]:
    async with pool.connection() as connection:
        return await rows_of(connection, statement, parameters, record)
