"""gzip where it pays, for who takes it, and never for streams."""

import gzip
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from serving.kit.compression import MIN_BYTES, Compression, accepts_gzip
from serving.kit.conditional import conditional_bytes

LARGE = b'{"text": "' + b"tide" * MIN_BYTES + b'"}'


async def large(_: Request) -> Response:
    return Response(LARGE, media_type="application/json", headers={"ETag": '"3"'})


async def small(_: Request) -> Response:
    return Response(b"{}", media_type="application/json", headers={"ETag": '"3"'})


async def held(request: Request) -> Response:
    """A conditional read; the query says how long its body is."""
    content = LARGE if "large" in request.query_params else b"{}"
    return conditional_bytes(content, request.headers.get("if-none-match"))


async def picture(_: Request) -> Response:
    return Response(LARGE, media_type="image/png")


async def packed(_: Request) -> Response:
    return Response(gzip.compress(LARGE), media_type="text/csv", headers={"Content-Encoding": "gzip"})


async def stream(_: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield LARGE
        yield LARGE

    return StreamingResponse(chunks(), media_type="text/event-stream")


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route(f"/{each.__name__}", each) for each in (large, small, held, picture, packed, stream)])
    app.add_middleware(Compression)
    return TestClient(app, headers={"Accept-Encoding": "gzip"})


def test_a_large_answer_is_packed_and_its_tag_is_weak(client: TestClient) -> None:
    answer = client.get("/large")
    assert answer.content == LARGE
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < len(LARGE) / 10
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["ETag"] == 'W/"3"'


def test_who_does_not_take_it_gets_the_bytes_and_the_strong_tag(client: TestClient) -> None:
    answer = client.get("/large", headers={"Accept-Encoding": "identity"})
    assert answer.content == LARGE
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"  # a cache must not hand this to others
    assert answer.headers["ETag"] == '"3"'


@pytest.mark.parametrize("path", ["/held", "/held?large=1"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_304_has_the_tag_and_vary_of_the_200_that_it_stands_for(client: TestClient, path: str, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    first = client.get(path, headers=headers)
    again = client.get(path, headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert first.headers["ETag"].startswith("W/") is (path != "/held" and encoding == "gzip")
    assert (again.status_code, again.content) == (304, b"")
    assert [again.headers[name] for name in ("ETag", "Vary")] == [first.headers[name] for name in ("ETag", "Vary")]
    assert not {"content-length", "content-type"} & set(again.headers)


@pytest.mark.parametrize("path", ["/small", "/picture", "/stream"])
def test_what_does_not_gain_is_left_alone(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert "Content-Encoding" not in answer.headers
    assert answer.headers.get("ETag", '"3"') == '"3"'


def test_what_is_packed_is_not_packed_again(client: TestClient) -> None:
    assert client.get("/packed").content == LARGE


def test_accept_encoding_is_read_as_it_is_meant() -> None:
    assert all(map(accepts_gzip, ("gzip", "br, GZIP;q=0.5", "*", "deflate,gzip")))
    assert not any(map(accepts_gzip, ("", "identity", "br", "gzip;q=0", "gzip; q=0.0, br")))
