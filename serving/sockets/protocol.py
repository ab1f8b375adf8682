"""Uvicorn's sockets, with a way to end one whose client has stopped reading.

Every ASGI `send` waits until the client reads, also the one that closes; so the name of the reason would never leave,
and the connection would stay until the kernel gave up. What the protocol sends by itself waits for nobody: pongs would
pile up for a client that only asks.
"""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from serving.kit.slow_clients import MustRead

CLOSE_NOW = "tidemark.close_now"  # extension of the ASGI scope: (code, reason) -> None


class StreamProtocol(MustRead, WebSocketsSansIOProtocol):
    """Adds CLOSE_NOW to the scope, and bounds what waits to be read."""

    def handle_connect(self, event: Request) -> None:
        """As uvicorn does, before the application's task gets its turn."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][CLOSE_NOW] = self.close_now

    def handle_ping(self) -> None:
        """No pong where so much waits to be read: RFC 6455 (5.5.3) asks for one to the latest ping only."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # forgotten

    def end_if_late(self, now: float) -> str | None:
        """Cut off a client that does not read what was sent before the close."""
        waiting = self.transport.get_write_buffer_size() if self.transport.is_closing() else 0
        if not self.leaves_unread(waiting, now):
            return None
        self.transport.abort()
        return "answer"

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
