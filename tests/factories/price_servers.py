"""Servers on loopback that speak price providers' protocols: scripted answers, everything that is asked is kept."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as Handshake, Response as HandshakeResponse

from tests.factories.ports import free_port

Session = Callable[[ServerConnection], Awaitable[None]]


@dataclass(slots=True)
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Rest:
    """A provider's REST side: `answer` makes each response."""

    url: str
    asked: list[Asked] = field(default_factory=list)


class _Server(uvicorn.Server):
    """Says when it listens, in place of being asked again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def rest(answer: Callable[[Asked], Response]) -> AsyncIterator[Rest]:
    """An HTTP server whose every path is answered by `answer`."""
    port = free_port()
    found = Rest(f"http://127.0.0.1:{port}")

    async def handle(request: Request) -> Response:
        asked = Asked(
            request.method,
            request.url.path,
            dict(request.query_params),
            dict(request.headers),
            await request.body(),
        )
        found.asked.append(asked)
        return answer(asked)

    app = Starlette(routes=[Route("/{path:path}", handle, methods=["GET", "POST"])])
    server = _Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    running = asyncio.create_task(server.serve())
    await server.listens.wait()
    try:
        yield found
    finally:
        server.should_exit = True
        await running


@dataclass(slots=True)
class Stream:
    """A provider's WebSocket side: the handshakes that it saw, and how many connections ended."""

    url: str
    handshakes: list[Handshake] = field(default_factory=list)


@asynccontextmanager
async def stream(sessions: Sequence[Session], *, refuse: int | None = None) -> AsyncIterator[Stream]:
    """A WebSocket server: connection number i is session i (the last one again and again), closed when that returns.

    `refuse` answers every handshake with this status instead.
    """
    made = 0

    async def handle(connection: ServerConnection) -> None:
        nonlocal made
        session = sessions[min(made, len(sessions) - 1)]
        made += 1
        await session(connection)

    def judge(connection: ServerConnection, request: Handshake) -> HandshakeResponse | None:
        found.handshakes.append(request)
        return None if refuse is None else connection.respond(refuse, "no\n")

    async with serve(handle, "127.0.0.1", 0, process_request=judge) as server:
        (listening,) = server.sockets
        found = Stream(f"ws://127.0.0.1:{listening.getsockname()[1]}")
        yield found


def saying(*frames: str | bytes, after: int = 1, heard: list[str | bytes] | None = None) -> Session:
    """A session that hears `after` frames, says its own and ends; what it heard is appended to `heard`."""

    async def session(connection: ServerConnection) -> None:
        for _ in range(after):
            message = await connection.recv()
            if heard is not None:
                heard.append(message)
        for frame in frames:
            await connection.send(frame)

    return session
