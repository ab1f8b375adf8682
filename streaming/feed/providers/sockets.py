"""WebSockets as every streaming provider needs them: frames in order, every end a ProviderError."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused, Sleep

OPEN_TIMEOUT_S = 10.0
MAX_FRAME_BYTES = 4 * 1024 * 1024

# At debug it writes the request line, and some providers want their key in it.
_LOG = logging.getLogger("streaming.feed.websockets")
_LOG.setLevel(logging.WARNING)


class Socket:
    """One open connection."""

    def __init__(self, name: str, connection: ClientConnection) -> None:
        self._name = name
        self._connection = connection

    async def say(self, messages: Sequence[str]) -> None:
        """Send text frames. Raises Disconnected."""
        try:
            for message in messages:
                await self._connection.send(message)
        except ConnectionClosed as closed:
            raise self._ended(closed) from None

    async def frames(self) -> AsyncIterator[str | bytes]:
        """Every frame, until the connection ends, which is always an error: Disconnected."""
        while True:
            try:
                frame = await self._connection.recv()
            except ConnectionClosed as closed:
                raise self._ended(closed) from None
            yield frame

    def _ended(self, closed: ConnectionClosed) -> Disconnected:
        code = closed.rcvd.code if closed.rcvd is not None else 1006
        return Disconnected(f"{self._name}: the connection ended ({code})")


@asynccontextmanager
async def beating(socket: Socket, message: str, every_s: float, *, sleep: Sleep) -> AsyncIterator[None]:
    """Say `message` at once and every `every_s` seconds: for providers that want a heartbeat of their own."""

    async def beat() -> None:
        while True:
            await socket.say([message])
            await sleep(every_s)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        # A beat that failed has met the end that `frames` meets too.
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def opened(
    name: str, url: str, *, headers: Mapping[str, str] | None = None, ping_s: float | None = 20.0
) -> AsyncIterator[Socket]:
    """Connect, and close at the end. `ping_s` is the pause between protocol pings, None where a provider has its own.

    Raises Disconnected, RateLimited or Refused where the handshake fails; no message holds the URL.
    """
    try:
        connection = await connect(
            url,
            additional_headers=headers,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=1,
            ping_interval=ping_s,
            max_size=MAX_FRAME_BYTES,
            logger=_LOG,
        )
    except InvalidStatus as error:
        raise _refusal(name, error.response.status_code) from None
    except (InvalidHandshake, OSError, TimeoutError) as error:
        raise Disconnected(f"{name}: no connection ({type(error).__name__})") from None
    try:
        yield Socket(name, connection)
    finally:
        await connection.close()


def _refusal(name: str, status: int) -> ProviderError:
    said = f"{name}: HTTP {status} in place of a connection"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(said)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Refused(said)
    return Disconnected(said)
