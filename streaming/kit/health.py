"""`/metrics` and `/health` of a stream processor."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from lakehouse.errors import TidemarkError


class MetricsPortError(TidemarkError):
    """The metrics port cannot be had."""


class HealthServer:
    """Serves in a daemon thread until close(). Port 0 takes a free one; `port` says which; `setting` sets it."""

    def __init__(
        self,
        port: int,
        *,
        registry: CollectorRegistry,
        is_ready: Callable[[], bool],
        host: str = "127.0.0.1",
        setting: str = "TIDEMARK_LANDING__METRICS_PORT",
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                elif self.path == "/health":
                    ready = is_ready()
                    body = b'{"status":"ready"}' if ready else b'{"status":"not ready"}'
                    self._answer(200 if ready else 503, "application/json", body)
                else:
                    self._answer(404, "text/plain", b"there are /metrics and /health\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Scrapes are not worth a line each."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise MetricsPortError(
                f"cannot listen on {host}:{port} ({error.strerror}): free it or set {setting}"
            ) from error
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
