"""Every operation x {anonymous, expired, revoked, read-only key, other user, owner, admin}: who is let in, and no more.

`access_matrix.toml` has one line an operation; a new route without a line fails here. See its header for the kinds.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from serving.app import create_app
from serving.auth import keys
from serving.auth.tokens import AccessTokens
from serving.kit.access import READ_SCOPES
from tests.factories import funds
from tests.factories.api_users import ApiUser, api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

Document = dict[str, Any]

TABLE = Path(__file__).with_name("access_matrix.toml")
ROWS: dict[str, str] = tomllib.loads(TABLE.read_text())["operations"]
KINDS = {"public", "own", "owned", "unknown", "shared", "market", "admin"}
DOCUMENT: Document = create_app(Settings(), clock=SystemClock()).openapi()
# Where an object comes from that a body or path names: the collection whose POST makes one.
COLLECTIONS = {
    "portfolio_id": "/api/v1/portfolios",
    "account_id": "/api/v1/accounts",
    "watchlist_id": "/api/v1/watchlists",
    "customer_id": "/api/v1/customers",
}
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True, slots=True)
class Operation:
    """A route of the document."""

    id: str
    method: str
    path: str
    spec: Document = field(repr=False)

    @property
    def scopes(self) -> set[str]:
        return {scope for way in self.spec.get("security", []) for found in way.values() for scope in found}

    @property
    def parameters(self) -> list[str]:
        return [each["name"] for each in self.spec.get("parameters", []) if each["in"] == "path"]

    @property
    def kind(self) -> str:
        return ROWS.get(self.id, "missing")


OPERATIONS = {
    spec["operationId"]: Operation(spec["operationId"], method.upper(), path, spec)
    for path, methods in DOCUMENT["paths"].items()
    for method, spec in methods.items()
}
GUARDED = [each for each in OPERATIONS.values() if each.kind not in {"public", "missing"}]


@dataclass(frozen=True, slots=True)
class Cast:
    """One client a way of asking."""

    anonymous: httpx.Client
    expired: httpx.Client
    revoked: httpx.Client
    reader: httpx.Client
    other: httpx.Client
    owner: httpx.Client
    admin: httpx.Client
    settings: Settings
    owner_id: UUID


@pytest.fixture(scope="module")
def cast(served: Served) -> Iterator[Cast]:
    owner, other, admin = (api_user(served.settings, role=role) for role in ("user", "user", "admin"))
    with _client(served, owner.headers) as as_owner:
        key = as_owner.post("/api/v1/auth/api-keys", json={"name": "reader", "scopes": sorted(READ_SCOPES)})
        assert key.status_code == 201, key.text
        with (
            _client(served, {}) as anonymous,
            _client(served, _bearer(_expired(served.settings, owner))) as expired,
            _client(served, _revoked(served.settings).headers) as revoked,
            _client(served, {"X-API-Key": key.json()["key"]}) as reader,
            _client(served, other.headers) as as_other,
            _client(served, admin.headers) as as_admin,
        ):
            yield Cast(anonymous, expired, revoked, reader, as_other, as_owner, as_admin, served.settings, owner.id)


@contextmanager
def _client(served: Served, headers: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.api.url, headers=headers, timeout=60.0) as client:
        yield client


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _expired(settings: Settings, user: ApiUser) -> str:
    earlier = ManualClock(SystemClock().now() - timedelta(hours=1))
    return AccessTokens(settings.auth, keys.folder_of(settings), earlier).issue(user.id, user.session_id)


def _revoked(settings: Settings) -> ApiUser:
    user = api_user(settings)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "UPDATE auth.session SET ended_at = now(), ended_because = 'revoked' WHERE id = %s", (user.session_id,)
        )
    return user


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert sorted(ROWS) == sorted(OPERATIONS), f"edit {TABLE.name}"
    assert set(ROWS.values()) <= KINDS


def test_a_row_says_what_the_route_asks_for() -> None:
    for operation in GUARDED:
        expected = {"market": {"market:write"}, "admin": {"admin"}}.get(operation.kind)
        assert operation.scopes, f"{operation.id} asks for no scope, but its row says {operation.kind}"
        assert expected is None or operation.scopes == expected, operation.id
        assert operation.kind in {"market", "admin"} or not operation.scopes & {"market:write", "admin"}, operation.id
    open_to_all = {each.id for each in OPERATIONS.values() if not each.scopes}
    assert open_to_all == {name for name, kind in ROWS.items() if kind == "public"}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_who_proves_nothing_is_refused(cast: Cast, operation: Operation) -> None:
    for client in (cast.anonymous, cast.expired, cast.revoked):
        answer = _send(client, operation, {name: str(uuid4()) for name in operation.parameters})
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_a_key_does_no_more_than_its_scopes(cast: Cast, operation: Operation) -> None:
    answer = _send(cast.reader, operation, {name: str(uuid4()) for name in operation.parameters})
    is_let_in = operation.scopes <= set(READ_SCOPES)
    assert answer.status_code != 401
    assert _is_let_in(answer) == is_let_in, answer.text


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.id)
def test_a_role_does_no_more_than_its_own(cast: Cast, operation: Operation) -> None:
    unknown = {name: str(uuid4()) for name in operation.parameters}
    for client, is_let_in in (
        (cast.other, operation.kind not in {"market", "admin"}),
        (cast.admin, True),
    ):
        answer = _send(client, operation, unknown)
        assert _is_let_in(answer) == is_let_in, answer.text
        assert answer.status_code < 500 or answer.status_code == 503, answer.text


@pytest.mark.parametrize("operation", [each for each in GUARDED if each.kind == "owned"], ids=lambda each: each.id)
def test_what_belongs_to_somebody_else_does_not_exist(cast: Cast, operation: Operation) -> None:
    place = {name: _made(cast, operation, name) for name in operation.parameters}
    assert place, f"{operation.id} is owned, but its path names nothing"
    body = _body(cast, operation)
    assert _send(cast.other, operation, place, body).status_code == 404
    by_admin = _send(cast.admin, operation, place, body)
    assert by_admin.status_code == (404 if operation.method in WRITES else by_admin.status_code), by_admin.text
    assert _is_let_in(by_admin), by_admin.text
    by_owner = _send(cast.owner, operation, place, body)
    assert by_owner.status_code < 500, by_owner.text
    assert by_owner.status_code != 404 or by_owner.json()["code"] not in {"not_found", "portfolio_not_found"}


def _is_let_in(answer: httpx.Response) -> bool:
    """A refusal for a reason of its own (a wrong password, a missing header) is not the gate's."""
    if answer.status_code not in {401, 403}:
        return True
    return answer.json()["code"] not in {"not_authenticated", "not_allowed"}


