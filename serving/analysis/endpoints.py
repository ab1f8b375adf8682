"""The socket of analysis sessions: it translates, the session decides."""

import asyncio
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, WebSocket
from pydantic import BaseModel, ValidationError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from serving.analysis.registry import Registry
from serving.analysis.schemas import COMMANDS, SESSION_PATTERN, Analyze, Auth, Cancel, ErrorFrame
from serving.analysis.service import AnalysisService, AnalysisSession
from serving.kit.access import API_KEY_HEADER, Authenticator, NotAuthenticated, Principal, Scope
from serving.kit.problems import ApiError

AUTH_WAIT_S: Final = 5.0
MAX_FRAME: Final = 4096
MAX_FRAMES_PER_S: Final = 20
UNAUTHENTICATED: Final = 4401
TOO_MANY: Final = 4429
POLICY_VIOLATION: Final = 1008

router = APIRouter()


@router.websocket("/ws/{session_id}")
async def analyse(socket: WebSocket, session_id: Annotated[str, Path(pattern=SESSION_PATTERN)]) -> None:
    """Commands in, frames out, until the client leaves; schemas.py describes both."""
    if not _same_origin(socket):
        await socket.close(POLICY_VIOLATION, "origin not allowed")
        return
    await socket.accept()
    try:
        principal = await _authenticated(socket)
        principal.require(Scope.RISK_READ)
    except ApiError as error:
        await socket.close(UNAUTHENTICATED, error.code)
        return
    except (TimeoutError, WebSocketDisconnect):
        await socket.close(UNAUTHENTICATED, "not_authenticated")
        return
    await _serve(socket, principal, session_id)


async def _serve(socket: WebSocket, principal: Principal, session_id: str) -> None:
    service: AnalysisService = socket.state.analysis
    registry: Registry = socket.state.analysis_sessions

    async def send(frame: BaseModel) -> None:
        await socket.send_text(frame.model_dump_json())

    session = AnalysisSession(service, principal, session_id, send)
    if not registry.add(session, principal.user_id):
        await socket.close(TOO_MANY, "too_many_sessions")
        return
    try:
        await session.open()
        while True:
            await _obey(socket, session)
    except WebSocketDisconnect:
        return
    finally:
        registry.remove(session)
        await session.close()


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


async def _authenticated(socket: WebSocket) -> Principal:
    """By the handshake's headers, or by a first frame `auth`: never by the address, which ends up in logs."""
    authenticator: Authenticator = socket.state.authenticator
    if "authorization" in socket.headers or API_KEY_HEADER.lower() in socket.headers:
        return await authenticator.principal(socket)
    async with asyncio.timeout(AUTH_WAIT_S):
        command = _command(await socket.receive_text())
    if not isinstance(command, Auth):
        raise NotAuthenticated('Send {"action":"auth","token":"..."} first.')
    header = (b"authorization", f"Bearer {command.token}".encode())
    return await authenticator.principal(HTTPConnection({**socket.scope, "type": "http", "headers": [header]}))


def _same_origin(socket: WebSocket) -> bool:
    """A browser names the page that opens a socket; programs name none."""
    origin = socket.headers.get("origin")
    allowed = getattr(socket.app.state, "allowed_origins", ())
    return origin is None or origin in allowed or urlsplit(origin).netloc == socket.headers.get("host")
