"""The OpenAPI document: every refusal declared as the problem document that is really sent."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from serving.kit.problems import MEDIA_TYPE, Problem

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

CONDITIONAL: Responses = {
    200: {"headers": {"ETag": {"description": "names these very bytes", "schema": {"type": "string"}}}},
    304: {"description": "The caller's copy still holds"},
}


_GUARDED = (401, 403, 429, 503)


def guarded(*statuses: int) -> Responses:
    """`problems` of a route that asks who the caller is."""
    return problems(*_GUARDED, *statuses)


def problems(*statuses: int) -> Responses:
    """Declarations of the refusals that a route adds to those of every route."""
    return {status: {"model": Problem, "description": _WORDS[status]} for status in sorted({*_EVERYWHERE, *statuses})}


class Api(FastAPI):
    """FastAPI whose /openapi.json names application/problem+json wherever a problem is declared."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            for response in _refusals(document):
                content = response.get("content", {})
                if "application/json" in content:
                    content[MEDIA_TYPE] = content.pop("application/json")
        return super().openapi()


def _refusals(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    yield response
