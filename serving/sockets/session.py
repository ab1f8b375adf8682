"""One socket from its first message to its close: who it is, what it says, what it gets."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from lakehouse.clock import Clock
from lakehouse.stores.postgres import PostgresUnavailable
from serving.kit.access import Authenticator, NotAllowed, NotAuthenticated, Principal
from serving.kit.lifecycle import Lifecycle
from serving.kit.problems import TooManyRequests
from serving.quotes.service import QuoteService
from serving.quotes.wire import instant
from serving.sockets import frames
from serving.sockets.commands import MAX_FRAME_BYTES, AnyCommand, NoCommand, read
from serving.sockets.events import EventHub, Tail
from serving.sockets.follower import Due, Follower
from serving.sockets.hub import Hub, Listener
from serving.sockets.protocol import CLOSE_NOW

HEARTBEAT_S: Final = 1.0
RECHECK_S: Final = 5.0
UNCHECKED_LIMIT: Final = 3
SLOW_S: Final = 10.0
MESSAGES_PER_S: Final = 20.0
MESSAGE_BURST: Final = 60.0
FRAMES_PER_MESSAGE: Final = 100
MAX_ANSWERS: Final = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the server closes a socket."""

    code: int
    reason: str


SLOW: Final = Ending(4408, "slow_consumer")
NOT_AUTHENTICATED: Final = Ending(4401, "not_authenticated")
EXPIRED: Final = Ending(4401, "token_expired")
NOT_ALLOWED: Final = Ending(4403, "not_allowed")
TOO_MANY_REQUESTS: Final = Ending(4429, "too_many_requests")
FAILED: Final = Ending(1011, "internal_error")
TOO_MANY_MESSAGES: Final = Ending(4429, "too_many_messages")
NOT_TEXT: Final = Ending(1003, "text_frames_only")
TOO_BIG: Final = Ending(1009, "message_too_big")
UNCHECKABLE: Final = Ending(1013, "try_again_later")
SHUTDOWN: Final = Ending(1012, "server_shutdown")


