"""Clients that trickle: each is ended by name in bounded time, and nobody else notices."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

PATIENCE_S = 40.0  # far more than the server's: what is asserted is that it ends, not when
EACH = 12
HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@contextmanager
def trickle(url: str, sent: bytes) -> Iterator[socket.socket]:
    """A connection on which `sent` was sent and nothing follows."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
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


TRICKLES = (
    (b"GET /api/v1/portfolios HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", "head"),
    (HEAD + b"Content-Length: 500\r\n\r\n" + b'{"email": "', "body"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "body"),
)
WITHOUT_A_REQUEST = (b"", b"\r\n")
ANSWERED = b"POST /api/v1/nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n{"


def test_requests_that_trickle_are_refused_by_name_and_others_are_served(served: Served) -> None:
    url = served.api.url
    before = {part: counted(served.api.client, part) for part in ("head", "body")}
    with ExitStack() as open_ones, api_user(served.settings).client(url) as other:
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
