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
_UNSPEAKABLE = re.compile(r"[^A-Za-z0-9]+")
_GENERIC = re.compile(r"(?P<form>[A-Za-z]+)_(?P<item>\w+)_")
_OF_ROOM = re.compile(r"(?:serving__(?P<room>\w+?)|lakehouse__\w+__(?P<module>\w+?))__(?:\w+__)?(?P<name>[A-Za-z]+)")

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
    return {status: _refusal(status) for status in sorted({*_EVERYWHERE, *statuses})}


def _refusal(status: int) -> dict[str, Any]:
    """A reference, not a model: FastAPI would make one for each of thousands, which takes seconds at the start."""
    return {"description": _WORDS[status], "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}{Problem.__name__}"}}}}


class Api(FastAPI):
    """FastAPI whose /openapi.json says what is really sent and taken, in names that suit generated clients."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            for method, operation in _operations(document):
                _declare_problems(operation)
                _declare_body(method, operation)
            _add_problem(document)
            _rename(document)
            _name_values(document)
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


def _add_problem(document: dict[str, Any]) -> None:
    schema = Problem.model_json_schema(ref_template=f"{_REF}{{model}}")
    parts = schema.pop("$defs")
    document.setdefault("components", {}).setdefault("schemas", {}).update({**parts, Problem.__name__: schema})


def _declare_body(method: str, operation: dict[str, Any]) -> None:
    """Where there is a body its type may be wrong (415); a patch is one by either of its types."""
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        if method == "patch" and JSON in content:
            content[MERGE_PATCH] = content[JSON]
        operation["responses"].setdefault("415", _refusal(415))


def _rename(document: dict[str, Any]) -> None:
    """Give forms the names that people would: WatchlistPage, not Page_WatchlistOut_; a title says the same."""
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    names = {name: pretty if (pretty := _pretty(name)) not in schemas else name for name in schemas}
    document["components"]["schemas"] = {names[name]: schema for name, schema in schemas.items()}
    changed = {name: pretty for name, pretty in names.items() if name != pretty}
    for pretty in changed.values():
        document["components"]["schemas"][pretty]["title"] = pretty
    _refer(document, {f"{_REF}{name}": f"{_REF}{pretty}" for name, pretty in changed.items()})


def _pretty(name: str) -> str:
    if found := _GENERIC.fullmatch(name):
        return _pretty(found["item"]).removesuffix("Out").removesuffix("In") + found["form"]
    if found := _OF_ROOM.fullmatch(name):  # two rooms have a form of this name
        return "".join(part.capitalize() for part in (found["room"] or found["module"]).split("_")) + found["name"]
    return name


def _name_values(node: object) -> None:
    """Name the values of enumerations for generated clients: two of `YYYY-MM-DD` and `YYYYMMDD`, `-name` and `name`."""
    if isinstance(node, dict):
        values = node.get("enum")
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            node["x-enum-varnames"] = _value_names(values)
        for child in node.values():
            _name_values(child)
    elif isinstance(node, list):
        for child in node:
            _name_values(child)


def _value_names(values: list[str]) -> list[str]:
    names: list[str] = []
    for value in values:
        name = _UNSPEAKABLE.sub("_", value.removeprefix("-")).strip("_").upper() or "EMPTY"
        name = f"{name}_DESCENDING" if value.startswith("-") else name
        name = f"VALUE_{name}" if name[0].isdigit() else name
        names.append(f"{name}_{len(names)}" if name in names else name)
    return names


def _refer(node: object, names: Mapping[str, str]) -> None:
    if isinstance(node, dict):
        for key, child in node.items():
            if isinstance(child, str):
                node[key] = names.get(child, child)
            _refer(child, names)
    elif isinstance(node, list):
        for child in node:
            _refer(child, names)
