"""The life of a socket: a place, a proof of who it is, three tasks beside each other, and a close by name."""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from lakehouse.clock import Clock
from serving.kit.access import API_KEY_HEADER, Authenticator, Gate, NotAuthenticated, Scope
from serving.kit.context import address_of
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.quotes.service import QuoteService
from serving.sockets.commands import Auth, NoCommand, SeedAuth
from serving.sockets.events import EventHub
from serving.sockets.hub import Hub, TooManyStreams
from serving.sockets.session import FAILED, HEARTBEAT_S, SLOW, Ending, Session, refused
from serving.sockets.streaming import EventStream, Wanted
from serving.sockets.talk import obey, proof_of

PATH: Final = "/ws/quotes"
AUTH_S: Final = 5.0
TOO_MANY: Final = Ending(4429, "too_many_streams")

log = structlog.get_logger(__name__)


class SocketService:
    """Serves the socket of quotes and events."""

    def __init__(self, hub: Hub, events: EventHub, clock: Clock, metrics: Metrics, lifecycle: Lifecycle) -> None:
        self.hub = hub
        self.events = events
        self._clock = clock
        self._metrics = metrics
        self._lifecycle = lifecycle

    async def serve(self, socket: WebSocket) -> None:
        """From the handshake to the end, whoever brings it about."""
        await socket.accept()
        quotes: QuoteService = socket.state.quotes
        session = Session(socket, self.hub, self.events, quotes, self._clock)
        self._metrics.sockets.labels(PATH).inc()
        try:
            ending = await self._placed(session)
        except WebSocketDisconnect:
            ending = None
        finally:
            self._metrics.sockets.labels(PATH).dec()
            self._metrics.frames.labels(PATH).inc(session.frames)
            self._metrics.conflated.labels(PATH).inc(session.dropped)
        if ending is not None:
            self._metrics.closed.labels(PATH, ending.reason).inc()
            await session.close(ending)

    def stream(self, wanted: Wanted) -> EventStream:
        """A stream of server-sent events."""
        return EventStream(self.hub, self._clock, self._lifecycle, wanted)

    async def _placed(self, session: Session) -> Ending | None:
        try:
            with self.hub.places.of_address(address_of(session.socket.scope["state"])):
                ending = await self._introduced(session)
                if ending is not None:
                    return ending
                with self.hub.places.of_user(session.principal.user_id):
                    return await self._talk(session)
        except TooManyStreams:
            return TOO_MANY

    async def _introduced(self, session: Session) -> Ending | None:
        """Learn who it is: by the handshake's headers, or by a first message within AUTH_S."""
        gate: Gate = session.socket.state.gate

        async def admission() -> None:
            proof = await self._proof(session)
            session.is_of(proof, await gate.admit(proof, Scope.MARKET_READ))

        ending = await refused(admission())
        if ending is not None:
            return ending
        limits = {"heartbeat_s": HEARTBEAT_S, "max_symbols": self.hub.limits.max_symbols}
        session.say({"type": "hello", "protocol": "v1", **limits, "ts_sent": session.now()})
        return None

    async def _proof(self, session: Session) -> HTTPConnection:
        headers = session.socket.headers
        if "authorization" in headers or API_KEY_HEADER in headers:
            return session.socket
        async with asyncio.timeout(AUTH_S):
            command = await session.receive()
        if command is None:
            raise WebSocketDisconnect
        if not isinstance(command, Auth | SeedAuth):
            raise NotAuthenticated("The first message must be auth.")
        session.speaks_v1 = isinstance(command, Auth)
        return proof_of(session.socket, command)

    async def _talk(self, session: Session) -> Ending | None:
        authenticator: Authenticator = session.socket.state.authenticator
        tasks = [
            asyncio.create_task(self._listen(session, authenticator)),
            asyncio.create_task(session.write()),
            asyncio.create_task(session.watch(authenticator, self._lifecycle)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hub.detach(session.listener)
            if session.tail is not None:
                self.events.remove(session.tail)
            for task in tasks:
                task.cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
        return ending_of(found)

    async def _listen(self, session: Session, authenticator: Authenticator) -> Ending | None:
        while not session.is_behind:
            try:
                found = await session.receive()
            except NoCommand as error:
                session.say({"type": "error", "id": None, "code": "invalid_message", "detail": str(error)})
                continue
            if found is None or isinstance(found, Ending):
                return found
            await obey(session, found, authenticator)
        return SLOW


def ending_of(found: Iterable[Ending | BaseException | None]) -> Ending | None:
    """What the tasks ended with: the server's reason, or None where the client left."""
    endings: list[Ending] = []
    for each in found:
        if isinstance(each, Ending):
            endings.append(each)
        elif isinstance(each, Exception) and not isinstance(each, WebSocketDisconnect):
            log.error("socket failed", error=type(each).__name__, detail=str(each))
            endings.append(FAILED)
    return endings[0] if endings else None
