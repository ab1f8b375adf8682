"""The thread of an import logs under the request's id."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving.imports.service import ImportService

MARK: ContextVar[str] = ContextVar("MARK", default="")


class Showing(ImportService):
    """Answers with what its thread knows of the request."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def _in_thread(self, *_: object) -> Response:
        return Response(MARK.get())


async def _asked(threads: ThreadPoolExecutor) -> bytes:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    MARK.set("the request's")
    nothing: Any = None
    answer = await Showing(threads).run(Request({"type": "http", "headers": []}, receive), nothing, "key", nothing)
    return bytes(answer.body)


def test_the_thread_of_an_import_has_the_context_of_its_request() -> None:
    with ThreadPoolExecutor(1) as threads:
        assert asyncio.run(_asked(threads)) == b"the request's"
