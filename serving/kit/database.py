"""PostgreSQL as a request sees it: reads from the replica where there is one, one transaction for each write."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from psycopg import DataError, IntegrityError

from lakehouse.stores import postgres, probes
from lakehouse.stores.postgres import IN_THE_WAY, First, Pool, Query, Transaction
from serving.kit.constraints import refusal_of
from serving.kit.problems import TryAgain

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class _One:
    one: int


class Database:
    """The two pools. A service never commits: the end of `transaction` does, before the answer is sent."""

    def __init__(self, read: Pool, write: Pool) -> None:
        self._read = read
        self._write = write

    def pools(self) -> dict[str, dict[str, int]]:
        """What the pools say about themselves, by name."""
        return {"read": self._read.get_stats(), "write": self._write.get_stats()}

    async def fetch(self, statement: Query, parameters: Mapping[str, object], record: type[Record]) -> list[Record]:
        """The rows of a read, each as a `record` built by column name. Raises PostgresUnavailable."""
        return await postgres.fetch(self._read, statement, parameters, record)

    async def find(self, statement: Query, parameters: Mapping[str, object], record: type[Record]) -> Record | None:
        """The first row of a read, or None."""
        rows = await self.fetch(statement, parameters, record)
        return rows[0] if rows else None

    async def ping(self) -> None:
        """Ask both pools for one row. Raises where one does not answer."""
        await probes.postgres(self._write)
        await self.fetch("SELECT 1 AS one", {}, _One)

    @asynccontextmanager
    async def transaction(self, *, first: First | None = None) -> AsyncIterator[Transaction]:
        """A write: committed at the end of the block, rolled back by any exception. `first` is a read that is sent
        with its begin.

        A refusal of the database becomes the ApiError that its constraint stands for, also where it comes at the
        commit. Raises PostgresUnavailable, and TryAgain where two writes met.
        """
        try:
            async with postgres.transaction(self._write, first=first) as connection:
                yield connection
        except (IntegrityError, DataError) as error:
            raise refusal_of(error) from error
        except IN_THE_WAY as error:
            raise TryAgain("Another write was in the way and won; send the same request again.") from error


async def find_in(
    connection: Transaction, statement: Query, parameters: Mapping[str, object], record: type[Record]
) -> Record | None:
    """The first row of a statement inside a transaction, or None."""
    rows = await postgres.rows_of(connection, statement, parameters, record)
    return rows[0] if rows else None
