"""The boundary on a small application without engines: ids, hosts, sizes, headers, errors, metrics."""

import pytest
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.testclient import TestClient
from pydantic import BaseModel

from lakehouse.clock import SystemClock
from lakehouse.settings import ServingSettings
from serving.kit import problems
from serving.kit.boundary import Boundary, host_name
from serving.kit.metrics import Metrics

BASE = "http://127.0.0.1"
LIMIT = 64


class Note(BaseModel):
    text: str


def make_app(metrics: Metrics, section: ServingSettings | None = None) -> FastAPI:
    """An application with one route that reads a body, one that has a bug and one that makes its own headers."""
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    chosen = section or ServingSettings(max_body_bytes=LIMIT)
    app.add_middleware(Boundary, settings=chosen, clock=SystemClock(), metrics=metrics)
    problems.install(app)

    @app.post("/notes/{number}")
    async def take(number: int, note: Note) -> int:
        return number + len(note.text)

    @app.get("/bug")
    async def bug(request: Request) -> None:
        raise ZeroDivisionError(f"secret words about {request.url}")

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    return app


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def client(metrics: Metrics) -> TestClient:
    return TestClient(make_app(metrics), base_url=BASE, raise_server_exceptions=False)


def test_a_request_id_is_made_or_taken_over(client: TestClient) -> None:
    made = client.post("/notes/1", json={"text": "a"}).headers["x-request-id"]
    taken = client.post("/notes/1", json={"text": "a"}, headers={"X-Request-ID": "order-66.a_B"}).headers[
        "x-request-id"
    ]
    assert len(made) == 32
    assert taken == "order-66.a_B"


@pytest.mark.parametrize("given", ["a b", "x" * 129, "a;DROP", "<script>", ""])
def test_an_unsafe_request_id_is_replaced(client: TestClient, given: str) -> None:
    assert client.get("/nope", headers={"X-Request-ID": given}).headers["x-request-id"] != given


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for answer in (client.post("/notes/1", json={"text": "a"}), client.get("/nope"), client.get("/bug")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "127.0.0.1:80:80"])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/nope", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed")


@pytest.mark.parametrize(
    ("header", "name"),
    [("LocalHost:8000", "localhost"), ("127.0.0.1", "127.0.0.1"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")],
)
def test_the_port_is_no_part_of_the_host(header: str, name: str) -> None:
    assert host_name(header) == name


def test_a_body_that_says_it_is_too_large_is_not_read(client: TestClient) -> None:
    answer = client.post("/notes/1", content=b"x" * (LIMIT + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_that_grows_too_large_is_cut(client: TestClient) -> None:
    answer = client.post("/notes/1", content=iter([b"x" * LIMIT, b"y"]))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_length_that_is_no_number_is_refused(client: TestClient) -> None:
    answer = client.post("/notes/1", headers={"Content-Length": "-1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_a_bug_shows_its_request_id_and_nothing_else(client: TestClient) -> None:
    answer = client.get("/bug")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"], problem["retryable"]) == (500, "internal_error", True)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text


def test_each_wrong_value_has_a_pointer(client: TestClient) -> None:
    problem = client.post("/notes/one", json={"text": 1}).json()
    assert problem["status"] == 422
    assert {error["pointer"] for error in problem["errors"]} == {"/path/number", "/body/text"}


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    unknown, wrong = client.get("/nope"), client.get("/notes/1")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "route_not_found")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_metrics_count_templates_not_paths(client: TestClient, metrics: Metrics) -> None:
    for number in range(3):
        client.post(f"/notes/{number}", json={"text": "a"})
    client.get("/nope")
    client.get("/bug")
    client.request("BREW", "/coffee")
    text = metrics.text().decode()
    assert 'http_requests_total{method="POST",route="/notes/{number}",status="200"} 3.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'http_requests_total{method="GET",route="/bug",status="500"} 1.0' in text
    assert 'method="OTHER"' in text
    assert "BREW" not in text
    assert "http_requests_in_flight 0.0" in text


SITE = "https://app.example"


@pytest.fixture
def shared(metrics: Metrics) -> TestClient:
    """An API that is not on loopback and lets one other site in."""
    section = ServingSettings(host="0.0.0.0", cors_origins=(SITE,), max_body_bytes=1_000_000)
    return TestClient(make_app(metrics, section), base_url=BASE, raise_server_exceptions=False)


def test_the_page_of_an_allowed_site_may_ask(shared: TestClient) -> None:
    asks = {"Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    asked = shared.options("/notes/1", headers=asks)
    sent = shared.post("/notes/1", json={"text": "a"}, headers={"Origin": SITE})
    assert (asked.status_code, sent.status_code) == (204, 200)
    assert "POST" in asked.headers["access-control-allow-methods"]
    for answer in (asked, sent):
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", f"{SITE}.evil", "null", "*"])
def test_no_other_site_may(shared: TestClient, origin: str) -> None:
    asked = shared.options("/notes/1", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    sent = shared.post("/notes/1", json={"text": "a"}, headers={"Origin": origin})
    for answer in (asked, sent):
        assert "access-control-allow-origin" not in answer.headers
    assert asked.status_code == 405


def test_browsers_are_told_to_use_tls_where_others_can_reach_it(shared: TestClient, client: TestClient) -> None:
    assert shared.get("/nope").headers["strict-transport-security"].startswith("max-age=31536000")
    assert shared.get("/bug").headers["strict-transport-security"].startswith("max-age=31536000")
    assert "strict-transport-security" not in client.get("/nope").headers


def test_too_many_headers_and_too_long_ones_are_refused(client: TestClient) -> None:
    many = client.get("/nope", headers={f"X-{number}": "a" for number in range(101)})
    long = client.get("/nope", headers={"X-Long": "a" * 33_000})
    assert [answer.status_code for answer in (many, long)] == [400, 400]


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"text":"a","x":' + b"[" * 70 + b"]" * 70 + b"}"]
)
def test_json_nested_too_deep_is_refused(shared: TestClient, body: bytes) -> None:
    answer = shared.post("/notes/1", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(("origin", "is_let_in"), [("https://evil.example", False), (BASE, True), (None, True)])
def test_another_sites_page_opens_no_socket(client: TestClient, origin: str | None, is_let_in: bool) -> None:
    headers = {} if origin is None else {"Origin": origin}
    if is_let_in:
        with client.websocket_connect("ws://127.0.0.1/echo", headers=headers) as socket:
            assert socket.receive_text() == "hello"
        return
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://127.0.0.1/echo", headers=headers):
        pass
