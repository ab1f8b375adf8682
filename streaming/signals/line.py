"""The connection to PostgreSQL, opened again after a failure, however long that takes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from threading import Event
from typing import Final, TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from lakehouse.settings import PostgresSettings
from lakehouse.stores.postgres import IN_THE_WAY, connect_alone

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
Found = TypeVar("Found")
Work = Callable[[AsyncConnection[TupleRow]], Awaitable[Found]]

log = structlog.get_logger(__name__)


class Line:
    """One connection of one thread. `wait(seconds)` is called between attempts."""

    def __init__(
        self, section: PostgresSettings, runner: asyncio.Runner, stop: Event, wait: Callable[[float], None]
    ) -> None:
        self._section, self._runner, self._stop, self._wait = section, runner, stop, wait
        self._connection: AsyncConnection[TupleRow] | None = None

    def tried(self, work: Work[Found]) -> Found | None:
        """What the work found once PostgreSQL has let it; None where the process was told to stop before. The work may
        be run again after a commit whose answer was lost."""
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                return self._runner.run(self._done(work))
            except IN_THE_WAY as error:
                log.warning("transaction_repeated", error=type(error).__name__)
            except psycopg.OperationalError as error:
                log.warning("postgres_away", error=str(error), retry_s=pause_s)
                self.close()
                self._wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return None

    def close(self) -> None:
        """Let go of the connection."""
        held, self._connection = self._connection, None
        if held is not None:
            with suppress(psycopg.Error):
                self._runner.run(held.close())

    async def _done(self, work: Work[Found]) -> Found:
        if self._connection is None:
            self._connection = await connect_alone(self._section, "tidemark-signals")
        return await work(self._connection)
