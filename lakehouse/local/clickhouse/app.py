"""The HTTP edge: authentication, headers, bodies and statuses as ClickHouse's server has them."""

import json
import logging
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lakehouse.clock import Clock
from lakehouse.local.clickhouse.compression import choose, compress, decompress
from lakehouse.local.clickhouse.engine import Progress
from lakehouse.local.clickhouse.errors import ClickHouseError
from lakehouse.local.clickhouse.request import Exchange, Query, build
from lakehouse.local.clickhouse.service import Answer, Service
from lakehouse.local.clickhouse.users import User, Users

MAX_BODY = 512 * 1024**2
SWEEP_S = 5.0
DISPLAY_NAME = "tidemark"
_CONTENT_TYPES = {
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    "HTML": "text/html; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
    "Markdown": "text/markdown; charset=UTF-8",
    "Vertical": "text/plain; charset=UTF-8",
    "XML": "application/xml; charset=UTF-8",
}
_CONTENT_FAMILIES = (
    ("JSON", "application/json; charset=UTF-8"),
    ("Pretty", "text/plain; charset=UTF-8"),
    ("TSV", "text/tab-separated-values; charset=UTF-8"),
    ("TabSeparated", "text/tab-separated-values; charset=UTF-8"),
)
_log = logging.getLogger("tidemark.clickhouse")


@dataclass(frozen=True, slots=True)
class Edge:
    """What every request needs."""

    service: Service
    users: Users
    clock: Clock


def create_app(edge: Edge) -> Starlette:
    """The ASGI application. Query texts are never logged: they may hold credentials of the object store."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_sweep, edge.service)
            yield
            tasks.cancel_scope.cancel()
        await run_in_threadpool(edge.service.close)

    async def query(request: Request) -> Response:
        return await _handle(edge, request)

    async def crashed(request: Request, error: Exception) -> Response:
        _log.error("unexpected %s while answering", type(error).__name__)
        return _error_response(
            edge, ClickHouseError(1002, "UNKNOWN_EXCEPTION", "Internal error: see the server's log"), ""
        )

    routes = [
        Route("/ping", _ok, methods=["GET", "HEAD"]),
        Route("/replicas_status", _ok, methods=["GET", "HEAD"]),
        Route("/", query, methods=["GET", "POST", "HEAD"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Exception: crashed})


async def _sweep(service: Service) -> None:
    while True:
        await anyio.sleep(SWEEP_S)
        await run_in_threadpool(service.sessions.expire)


async def _ok(request: Request) -> Response:
    return PlainTextResponse("Ok.\n", headers={"X-ClickHouse-Server-Display-Name": DISPLAY_NAME})


async def _handle(edge: Edge, request: Request) -> Response:
    started = edge.clock.monotonic()
    query_id, status, name = str(uuid.uuid4()), 200, "-"
    try:
        params = dict(request.query_params)
        if request.method != "POST" and not params.get("query") and not request.headers.get("authorization"):
            return await _ok(request)
        user = edge.users.authenticate(request.headers, params)
        name = user.name
        query = build(await _exchange(request, params), query_id)
        query_id = query.query_id
        if request.method != "POST" and not query.text:
            return await _ok(request)
        response = await _answer(edge, user, query, request)
    except ClickHouseError as error:
        status = error.http_status
        response = _error_response(edge, error, query_id)
    seconds = edge.clock.monotonic() - started
    _log.info("%s user=%s query_id=%s status=%d seconds=%.3f", request.method, name, query_id, status, seconds)
    return response


async def _exchange(request: Request, params: dict[str, str]) -> Exchange:
    """The request with its body read and unpacked; the fields of a form join the URL's parameters."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        files: dict[str, bytes] = {}
        async with request.form(max_part_size=MAX_BODY) as form:
            for key, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[key] = await value.read()
                else:
                    params[key] = value
        return Exchange(request.method, request.headers, params, b"", files)
    parts: list[bytes] = []
    total = 0
    async for part in request.stream():
        total += len(part)
        if total > MAX_BODY:
            raise ClickHouseError(
                307, "TOO_MANY_BYTES", f"The body is larger than {MAX_BODY} bytes: insert in parts", status=413
            )
        parts.append(part)
    encoding = request.headers.get("content-encoding", "").lower()
    body = await run_in_threadpool(decompress, b"".join(parts), encoding, MAX_BODY)
    return Exchange(request.method, request.headers, params, body)


async def _answer(edge: Edge, user: User, query: Query, request: Request) -> Response:
    answer = await run_in_threadpool(edge.service.run, user, query)
    tag = secrets.token_hex(8)
    encoding = choose(request.headers.get("accept-encoding", "")) if query.compress else None
    headers = {
        **_common_headers(edge, query.query_id),
        "Content-Type": _content_type(answer.format),
        "X-ClickHouse-Format": answer.format,
        "X-ClickHouse-Summary": _summary(answer.progress),
        "X-ClickHouse-Exception-Tag": tag,
    }
    chunks: Iterator[bytes] = _with_late_error(answer, tag, edge.service.engine.version)
    if encoding is not None:
        headers["Content-Encoding"] = encoding
        chunks = compress(chunks, encoding)
    return _AnswerResponse(answer, chunks, headers)


class _AnswerResponse(StreamingResponse):
    """A streamed answer that gives its connection back however it ends: read out, failed or hung up on."""

    def __init__(self, answer: Answer, chunks: Iterator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(chunks, headers=headers)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._answer.close)


def _with_late_error(answer: Answer, tag: str, version: str) -> Iterator[bytes]:
    """The answer's bytes; an error after the first ones is written into the body the way clients look for it.

    The answer is closed before the last byte leaves, so that a client's next request finds its session free.
    """
    try:
        yield from answer.chunks
        answer.close()
    except ClickHouseError as error:
        answer.close()
        text = error.render(version).encode()
        yield b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (tag.encode(), text, len(text), tag.encode())


def _common_headers(edge: Edge, query_id: str) -> dict[str, str]:
    return {
        "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Timezone": edge.service.engine.timezone,
    }


def _error_response(edge: Edge, error: ClickHouseError, query_id: str) -> Response:
    headers = {
        **_common_headers(edge, query_id),
        "Content-Type": "text/plain; charset=UTF-8",
        "X-ClickHouse-Exception-Code": str(error.code),
        "X-ClickHouse-Summary": _summary(Progress()),
    }
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
    return Response(error.render(edge.service.engine.version), error.http_status, headers)


def _summary(progress: Progress) -> str:
    numbers = {
        "read_rows": progress.read_rows,
        "read_bytes": progress.read_bytes,
        "written_rows": progress.written_rows,
        "written_bytes": progress.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": progress.written_rows or progress.result_rows,
        "result_bytes": progress.written_bytes or progress.result_bytes,
        "elapsed_ns": int(progress.elapsed_s * 1e9),
    }
    return json.dumps({name: str(number) for name, number in numbers.items()}, separators=(",", ":"))


def _content_type(answer_format: str) -> str:
    if answer_format in _CONTENT_TYPES:
        return _CONTENT_TYPES[answer_format]
    families = (kind for prefix, kind in _CONTENT_FAMILIES if answer_format.startswith(prefix))
    return next(families, "application/octet-stream")
