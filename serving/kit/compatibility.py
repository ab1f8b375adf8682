"""Whether a client that was made for one OpenAPI or AsyncAPI document still works with another; pure.

What is sent to the server may only get wider: no operation, message or parameter gone, nothing new that must be sent,
no value refused that was taken. What is sent to clients may only get narrower: no field gone, none absent or of another
type that was always there. New operations, optional parameters, fields and values of enumerations that are answered
are no breaks: clients must pass over what they do not know.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from serving.kit.schema_shapes import Comparison, Direction

Document = Mapping[str, Any]

METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")


def openapi_breaks(old: Document, new: Document) -> list[str]:
    """Every break between two OpenAPI documents, a line each, sorted."""
    comparison = Comparison(old, new)
    return sorted(set(_openapi(comparison)))


def asyncapi_breaks(old: Document, new: Document) -> list[str]:
    """Every break between two AsyncAPI documents, a line each, sorted."""
    comparison = Comparison(old, new)
    return sorted(set(_asyncapi(comparison)))


def _openapi(comparison: Comparison) -> Iterator[str]:
    now = dict(_operations(comparison.new))
    for name, operation in _operations(comparison.old):
        if name not in now:
            yield f"{name}: removed"
            continue
        if operation.get("operationId") != now[name].get("operationId"):
            yield f"{name}: operationId was {operation.get('operationId')}"
        yield from _parameters(comparison, name, operation, now[name])
        yield from _body(comparison, name, operation, now[name])
        yield from _answers(comparison, name, operation, now[name])


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document.get("paths", {}).items():
        yield from ((f"{method.upper()} {path}", item[method]) for method in METHODS if method in item)


def _parameters(comparison: Comparison, name: str, old: Document, new: Document) -> Iterator[str]:
    before, now = _by_place(old), _by_place(new)
    for place, parameter in before.items():
        if place not in now:
            yield f"{name} {place}: removed"
        else:
            yield from comparison.of(Direction.REQUEST, parameter["schema"], now[place]["schema"], f"{name} {place}")
    for place, parameter in now.items():
        if parameter.get("required") and not before.get(place, {}).get("required"):
            yield f"{name} {place}: required now"


def _by_place(operation: Document) -> dict[str, Document]:
    return {f"{each['in']} {each['name']}": each for each in operation.get("parameters", ())}


def _body(comparison: Comparison, name: str, old: Document, new: Document) -> Iterator[str]:
    before, now = old.get("requestBody"), new.get("requestBody")
    if now is not None and now.get("required") and not (before or {}).get("required"):
        yield f"{name} body: required now"
    if before is not None:
        found = {} if now is None else now["content"]
        yield from _contents(comparison, Direction.REQUEST, f"{name} body", before["content"], found)


def _answers(comparison: Comparison, name: str, old: Document, new: Document) -> Iterator[str]:
    """A refusal that no longer comes breaks nobody; an answer that no longer comes does."""
    for status, answer in old["responses"].items():
        where = f"{name} {status}"
        if status in new["responses"]:
            found = new["responses"][status].get("content", {})
            yield from _contents(comparison, Direction.RESPONSE, where, answer.get("content", {}), found)
        elif status.startswith("2"):
            yield f"{where}: removed"


def _contents(comparison: Comparison, direction: Direction, where: str, old: Document, new: Document) -> Iterator[str]:
    for media_type, content in old.items():
        if media_type not in new:
            yield f"{where}: no {media_type} any more"
        elif "schema" in content:
            yield from comparison.of(direction, content["schema"], new[media_type].get("schema", {}), where)


def _asyncapi(comparison: Comparison) -> Iterator[str]:
    addresses = {channel["address"] for channel in comparison.new.get("channels", {}).values()}
    for channel in comparison.old.get("channels", {}).values():
        if channel["address"] not in addresses:
            yield f"{channel['address']}: removed"
    now = _messages(comparison.new)
    for place, messages in _messages(comparison.old).items():
        found, (action, address) = now.get(place, {}), place
        direction = Direction.REQUEST if action == "receive" else Direction.RESPONSE
        for name in messages if address in addresses else ():
            where = f"{address} {name}"
            if name not in found:
                yield f"{where}: removed"
            else:
                yield from comparison.of(direction, messages[name], found[name], where)


def _messages(document: Document) -> dict[tuple[str, str], dict[str, Document]]:
    """Payloads by action and address, then by the message's name."""
    found: dict[tuple[str, str], dict[str, Document]] = {}
    for operation in document.get("operations", {}).values():
        channel = document["channels"][_last(operation["channel"])]
        names = _named(operation["messages"])
        payloads = {name: document["components"]["messages"][name]["payload"] for name in names}
        found.setdefault((operation["action"], channel["address"]), {}).update(payloads)
    return found


def _named(references: Iterable[Document]) -> list[str]:
    return [_last(reference) for reference in references]


def _last(reference: Document) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]
