"""The OpenAPI document: every refusal declared as the problem document that is really sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from serving.kit.problems import MEDIA_TYPE, Problem

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
_REF = "#/components/schemas/"
_GENERIC = re.compile(r"(?P<form>[A-Za-z]+)_(?P<item>[A-Za-z]+)_")

Responses = dict[int | str, dict[str, Any]]

_WORDS = {
    400: "The request cannot be read",
    401: "No valid token or key was sent",
    403: "The token, key or role does not allow it",
    404: "No such thing; `code` says which",
    405: "The path does not allow this method",
    409: "The request contradicts itself or the state; `code` says how",
    412: "The object has changed since it was read",
    413: "The request body is too large",
    415: "The body is of a type that the route does not read",
    421: "This server does not answer for that host",
    422: "A value is not valid; `errors` points at each",
    429: "A limit is used up; `Retry-After` says when it is not",
    500: "The server failed; the log has it under `request_id`",
    503: "An engine behind the API does not answer; `Retry-After` says when to try again",
}
_EVERYWHERE = (400, 404, 405, 413, 421, 422, 500)

_ETAG = {"ETag": {"description": "names this state of the object", "schema": {"type": "string"}}}
_LINK = {"Link": {"description": "`self`, and `next` unless it is the last page", "schema": {"type": "string"}}}
_LOCATION = {"Location": {"description": "path of the new object", "schema": {"type": "string"}}}

CONDITIONAL: Responses = {200: {"headers": _ETAG}, 304: {"description": "The caller's copy still holds"}}
VERSIONED: Responses = {200: {"headers": _ETAG}}
LINKED: Responses = {200: {"headers": _LINK}}
CREATED_AT: Responses = {201: {"headers": {**_LOCATION, **_ETAG}}}

_GUARDED = (401, 403, 429, 503)


def guarded(*statuses: int) -> Responses:
    """`problems` of a route that asks who the caller is."""
    return problems(*_GUARDED, *statuses)


def problems(*statuses: int) -> Responses:
    """Declarations of the refusals that a route adds to those of every route."""
    return {status: {"model": Problem, "description": _WORDS[status]} for status in sorted({*_EVERYWHERE, *statuses})}


class Api(FastAPI):
    """FastAPI whose /openapi.json says what is really sent and taken, in names that suit generated clients."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            for method, operation in _operations(document):
                _declare_problems(operation)
                _declare_body(method, operation)
            _rename(document)
        return super().openapi()


def operation_id(route: APIRoute) -> str:
    """The function's name: unique among all rooms, and what a generated client calls the operation."""
    return route.name


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in document["paths"].values():
        yield from path.items()


def _declare_problems(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if status.startswith(("4", "5")) and JSON in content:
            content[MEDIA_TYPE] = content.pop(JSON)


def _declare_body(method: str, operation: dict[str, Any]) -> None:
    """Where there is a body its type may be wrong (415); a patch is one by either of its types."""
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        if method == "patch" and JSON in content:
            content[MERGE_PATCH] = content[JSON]
        wrong_type = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operation["responses"].setdefault("415", {"description": _WORDS[415], "content": wrong_type})


def _rename(document: dict[str, Any]) -> None:
    """Give forms of generic models the names that people would: WatchlistPage, not Page_WatchlistOut_."""
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    names = {f"{_REF}{name}": f"{_REF}{_pretty(name)}" for name in schemas if _GENERIC.fullmatch(name)}
    document["components"]["schemas"] = {_pretty(name): schema for name, schema in schemas.items()}
    _refer(document, names)


def _pretty(name: str) -> str:
    found = _GENERIC.fullmatch(name)
    return found["item"].removesuffix("Out").removesuffix("In") + found["form"] if found else name


def _refer(node: object, names: Mapping[str, str]) -> None:
    if isinstance(node, dict):
        for key, child in node.items():
            if isinstance(child, str):
                node[key] = names.get(child, child)
            _refer(child, names)
    elif isinstance(node, list):
        for child in node:
            _refer(child, names)
