"""Clients that trickle, or do not read: each is ended in bounded time, and nobody else notices."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from lakehouse.clock import SystemClock
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PATIENCE_S = 180.0  # far more than the server's: what is asserted is that it ends, not when
EACH = 12
CLOCK = SystemClock()
HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@contextmanager
def trickle(url: str, sent: bytes) -> Iterator[socket.socket]:
    """A connection on which `sent` was sent and nothing follows."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.settimeout(PATIENCE_S)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.connect((host, int(port)))
        connection.sendall(sent)
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    """Everything until the server ends the connection; TimeoutError where it does not."""
    found = b""
    while chunk := connection.recv(65536):
        found += chunk
    return found


def counted(client: httpx.Client, part: str) -> float:
    """How often the API says that it ended such a connection."""
    lines = [
        line for line in client.get("/metrics").text.splitlines() if f'slow_clients_total{{part="{part}"}}' in line
    ]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0


def until_counted(client: httpx.Client, part: str, expected: float) -> None:
    """Wait until the API has ended so many."""
    deadline = CLOCK.monotonic() + PATIENCE_S
    while counted(client, part) < expected:
        assert CLOCK.monotonic() < deadline, "the connection was not ended"
        CLOCK.sleep(0.1)


def until_taken(connection: socket.socket) -> None:
    """Wait until the server has read all that was sent to it."""
    deadline = CLOCK.monotonic() + PATIENCE_S
    ends = [f"0100007F:{port:04X}" for _, port in (connection.getpeername(), connection.getsockname())]
    while True:
        (queues,) = (
            line.split()[4] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[1:3] == ends
        )
        if queues.endswith(":00000000"):
            return
        assert CLOCK.monotonic() < deadline, "the server does not read"
        CLOCK.sleep(0.05)


TRICKLES = (
    (b"GET /api/v1/portfolios HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", "head"),
    (HEAD + b"Content-Length: 500\r\n\r\n" + b'{"email": "', "body"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "body"),
)
WITHOUT_A_REQUEST = (b"", b"\r\n")
UNREAD = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * EACH  # more than the kernel's buffers hold
PINGS = 60_000  # their pongs are more than that too
ANSWERED = b"POST /api/v1/nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n{"


def test_requests_that_trickle_are_refused_by_name_and_others_are_served(served: Served) -> None:
    url = served.api.url
    before = {part: counted(served.api.client, part) for part in ("head", "body", "answer")}
    with ExitStack() as open_ones, api_user(served.settings).client(url) as other:
        unread = open_ones.enter_context(trickle(url, UNREAD))
        slow = [open_ones.enter_context(trickle(url, sent)) for sent, _ in TRICKLES * EACH]
        silent = [open_ones.enter_context(trickle(url, sent)) for sent in WITHOUT_A_REQUEST]
        answered = open_ones.enter_context(trickle(url, ANSWERED))
        assert {other.get("/api/v1/portfolios").status_code for _ in range(20)} == {200}
        for connection in slow:
            head, _, body = rest_of(connection).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 "), head
            assert b"application/problem+json" in head
            problem = json.loads(body)
            assert problem["code"] == "request_too_slow"
            assert problem["request_id"].encode() in head
            assert problem["request_id"] in served.api.log.read_text()
        assert [rest_of(connection) for connection in silent] == [b"", b""], "its next request would get this answer"
        assert rest_of(answered).startswith(b"HTTP/1.1 404 ")
        assert other.get("/api/v1/portfolios").status_code == 200
        until_counted(served.api.client, "answer", before["answer"] + 1)
        assert rest_of(unread).count(b"HTTP/1.1 200 ") < EACH
    for part, expected in (("head", EACH), ("body", 2 * EACH)):
        assert counted(served.api.client, part) - before[part] >= expected


def test_what_is_no_http_is_a_problem_too(served: Served) -> None:
    with trickle(served.api.url, b"\x16\x03\x01 this is TLS\r\n\r\n") as connection:
        head, _, body = rest_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["code"] == "bad_request"


def test_keep_alive_and_pipelined_requests_go_on(served: Served) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with trickle(served.api.url, one + one) as connection:
        connection.sendall(one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert rest_of(connection).count(b"HTTP/1.1 200 ") == 3


def test_pongs_do_not_pile_up_for_a_socket_that_is_not_read(served: Served) -> None:
    ping, pong = (bytes([opcode, length]) for opcode, length in ((0x89, 0x80 | 125), (0x8A, 125)))
    flood, last = b"p" * 125, b"q" * 125
    proof = api_user(served.settings).headers["Authorization"]
    handshake = (
        "GET /ws/quotes HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: {proof}\r\n\r\n"
    )
    with trickle(served.api.url, handshake.encode()) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")
        connection.sendall((ping + bytes(4) + flood) * PINGS)
        until_taken(connection)
        found = bytearray()
        while pong + last not in found:  # one that comes while much waits has no pong, so it is sent again
            connection.sendall(ping + bytes(4) + last)
            found += connection.recv(65536)
    assert 0 < found.count(pong + flood) < PINGS