class Session:
    """What the tasks of a socket share. `principal` may be renewed by a later `auth` of the same user."""

    def __init__(self, socket: WebSocket, hub: Hub, events: EventHub, quotes: QuoteService, clock: Clock) -> None:
        self.socket = socket
        self.hub = hub
        self.quotes = quotes
        self.clock = clock
        self.follower = Follower()
        self.listener = Listener(self.follower, self.wake)
        self.events = events
        self.tail: Tail | None = None
        self.speaks_v1 = False
        self.dropped = 0
        self.frames = 0
        self.missing: Sequence[object] = ()
        self._proof: HTTPConnection = socket
        self._principal: Principal | None = None
        self._answers: deque[str] = deque()
        self._woken = asyncio.Event()
        self._leaving: Ending | None = None
        self._heartbeats = 0
        self._allowance = MESSAGE_BURST
        self._counted_at = clock.monotonic()

    @property
    def principal(self) -> Principal:
        """Who is at the other end."""
        if self._principal is None:
            raise NotAuthenticated("Send an auth message first.")
        return self._principal

    def is_of(self, proof: HTTPConnection, principal: Principal) -> None:
        """Remember who is at the other end, and how to ask again whether that still holds."""
        self._proof, self._principal = proof, principal

    def wake(self) -> None:
        """Let the writer look for something to send."""
        self._woken.set()

    def say(self, frame: object) -> None:
        """Send a frame of this socket's own, before quotes and events."""
        self._answers.append(frames.text_of(frame))
        self.wake()

    def now(self) -> str:
        """The instant as frames write it."""
        return instant(self.clock.now())

    # --- reading ---------------------------------------------------------------------------------------------

    async def receive(self) -> AnyCommand | Ending | None:
        """The next command; an Ending for what no client may send; None where the client has left.

        Raises NoCommand for text that is no command.
        """
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        if not self._may_speak():
            return TOO_MANY_MESSAGES
        text = message.get("text")
        if text is None:
            return NOT_TEXT
        if len(text) > MAX_FRAME_BYTES:
            return TOO_BIG
        return read(text)

    def _may_speak(self) -> bool:
        now = self.clock.monotonic()
        self._allowance = min(MESSAGE_BURST, self._allowance + (now - self._counted_at) * MESSAGES_PER_S)
        self._counted_at = now
        self._allowance -= 1
        return self._allowance >= 0

    @property
    def is_behind(self) -> bool:
        """Whether the client asks faster than it reads the answers."""
        return len(self._answers) > MAX_ANSWERS

    # --- writing ---------------------------------------------------------------------------------------------

    async def write(self) -> Ending | None:
        """Send what is due until the socket ends."""
        while True:
            text = self._next()
            if text is not None:
                if not await self._send(text):
                    return SLOW
            elif self._leaving is not None:
                return self._leaving
            elif not await self._is_woken() and self.speaks_v1:
                self._heartbeats += 1
                self.say({"type": "heartbeat", "counter": self._heartbeats, "ts_sent": self.now()})

    def _next(self) -> str | None:
        """The next message, or None where nothing is due."""
        self._woken.clear()
        if self._answers:
            return self._answers.popleft()
        if self.tail is not None and self.tail.pending:
            return self.tail.pending.popleft()[1]
        return self._quotes_due() if self.follower.is_owed else None

    def _quotes_due(self) -> str | None:
        dues: list[Due] = []
        self.follower.take(FRAMES_PER_MESSAGE, dues.append)
        self.dropped += sum(due.dropped for due in dues)
        if self.follower.is_owed:
            self.wake()
        if not dues:
            return None
        now = self.clock.now()
        if self.speaks_v1:
            return self.hub.messages.of(dues, now)
        missing, self.missing = self.missing, ()
        return frames.seed_snapshot(dues, self.hub.texts, now.timestamp(), missing)

    async def _send(self, text: str) -> bool:
        """False where the client did not read for SLOW_S."""
        try:
            async with asyncio.timeout(SLOW_S):
                await self.socket.send({"type": "websocket.send", "text": text})
                self.frames += 1
        except TimeoutError:
            return False
        return True

    async def _is_woken(self) -> bool:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    # --- watching --------------------------------------------------------------------------------------------

    async def watch(self, authenticator: Authenticator, lifecycle: Lifecycle) -> Ending | None:
        """Ask from time to time whether the user may still be here; say goodbye when the API ends."""

        async def check() -> None:
            self._principal = await authenticator.principal(self._proof)

        ending = await until_refused(check, lifecycle)
        if ending is not None:
            return ending
        self.say({"type": "server_shutdown", "reconnect_after_ms": 1000, "ts_sent": self.now()})
        self._leaving = SHUTDOWN
        await asyncio.Event().wait()  # the writer ends the socket when everything is sent
        return None

    async def close(self, ending: Ending) -> None:
        """Close by name."""
        await close(self.socket, ending)


async def until_refused(check: Callable[[], Awaitable[None]], lifecycle: Lifecycle) -> Ending | None:
    """Ask `check` from time to time whether the user may still be here; None once the API ends.

    PostgreSQL may be gone for UNCHECKED_LIMIT questions: a socket does not end with a restart of the database.
    """
    unchecked = 0
    while not await lifecycle.pause(RECHECK_S):
        try:
            await check()
            unchecked = 0
        except NotAuthenticated:
            return EXPIRED
        except NotAllowed:
            return NOT_ALLOWED
        except PostgresUnavailable:
            unchecked += 1
            if unchecked >= UNCHECKED_LIMIT:
                return UNCHECKABLE
    return None


async def refused(admission: Awaitable[None]) -> Ending | None:
    """What closes a socket whose user was not admitted; None where the user was."""
    try:
        await admission
    except (NotAuthenticated, NoCommand, TimeoutError):
        return NOT_AUTHENTICATED
    except NotAllowed:
        return NOT_ALLOWED
    except TooManyRequests:
        return TOO_MANY_REQUESTS
    except PostgresUnavailable:
        return UNCHECKABLE
    return None


async def close(socket: WebSocket, ending: Ending) -> None:
    """Close by name. A client that does not read gets the name if it reads again within ten seconds."""
    close_now = socket.scope.get("extensions", {}).get(CLOSE_NOW)
    if close_now is not None:
        close_now(ending.code, ending.reason)
        return
    try:
        async with asyncio.timeout(SLOW_S):
            await socket.close(ending.code, ending.reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        log.info("socket was gone before it was closed", reason=ending.reason)
