"""The socket of analysis sessions: it translates, the session decides."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, WebSocket
from pydantic import BaseModel, ValidationError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect, WebSocketState

from serving.analysis.registry import Registry
from serving.analysis.schemas import COMMANDS, SESSION_PATTERN, Analyze, Auth, Cancel, ErrorFrame, ShutdownFrame
from serving.analysis.service import AnalysisService, AnalysisSession
from serving.kit.access import API_KEY_HEADER, Authenticator, Gate, NotAuthenticated, Principal, Scope
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.kit.problems import ApiError
from serving.sockets.service import ending_of
from serving.sockets.session import SHUTDOWN, SLOW, Ending, close, refused, until_refused

AUTH_WAIT_S: Final = 5.0
MAX_FRAME: Final = 4096
MAX_FRAMES_PER_S: Final = 20
SEND_S: Final = 5.0
PATH: Final = "/ws/{session_id}"
TOO_MANY: Final = Ending(4429, "too_many_sessions")
POLICY_VIOLATION: Final = 1008
LOST: Final = 1006

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a socket needs of the platform."""

    metrics: Metrics
    lifecycle: Lifecycle


@router.websocket(PATH)
async def analyse(socket: WebSocket, session_id: Annotated[str, Path(pattern=SESSION_PATTERN)]) -> None:
    """Commands in, frames out, until the client leaves; schemas.py describes both."""
    if not _same_origin(socket):
        await socket.close(POLICY_VIOLATION, "origin not allowed")
        return
    await socket.accept()
    around: Surroundings = socket.state.analysis_surroundings
    around.metrics.sockets.labels(PATH).inc()
    try:
        ending = await _introduced(socket, session_id, around)
    except WebSocketDisconnect:
        ending = None
    finally:
        around.metrics.sockets.labels(PATH).dec()
    if ending is not None:
        around.metrics.closed.labels(PATH, ending.reason).inc()
        await close(socket, ending)


async def _introduced(socket: WebSocket, session_id: str, around: Surroundings) -> Ending | None:
    """Learn who it is, and serve them until one of both has had enough."""
    gate: Gate = socket.state.gate
    known: list[tuple[HTTPConnection, Principal]] = []

    async def admission() -> None:
        proof = await _proof(socket)
        known.append((proof, await gate.admit(proof, Scope.RISK_READ)))

    ending = await refused(admission())
    if ending is not None:
        return ending
    ((proof, principal),) = known
    service: AnalysisService = socket.state.analysis
    registry: Registry = socket.state.analysis_sessions
    session = AnalysisSession(service, principal, session_id, partial(_send, socket, around))
    if not registry.add(session, principal.user_id):
        return TOO_MANY
    try:
        await session.open()
        return await _talk(socket, session, proof, around)
    finally:
        registry.remove(session)
        await session.close()


async def _talk(
    socket: WebSocket, session: AnalysisSession, proof: HTTPConnection, around: Surroundings
) -> Ending | None:
    tasks = [asyncio.create_task(_listen(socket, session)), asyncio.create_task(_watch(socket, session, proof, around))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
    return ending_of(found)


async def _listen(socket: WebSocket, session: AnalysisSession) -> None:
    while True:
        await _obey(socket, session)


async def _watch(
    socket: WebSocket, session: AnalysisSession, proof: HTTPConnection, around: Surroundings
) -> Ending | None:
    """Ask from time to time whether the user may still be here; say goodbye when the API ends."""
    authenticator: Authenticator = socket.state.authenticator

    async def check() -> None:
        (await authenticator.principal(proof)).require(Scope.RISK_READ)

    ending = await until_refused(check, around.lifecycle)
    if ending is None:
        await session.tell(ShutdownFrame())
        return SHUTDOWN
    return ending


async def _send(socket: WebSocket, around: Surroundings, frame: BaseModel) -> None:
    """Raises WebSocketDisconnect where the client has left, or has not read for SEND_S: that one is cut off."""
    if socket.application_state is not WebSocketState.CONNECTED:
        raise WebSocketDisconnect(LOST)
    try:
        async with asyncio.timeout(SEND_S):
            await socket.send_text(frame.model_dump_json())
    except TimeoutError as error:
        around.metrics.closed.labels(PATH, SLOW.reason).inc()
        await close(socket, SLOW)
        raise WebSocketDisconnect(LOST) from error
    around.metrics.frames.labels(PATH).inc()


async def _obey(socket: WebSocket, session: AnalysisSession) -> None:
    """One command. The pause keeps a flooding client to MAX_FRAMES_PER_S; what it sends meanwhile waits in TCP."""
    text = await socket.receive_text()
    try:
        command = _command(text)
    except ApiError as error:
        await session.tell(ErrorFrame(code=error.code, detail=error.detail))
        return
    match command:
        case Analyze():
            await session.analyze(command)
        case Cancel():
            await session.cancel()
        case Auth():
            await session.tell(ErrorFrame(code="already_authenticated", detail="This socket has its user."))
    await asyncio.sleep(1 / MAX_FRAMES_PER_S)


def _command(text: str) -> Auth | Analyze | Cancel:
    if len(text) > MAX_FRAME:
        raise FrameRefused(f"A frame may have {MAX_FRAME} characters at most.")
    try:
        return COMMANDS.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"]) or "the frame"
        raise FrameRefused(
            f'{where}: {first["msg"]}. Send {{"action":"analyze","ticker":"AAPL"}} or {{"action":"cancel"}}.'
        ) from error


class FrameRefused(ApiError):
    """A frame that is no command."""

    status = 422
    code = "invalid_frame"
    title = "The frame is no command"


async def _proof(socket: WebSocket) -> HTTPConnection:
    """The handshake's headers, or a first frame `auth`: never the address, which ends up in logs."""
    if "authorization" in socket.headers or API_KEY_HEADER.lower() in socket.headers:
        return socket
    async with asyncio.timeout(AUTH_WAIT_S):
        text = await socket.receive_text()
    try:
        command = _command(text)
    except FrameRefused as error:
        raise NotAuthenticated(error.detail) from error
    if not isinstance(command, Auth):
        raise NotAuthenticated('Send {"action":"auth","token":"..."} first.')
    header = (b"authorization", f"Bearer {command.token}".encode())
    return HTTPConnection({**socket.scope, "headers": [header]})


def _same_origin(socket: WebSocket) -> bool:
    """A browser names the page that opens a socket; programs name none."""
    origin = socket.headers.get("origin")
    allowed = getattr(socket.app.state, "allowed_origins", ())
    return origin is None or origin in allowed or urlsplit(origin).netloc == socket.headers.get("host")