def _send(client: httpx.Client, operation: Operation, place: dict[str, str], body: object = None) -> httpx.Response:
    headers = {"Idempotency-Key": uuid4().hex, "X-Requested-With": "tests"}
    path = operation.path.format(**place)
    types = operation.spec.get("requestBody", {}).get("content", {"application/json": {}})
    if "application/json" not in types:
        headers["Content-Type"] = next(iter(types))
        return client.request(operation.method, path, headers=headers, content="")
    if operation.method in WRITES - {"DELETE"}:
        return client.request(operation.method, path, headers=headers, json=body if body is not None else {})
    return client.request(operation.method, path, headers=headers)


def _made(cast: Cast, operation: Operation, parameter: str) -> str:
    """The id of a new object of the owner's that a path names."""
    if parameter == "session_id":
        return _session(cast)
    if parameter == "symbol":
        return "AAPL"
    return _create(cast, COLLECTIONS.get(parameter) or operation.path.partition("/{")[0])


def _session(cast: Cast) -> str:
    session_id = str(uuid4())
    with postgres.connect(cast.settings.postgres) as connection:
        connection.execute(
            "INSERT INTO auth.session (id, user_id, created_at, expires_at, last_used_at) "
            "VALUES (%s, %s, now(), now() + interval '1 day', now())",
            (session_id, cast.owner_id),
        )
    return session_id


def _create(cast: Cast, collection: str) -> str:
    """Made by the examples of the document: they run as they stand."""
    spec = DOCUMENT["paths"][collection]["post"]
    operation = Operation(spec["operationId"], "POST", collection, spec)
    answer = _send(cast.owner, operation, {}, _body(cast, operation))
    if answer.status_code == 409 and (there := cast.owner.get(collection).json()["data"]):
        return str(there[0]["id"])  # it is unique, and made already
    assert answer.status_code in {200, 201}, f"no example of {operation.id} can be made: {answer.text}"
    made = answer.json()
    if collection in (COLLECTIONS["account_id"], COLLECTIONS["portfolio_id"]):
        funds.deposit(cast.settings, UUID(made.get("account_id", made["id"])), 1_000_000)
    return str(made["id"])


def _body(cast: Cast, operation: Operation) -> object:
    content = operation.spec.get("requestBody", {}).get("content", {}).get("application/json")
    return {} if content is None or operation.method == "PATCH" else _example(cast, content["schema"], "")


def _example(cast: Cast, schema: Document, name: str) -> Any:
    """A value that fits: the example where there is one, made-up where names must be unique."""
    while "$ref" in schema:
        schema = {**DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]], **_without_ref(schema)}
    for parent, collection in COLLECTIONS.items():
        if name == parent or name.endswith(f"_{parent}"):
            return _create(cast, collection)
    if name == "name":
        return f"matrix {uuid4().hex[:12]}"
    if name == "email":
        return f"{uuid4().hex}@example.com"
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    return _of_type(cast, schema)


def _of_type(cast: Cast, schema: Document) -> Any:
    if "properties" in schema:
        wanted = schema.get("required", [])
        return {each: _example(cast, schema["properties"][each], each) for each in wanted}
    chosen = next((schema[way][0] for way in ("oneOf", "anyOf", "allOf") if way in schema), None)
    if chosen is not None:
        return _example(cast, chosen, "")
    if schema.get("type") == "array":
        return [_example(cast, schema["items"], "")]
    if schema.get("format") == "uuid":
        return str(uuid4())
    if schema.get("format") == "date-time":
        return "2022-12-28T15:00:00Z"
    if schema.get("format") == "date":
        return "2022-12-28"
    return {"string": "text", "integer": max(1, int(schema.get("minimum", 1))), "boolean": True}.get(
        schema.get("type", "string"), {}
    )


def _without_ref(schema: Document) -> Document:
    return {name: value for name, value in schema.items() if name != "$ref"}
