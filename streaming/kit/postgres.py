"""PostgreSQL as a process uses it that is one of several: a connection, and a lock that one of them holds."""

from typing import Final, LiteralString, TypeVar

import psycopg
from psycopg import Connection, conninfo
from psycopg.rows import TupleRow, class_row

from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores.postgres import conninfo_of

STATEMENT_S: Final = 30
CONNECT_S: Final = 5
LEAD: Final[LiteralString] = "SELECT pg_try_advisory_lock(hashtextextended(%(lock)s, 0))"

Record = TypeVar("Record")


class Led:
    """One connection, opened again after a failure; every statement is a transaction of its own.

    PostgreSQL lets go of `lock` when the connection ends, so a process that was killed is followed by the next one at
    once. Where PostgreSQL does not answer, every method raises what `away` makes of the reason.
    """

    def __init__(self, section: PostgresSettings, *, name: str, lock: str, away: type[TidemarkError]) -> None:
        self._section, self._name, self._lock, self._away = section, name, lock, away
        self._connection: Connection[TupleRow] | None = None
        self._leads = False

    def lead(self) -> bool:
        """Whether this process holds the lock; asks again where it did not."""
        if not self._leads:
            found = self.execute(LEAD, {"lock": self._lock}).fetchone()
            self._leads = found is not None and bool(found[0])
        return self._leads

    def execute(self, statement: LiteralString, names: dict[str, object]) -> psycopg.Cursor[TupleRow]:
        """Run a statement."""
        try:
            return self._connected().execute(statement, names)
        except psycopg.OperationalError as error:
            raise self._lost(error) from error

    def rows(self, statement: LiteralString, names: dict[str, object], record: type[Record]) -> list[Record]:
        """The rows of a statement, each as a `record` built by column name."""
        try:
            with self._connected().cursor(row_factory=class_row(record)) as cursor:
                return cursor.execute(statement, names).fetchall()
        except psycopg.OperationalError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Let go of the lock and the connection."""
        connection, self._connection, self._leads = self._connection, None, False
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection[TupleRow]:
        if self._connection is None:
            text = conninfo.make_conninfo(
                conninfo_of(self._section),
                options=f"-c timezone=UTC -c statement_timeout={STATEMENT_S * 1000}",
                connect_timeout=CONNECT_S,
                application_name=self._name,
                keepalives_idle=10,
            )
            self._connection = Connection.connect(text, autocommit=True)
        return self._connection

    def _lost(self, error: psycopg.OperationalError) -> TidemarkError:
        self.close()
        return self._away(f"{self._section.dsn} does not answer: {error}. `tidemark doctor` says why")
