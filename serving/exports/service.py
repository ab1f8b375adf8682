"""Exports as streams: one page of rows is in memory at a time, and the event loop goes on between them."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from serving.exports.repository import EXPORTS, ExportRepository
from serving.exports.schemas import ExportQuery
from serving.exports.writing import MEDIA_TYPES, writer_of
from serving.kit.access import Principal
from serving.portfolios.service import PortfolioNotFound

PAGE_ROWS = 2000


class ExportService:
    """Writes a portfolio's rows."""

    def __init__(self, repository: ExportRepository) -> None:
        self._repository = repository

    async def run(self, principal: Principal, asked: ExportQuery) -> Response:
        """The file, streamed. Raises PortfolioNotFound; where the database goes away, the stream breaks off."""
        if not await self._repository.may_read(principal, asked.portfolio_id):
            raise PortfolioNotFound(asked.portfolio_id)
        pieces = self._pieces(asked)
        first = await anext(pieces)  # before the status is sent: a database that is gone is 503, not half a file
        name = f"{asked.kind}-{asked.portfolio_id}.{asked.format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_after(first, pieces), media_type=MEDIA_TYPES[asked.format], headers=headers)

    async def _pieces(self, asked: ExportQuery) -> AsyncIterator[bytes]:
        writer = writer_of(asked.format, EXPORTS[asked.kind].columns)
        after: list[str] | None = None
        while rows := await self._repository.page(asked.kind, asked.portfolio_id, after, PAGE_ROWS):
            yield await asyncio.to_thread(writer.rows, [row.cells for row in rows])
            after = rows[-1].place
            if len(rows) < PAGE_ROWS:
                break
        yield writer.end()


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
