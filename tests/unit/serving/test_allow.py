"""Methods and bodies by the OpenAPI document: 405 with what is allowed, 415, strict JSON, HEAD and OPTIONS."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Response
from fastapi.testclient import TestClient
from hypothesis import given, strategies as st
from pydantic import BaseModel, Field

from serving.kit import problems, strict_json
from serving.kit.allow import Gate, Paths
from serving.kit.openapi import Api
from serving.kit.problems import BadRequest

router = APIRouter(prefix="/things", tags=["things"])


class Thing(BaseModel):
    name: Annotated[str, Field(max_length=2000)]


@router.get("")
async def list_things() -> list[Thing]:
    return []


@router.post("")
async def create_thing(body: Thing) -> Thing:
    return body


@router.post("/batch")
async def create_things(body: list[Thing]) -> int:
    return len(body)


@router.get("/{thing_id}")
async def get_thing(thing_id: int) -> Response:
    return Response(f"thing {thing_id}", headers={"ETag": '"7"'})


@router.patch("/{thing_id}")
async def update_thing(thing_id: int, body: Thing) -> Thing:
    return body


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Api(redirect_slashes=False)
    app.add_middleware(Gate, document=app.openapi, guidance={"/things": "Ask nicely.", "/thin": "No."})
    problems.install(app)
    app.include_router(router)
    with TestClient(app) as asked:
        yield asked


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/things", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/things/7", "GET, HEAD, OPTIONS, PATCH"),
        ("GET", "/things/batch", "OPTIONS, POST"),  # not the thing called "batch"
        ("TRACE", "/things/batch", "OPTIONS, POST"),
        ("SPELL", "/things", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_a_method_that_a_path_has_not_is_refused_with_those_it_has(
    client: TestClient, method: str, path: str, allow: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allow
    assert answer.json()["code"] == "method_not_allowed"
    assert answer.json()["detail"].endswith("Ask nicely.")


def test_head_is_get_without_its_content(client: TestClient) -> None:
    got, head = client.get("/things/7"), client.head("/things/7")
    assert head.status_code == 200
    assert head.content == b""
    assert dict(head.headers) == dict(got.headers)
    assert client.head("/things/batch").status_code == 405


def test_options_says_what_is_allowed(client: TestClient) -> None:
    answer = client.options("/things/7")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, PATCH"


def test_paths_that_the_document_has_not_are_the_router_s(client: TestClient) -> None:
    assert client.post("/nothing").status_code == 404
    assert client.get("/things/").status_code == 404
    assert client.get("/things/7/8").status_code == 404


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(client: TestClient, kind: str) -> None:
    answer = client.post("/things", content=b'{"name": "a"}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


def test_a_patch_comes_by_either_of_its_types(client: TestClient) -> None:
    for kind in ("application/json; charset=utf-8", "application/merge-patch+json"):
        answer = client.patch("/things/7", content=b'{"name": "a"}', headers={"Content-Type": kind})
        assert answer.json() == {"name": "a"}
    wrong = client.post("/things", content=b"{}", headers={"Content-Type": "application/merge-patch+json"})
    assert wrong.status_code == 415


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"name": "\xff"}', "UTF-8"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name": -Infinity}', "-Infinity"),
        (b'{"name": "a"', "not JSON"),
        (b'{"name": ' + b"9" * 5000 + b"}", "too long"),
        (b"[" * 100_000, "too deep"),
    ],
)
def test_what_is_not_plain_json_is_refused(client: TestClient, body: bytes, says: str) -> None:
    answer = client.post("/things", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"
    assert says in answer.json()["detail"]


def test_an_empty_body_is_the_route_s_matter(client: TestClient) -> None:
    assert client.post("/things").status_code == 422


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@given(JSON)
def test_what_python_writes_is_read(value: object) -> None:
    strict_json.check(json.dumps(value).encode())


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        strict_json.check(body)
    except BadRequest:
        return
    json.loads(body)


def test_a_fixed_segment_comes_before_an_id() -> None:
    document: dict[str, Any] = {"paths": {"/a/{id}/c": {"get": {}}, "/a/b/d": {"put": {}}, "/a/{id}": {"get": {}}}}
    paths = Paths(document)
    found = {path: paths.find(path) for path in ("/a/b/c", "/a/b/d", "/a/b", "/a", "/a/", "/a/x/d")}
    assert {path: template and template.path for path, template in found.items()} == {
        "/a/b/c": "/a/{id}/c",  # goes back from the fixed segment where that leads nowhere
        "/a/b/d": "/a/b/d",
        "/a/b": "/a/{id}",
        "/a": None,
        "/a/": None,
        "/a/x/d": None,
    }
