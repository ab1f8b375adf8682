"""Run the API: `python -m serving`."""

import asyncio
import socket
import sys

import uvicorn

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import ServingSettings, load
from serving.app import create_app
from serving.kit import logs
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.kit.security import is_loopback
from serving.kit.slow_clients import PatientProtocol, close_late
from serving.sockets.commands import MAX_FRAME_BYTES
from serving.sockets.protocol import StreamProtocol


class ExposureRefused(TidemarkError):
    """The API would listen beyond loopback although nobody has said that this is wanted."""


def refuse_exposure(section: ServingSettings) -> None:
    """Raise ExposureRefused for an address beyond loopback, unless serving.allow_remote says that it is wanted."""
    if section.allow_remote or is_loopback(section.host):
        return
    raise ExposureRefused(
        f"serving.host is {section.host}: the API speaks HTTP, so passwords and tokens would cross the network in the "
        "clear. Put a proxy that terminates TLS in front, name it in TIDEMARK_SERVING__TRUSTED_PROXIES, then set "
        "TIDEMARK_SERVING__ALLOW_REMOTE=true and TIDEMARK_SERVING__ALLOWED_HOSTS"
    )


STARTUP_FAILURE = 3
PING_S = 20.0
PONG_S = 40.0
TICKS_PER_S = 10
SETTLE_S = 1.0  # readiness has flipped, the listener still answers: proxies and sockets hear of it first


class DrainingServer(uvicorn.Server):
    """Uvicorn that tells the application before it stops to listen, and waits for no client for ever."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, metrics: Metrics) -> None:
        super().__init__(config)
        self.lifecycle = lifecycle
        self.metrics = metrics

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; once a second close who neither sends nor reads."""
        if counter % TICKS_PER_S == 0:
            close_late(self.server_state.connections, asyncio.get_running_loop().time(), self.metrics.slow_clients)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Flip readiness, wait a moment, then let uvicorn close, wait for serving.drain_s at most, and end."""
        self.lifecycle.begin()
        await asyncio.sleep(SETTLE_S)
        await super().shutdown(sockets)


def main() -> int:
    """Serve until told to stop; open requests get serving.drain_s. Returns the exit status."""
    settings = load()
    section = settings.serving
    try:
        refuse_exposure(section)
    except ExposureRefused as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    logs.configure()
    app = create_app(settings, clock=SystemClock())
    config = uvicorn.Config(
        app,
        host=section.host,
        port=section.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Sockets and streams count as connections; they have a limit of their own.
        limit_concurrency=section.max_concurrency + settings.streams.max_sockets,
        http=PatientProtocol,
        ws=StreamProtocol,
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PONG_S,
        ws_per_message_deflate=False,  # quotes go out encoded once; to compress them once a client costs more
        timeout_graceful_shutdown=section.drain_s,
    )
    server = DrainingServer(config, app.state.lifecycle, app.state.metrics)
    server.run()
    return 0 if server.started else STARTUP_FAILURE


if __name__ == "__main__":
    sys.exit(main())
