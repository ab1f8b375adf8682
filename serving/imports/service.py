"""Imports beside the event loop: a file of 50,000 rows is parsed, folded and booked in a thread with its own loop."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from contextvars import copy_context
from uuid import UUID

from fastapi import Request
from psycopg import Rollback
from starlette.responses import Response

from lakehouse.stores.postgres import Transaction, write_pool
from serving.imports.calm import full_collections_postponed
from serving.imports.importer import Importer
from serving.imports.repository import ImportReader, ImportRepository
from serving.imports.schemas import (
    ImportPage,
    ImportParameters,
    ImportQuery,
    ImportReport,
    ImportSummary,
    RowPage,
    RowQuery,
)
from serving.kit.access import Principal
from serving.kit.crud.service import NotFound
from serving.kit.database import Database
from serving.kit.idempotency import Answer, Idempotency
from serving.kit.paging import next_path, page_by_id, split
from serving.kit.problems import UnsupportedMediaType
from serving.kit.rooms import Platform

READ_TYPES = frozenset({"", "text/csv", "text/plain", "application/csv", "application/octet-stream"})
CREATED = 201
FOLDING_S = 60.0  # between two statements a large file is read and folded, on a busy machine for long


class ImportService:
    """Books files, and shows what became of earlier ones."""

    def __init__(self, platform: Platform, threads: Executor) -> None:
        self._platform = platform
        self._threads = threads
        self._reader = ImportReader(platform.database)
        self._importer = Importer(ImportRepository(), platform.clock)

    async def run(self, request: Request, principal: Principal, key: str, asked: ImportParameters) -> Response:
        """The answer to a file, made once a key; a dry run is made each time. Raises ApiError."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in READ_TYPES:
            raise UnsupportedMediaType(f"Send the file itself as text/csv, and not as {kind[:100]}.")
        await request.body()  # kept in the request: the thread cannot wait for it
        here = copy_context()  # or the thread's log lines would have no request id, trace and user
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: here.run(self._run_here, request, principal, key, asked)
        )

    async def find(self, principal: Principal, import_id: UUID) -> ImportSummary:
        """An import without its rows. Raises NotFound."""
        found = await self._reader.find(principal, import_id)
        if found is None:
            raise NotFound(f"There is no import {import_id} of yours.")
        return found

    async def page(self, principal: Principal, query: ImportQuery, path: str) -> ImportPage:
        """A page of imports."""
        found = await self._reader.page(
            principal, after=query.starting_after, portfolio_id=query.portfolio_id, limit=query.limit + 1
        )
        rows, following = page_by_id(found, query.limit, path, {"portfolio_id": query.portfolio_id})
        return ImportPage(data=list(rows), has_more=following is not None, next=following)

    async def rows(self, principal: Principal, import_id: UUID, query: RowQuery, path: str) -> RowPage:
        """A page of an import's rows. Raises NotFound."""
        await self.find(principal, import_id)
        status = None if query.status is None else query.status.value
        found = await self._reader.rows(import_id, after=query.after_row, status=status, limit=query.limit + 1)
        rows, has_more = split(found, query.limit)
        given = {"status": status, "limit": query.limit}
        following = next_path(path, given, {"after_row": str(rows[-1].row)}) if has_more else None
        return RowPage(data=list(rows), has_more=has_more, next=following)

    def _run_here(self, request: Request, principal: Principal, key: str, asked: ImportParameters) -> Response:
        with full_collections_postponed():
            return asyncio.run(self._in_thread(request, principal, key, asked))

    async def _in_thread(self, request: Request, principal: Principal, key: str, asked: ImportParameters) -> Response:
        content = await request.body()
        async with self._own_database() as database:
            if asked.dry_run:
                report = await self._rehearse(database, request, principal, asked, content)
                return Response(report.model_dump_json(), media_type="application/json")

            async def effect(connection: Transaction) -> Answer:
                made = await self._importer.run(connection, request, principal, asked, content)
                return Answer(CREATED, made.model_dump_json().encode(), {"Location": f"{request.url.path}/{made.id}"})

            return await Idempotency(database, self._platform.clock).once(request, principal, key, effect)

    async def _rehearse(
        self, database: Database, request: Request, principal: Principal, asked: ImportParameters, content: bytes
    ) -> ImportReport:
        """Everything that an import does, constraints included, and then back."""
        async with database.transaction() as connection, connection.transaction() as savepoint:
            report = await self._importer.run(connection, request, principal, asked, content)
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            raise Rollback(savepoint)
        return report

    @asynccontextmanager
    async def _own_database(self) -> AsyncIterator[Database]:
        """A connection of the thread's own event loop; the API's belong to the API's loop."""
        settings = self._platform.settings
        section = settings.postgres.model_copy(update={"pool_max_size": 1})
        pool = write_pool(section, timeout_s=settings.serving.query_timeout_s, idle_s=FOLDING_S)
        await pool.open(wait=False)
        try:
            yield Database(pool, pool)
        finally:
            await pool.close()
