"""PostgreSQL by psycopg 3: typed rows and a pool."""

from psycopg import Connection, conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from lakehouse.settings import PostgresSettings


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


def async_pool(section: PostgresSettings) -> AsyncConnectionPool:
    """A closed pool for the API; open it in the application's lifespan."""
    return AsyncConnectionPool(conninfo_of(section), min_size=1, max_size=section.pool_max_size, open=False)
