"""Uvicorn's sockets, with a way to end one whose client has stopped reading.

Every ASGI `send` waits until the client reads, also the one that closes; so the name of the reason would never leave,
and the connection would stay until the kernel gave up.
"""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

CLOSE_NOW = "tidemark.close_now"  # extension of the ASGI scope: (code, reason) -> None


class StreamProtocol(WebSocketsSansIOProtocol):
    """Adds CLOSE_NOW to the scope."""

    def handle_connect(self, event: Request) -> None:
        """As uvicorn does, before the application's task gets its turn."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][CLOSE_NOW] = self.close_now

    def close_now(self, code: int, reason: str) -> None:
        """Put the close frame behind what waits to be read; a client that does not read that in time is cut off."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:  # or the client's answer to the close would never be read
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
