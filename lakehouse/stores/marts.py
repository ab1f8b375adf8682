"""Reads of the ClickHouse marts for services: the read-only analyst, in threads, each with a time limit."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import LiteralString, TypeVar

from anyio import CapacityLimiter, to_thread
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from lakehouse.errors import TidemarkError
from lakehouse.settings import ClickHouseSettings
from lakehouse.stores import clickhouse

THREADS = 4

Record = TypeVar("Record")
Outcome = TypeVar("Outcome")


class MartsUnavailable(TidemarkError):
    """ClickHouse did not answer in time, refused the read, or lacks the table."""


class Marts:
    """One client, made on first use and again after a failure: the API starts and recovers without ClickHouse."""

    def __init__(self, section: ClickHouseSettings, *, timeout_s: float) -> None:
        self._section = section
        self._timeout_s = timeout_s
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._limiter = CapacityLimiter(THREADS)

    async def fetch(
        self, statement: LiteralString, parameters: Mapping[str, object], record: type[Record]
    ) -> list[Record]:
        """The rows of one read, each as a `record` built by column name; parameters are bound by the server.

        Raises MartsUnavailable after `timeout_s` at most.
        """
        async with self._bounded():
            client = await self._connected()
            result = await self._in_thread(partial(client.query, statement, parameters=dict(parameters)))
        return [record(**row) for row in result.named_results()]

    async def ping(self) -> None:
        """One round trip as the analyst. Raises MartsUnavailable."""
        async with self._bounded():
            client = await self._connected()
            await self._in_thread(partial(client.query, "SELECT 1"))

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _connected(self) -> Client:
        async with self._opening:
            if self._client is None:
                self._client = await self._in_thread(self._open)
            return self._client

    def _open(self) -> Client:
        return clickhouse.connect(self._section, analyst=True, timeout_s=self._timeout_s)

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """The time limit covers waiting for the client and for a thread too."""
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError as error:
            raise MartsUnavailable(f"{self._section.url} gave no answer within {self._timeout_s} s") from error
        except (ClickHouseError, HTTPError, OSError) as error:
            raise MartsUnavailable(f"{self._section.url}: {error}. `tidemark doctor` says why") from error

    async def _in_thread(self, call: Callable[[], Outcome]) -> Outcome:
        return await to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._limiter)
