"""One run at a time: PostgreSQL advisory locks that die with the connection that holds them."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from spark_jobs.kit.errors import UnavailableError

TIMEOUT_S = 900.0
POLL_S = 0.2


class LockTakenError(UnavailableError):
    """Another run holds the lock. Carries its `name`."""

    def __init__(self, name: str, waited_s: float) -> None:
        self.name = name
        super().__init__(
            f"the lock {name!r} stayed taken for {waited_s:.0f} s: another run is at work; wait for it, or see "
            "ops.job_run for what is running"
        )


@contextmanager
def held(connection: Connection[TupleRow], name: str, *, clock: Clock, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Hold the lock called `name` for the block. The connection must be in autocommit mode and stay open.

    Blocks up to `timeout_s`, then raises LockTakenError. A lost connection releases the lock and fails the next
    statement on it, which is why a job asks PostgreSQL once more right before it publishes.
    """
    deadline = clock.monotonic() + timeout_s
    while not _taken(connection, name):
        if clock.monotonic() >= deadline:
            raise LockTakenError(name, timeout_s)
        clock.sleep(POLL_S)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


def _taken(connection: Connection[TupleRow], name: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
    return row is not None and bool(row[0])
