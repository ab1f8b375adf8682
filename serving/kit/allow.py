"""Which methods and bodies a path takes, by the OpenAPI document: 405 with Allow, 415, HEAD and OPTIONS for every path.

Starlette answers for the first route that has the path; a path may have several (`/batch` also looks like an id).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.kit import strict_json
from serving.kit.problems import ApiError, MethodNotAllowed, UnsupportedMediaType, respond, response_of

NO_CONTENT = 204
JSON_SUFFIX = "json"


@dataclass(frozen=True, slots=True)
class Template:
    """A path of the document; `path` is what metrics call the route."""

    path: str
    bodies: Mapping[str, frozenset[str]]  # by method: the types of body that it takes; none where it has no body

    @property
    def allow(self) -> str:
        """The Allow header: what the document has, and what every path answers."""
        head = {"HEAD"} if "GET" in self.bodies else set()
        return ", ".join(sorted({*self.bodies, *head, "OPTIONS"}))


@dataclass(slots=True)
class _Node:
    """A place in the tree of path segments."""

    named: dict[str, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    template: Template | None = None


class Paths:
    """The templates of a document. A path belongs to the template whose fixed segments come first."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._root = _Node()
        for path, operations in document["paths"].items():
            node = self._root
            for part in path.split("/"):
                node = _child(node, part)
            node.template = Template(path, {method.upper(): _types(found) for method, found in operations.items()})

    def find(self, path: str) -> Template | None:
        """The template that `path` belongs to, or None."""
        return next(_walk(self._root, path.split("/")), None)


def _child(node: _Node, part: str) -> _Node:
    if not part.startswith("{"):
        return node.named.setdefault(part, _Node())
    if node.any is None:
        node.any = _Node()
    return node.any


def _walk(node: _Node, parts: list[str]) -> Iterator[Template]:
    if not parts:
        if node.template is not None:
            yield node.template
        return
    first, rest = parts[0], parts[1:]
    if first in node.named:
        yield from _walk(node.named[first], rest)
    if node.any is not None and first:
        yield from _walk(node.any, rest)


def _types(operation: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(operation.get("requestBody", {}).get("content", ()))


class Gate:
    """ASGI middleware in front of the routes. Paths that the document does not have pass unseen.

    `guidance` says, by the start of a template, what to do where a method is missing by design.
    """

    def __init__(self, app: ASGIApp, *, document: Callable[[], Mapping[str, Any]], guidance: Mapping[str, str]) -> None:
        self.app = app
        self._document = document
        self._guidance = guidance
        self._paths: Paths | None = None

    @property
    def paths(self) -> Paths:
        if self._paths is None:
            self._paths = Paths(self._document())
        return self._paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        template = self.paths.find(scope["path"]) if scope["type"] == "http" else None
        if template is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = template
        method = scope["method"]
        if method == "HEAD" and "HEAD" not in template.bodies and "GET" in template.bodies:
            await self.app({**scope, "method": "GET"}, receive, _without_body(send))
        elif method == "OPTIONS" and "OPTIONS" not in template.bodies:
            await Response(status_code=NO_CONTENT, headers={"Allow": template.allow})(scope, receive, send)
        elif method not in template.bodies:
            refusal = MethodNotAllowed(self._advice(scope["path"], template.path, method))
            await respond(Request(scope), refusal, {"Allow": template.allow})(scope, receive, send)
        else:
            await self._with_body(scope, receive, send, template.bodies[method])

    def _advice(self, path: str, template: str, method: str) -> str:
        found = [start for start in self._guidance if template == start or template.startswith(f"{start}/")]
        advice = f" {self._guidance[max(found, key=len)]}" if found else ""
        return f"{path} does not take {method[:20]}; the Allow header says what it takes.{advice}"

    async def _with_body(self, scope: Scope, receive: Receive, send: Send, types: frozenset[str]) -> None:
        headers = Headers(scope=scope)
        if types and _has_body(headers):
            given = headers.get("content-type", "").split(";")[0].strip().lower()
            if given not in types:
                await respond(Request(scope), _wrong_type(given, types))(scope, receive, send)
                return
            if given.endswith(JSON_SUFFIX):
                try:
                    receive = await _checked(receive)
                except (ApiError, HTTPException) as error:
                    await response_of(Request(scope), error)(scope, receive, send)
                    return
        await self.app(scope, receive, send)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _wrong_type(given: str, types: frozenset[str]) -> UnsupportedMediaType:
    known = " or ".join(sorted(types))
    return UnsupportedMediaType(f"The Content-Type is {given[:80] or 'missing'}: send the body as {known}.")


async def _checked(receive: Receive) -> Receive:
    """`receive` again, after its JSON was read and checked. Raises ApiError, and HTTPException for too long a body."""
    messages: list[Message] = []
    while not messages or messages[-1].get("more_body", False):
        messages.append(await receive())
    body = b"".join(message.get("body", b"") for message in messages)
    if body:
        strict_json.check(body)
    waiting = iter(messages)

    async def again() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return again


def _without_body(send: Send) -> Send:
    """What a GET would answer, for a HEAD: the same headers and no content."""
    is_over = False

    async def only_headers(message: Message) -> None:
        nonlocal is_over
        if message["type"] != "http.response.body":
            await send(message)
        elif not is_over:
            is_over = True
            await send({"type": "http.response.body", "body": b""})

    return only_headers
