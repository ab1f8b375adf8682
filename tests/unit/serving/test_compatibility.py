"""What breaks a client is named, what does not is not: operations, parameters, bodies, answers, messages."""

import copy
from typing import Any

import pytest

from serving.kit.compatibility import asyncapi_breaks, openapi_breaks

JSON = "application/json"


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.fixture
def document() -> dict[str, Any]:
    """A list with a filter and a form that is posted and answered."""
    order_in = {
        "type": "object",
        "properties": {
            "side": {"type": "string", "enum": ["buy", "sell"]},
            "note": {"anyOf": [{"type": "string", "maxLength": 20}, {"type": "null"}]},
            "legs": {"type": "array", "items": ref("Leg"), "maxItems": 3},
        },
        "required": ["side"],
        "additionalProperties": False,
    }
    leg = {"type": "object", "properties": {"price": {"type": "string", "pattern": "^[0-9]+$"}, "of": ref("Leg")}}
    order = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "side": {"type": "string", "enum": ["buy", "sell"]}},
        "required": ["id", "side"],
    }
    answer = {"201": {"content": {JSON: {"schema": ref("Order")}}}, "409": {"content": {}}}
    limit = {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 200}}
    path = {"in": "query", "name": "path", "schema": {"type": "string", "pattern": "^(bronze/a|silver/b)$"}}
    listing = {"operationId": "list", "parameters": [limit, path], "responses": {"200": {"content": {}}}}
    placing = {
        "operationId": "place",
        "requestBody": {"content": {JSON: {"schema": ref("OrderIn")}}},
        "responses": answer,
    }
    return {
        "paths": {"/orders": {"get": listing, "post": placing}},
        "components": {"schemas": {"OrderIn": order_in, "Order": order, "Leg": leg}},
    }


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with the value at a path of keys; `None` takes the key out."""
    made = copy.deepcopy(document)
    *steps, last = path.split(" ")
    place: Any = made
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


def test_a_document_does_not_break_itself(document: dict[str, Any]) -> None:
    assert openapi_breaks(document, copy.deepcopy(document)) == []


ORDERS = "paths /orders"
FORM = "components schemas OrderIn"
ANSWER = "components schemas Order"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (f"{ORDERS} get", None, "GET /orders: removed"),
        (f"{ORDERS} get operationId", "orders", "GET /orders: operationId was list"),
        (f"{ORDERS} get parameters 0 name", "page", "GET /orders query limit: removed"),
        (f"{ORDERS} get parameters 0 required", True, "GET /orders query limit: required now"),
        (f"{ORDERS} get parameters 0 schema maximum", 100, "GET /orders query limit: maximum was 200, is 100"),
        (f"{ORDERS} get parameters 0 schema type", "string", "GET /orders query limit: was integer, takes string"),
        (f"{ORDERS} post requestBody required", True, "POST /orders body: required now"),
        (f"{ORDERS} post requestBody content", {}, f"POST /orders body: no {JSON} any more"),
        (f"{ORDERS} post responses 201", None, "POST /orders 201: removed"),
        (f"{ORDERS} post responses 201 content", {}, f"POST /orders 201: no {JSON} any more"),
        (f"{FORM} required", ["side", "note"], "POST /orders body OrderIn.note: required now"),
        (
            f"{ORDERS} get parameters 1 schema pattern",
            "^(bronze/a)$",
            "GET /orders query path: pattern was ^(bronze/a|silver/b)$, is ^(bronze/a)$",
        ),
        (f"{FORM} properties note", None, "POST /orders body OrderIn.note: no longer taken"),
        (f"{FORM} properties note", {"type": "null"}, "POST /orders body OrderIn.note: no longer takes string"),
        (f"{FORM} properties note anyOf 0 maxLength", 9, "POST /orders body OrderIn.note: no longer takes string"),
        (f"{FORM} properties side enum", ["buy"], "POST /orders body OrderIn.side: no longer takes sell"),
        (f"{FORM} properties legs maxItems", 2, "POST /orders body OrderIn.legs: maxItems was 3, is 2"),
        (f"{FORM} properties legs minItems", 1, "POST /orders body OrderIn.legs: minItems was free, is 1"),
        (
            "components schemas Leg properties price pattern",
            "^[1-9]$",
            "POST /orders body OrderIn.legs[] Leg.price: pattern was ^[0-9]+$, is ^[1-9]$",
        ),
        (f"{ANSWER} properties id", None, "POST /orders 201 Order.id: removed"),
        (f"{ANSWER} required", ["id"], "POST /orders 201 Order.side: may now be absent"),
        (f"{ANSWER} properties id type", "integer", "POST /orders 201 Order.id: was string, is integer"),
        (
            f"{ANSWER} properties id",
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "POST /orders 201 Order.id: may now be null",
        ),
        (f"{ANSWER} properties side enum", ["B"], "POST /orders 201 Order.side: was ['buy', 'sell'], is ['B']"),
    ],
)
def test_a_break_is_named(document: dict[str, Any], path: str, value: object, told: str) -> None:
    assert openapi_breaks(document, changed(document, path, value)) == [told]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("paths /trades", {"get": {"responses": {}}}),
        (f"{ORDERS} get parameters 0 schema maximum", 500),
        (f"{ORDERS} get parameters 0 schema type", "number"),
        (f"{ORDERS} post responses 409", None),
        (f"{ORDERS} post responses 202", {"content": {}}),
        (f"{FORM} properties side enum", ["buy", "sell", "short"]),
        (f"{FORM} properties side enum", None),
        ("components schemas Leg properties price pattern", "^[0-9]+$"),
        (f"{ORDERS} get parameters 1 schema pattern", "^(bronze/a|gold/new|silver/b)$"),
        (f"{FORM} properties tag", {"type": "string"}),
        (f"{FORM} properties note", {"type": ["string", "null"]}),
        (f"{FORM} required", []),
        (f"{FORM} properties legs maxItems", None),
        (f"{ANSWER} properties price", {"type": "string"}),
        (f"{ANSWER} properties side enum", ["buy", "sell", "short"]),
        (f"{ANSWER} properties id maxLength", 36),
    ],
)
def test_what_clients_need_not_notice_is_no_break(document: dict[str, Any], path: str, value: object) -> None:
    assert openapi_breaks(document, changed(document, path, value)) == []


@pytest.fixture
def streams() -> dict[str, Any]:
    """A socket that takes one message and sends another."""
    channel = {"address": "/ws/quotes"}
    place = {"$ref": "#/channels/quotes"}

    def operation(action: str, name: str) -> dict[str, Any]:
        return {"action": action, "channel": place, "messages": [{"$ref": f"#/channels/quotes/messages/{name}"}]}

    return {
        "channels": {"quotes": channel},
        "operations": {"tell": operation("receive", "Ping"), "push": operation("send", "Pong")},
        "components": {
            "messages": {name: {"payload": ref(name)} for name in ("Ping", "Pong")},
            "schemas": {
                "Ping": {"type": "object", "properties": {"op": {"const": "ping"}}, "required": ["op"]},
                "Pong": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
            },
        },
    }


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("channels quotes address", "/ws/prices", "/ws/quotes: removed"),
        ("operations tell messages", [], "/ws/quotes Ping: removed"),
        ("operations push messages", [], "/ws/quotes Pong: removed"),
        ("components schemas Ping properties op const", "hey", "/ws/quotes Ping Ping.op: no longer takes ping"),
        ("components schemas Ping required", ["op", "id"], "/ws/quotes Ping Ping.id: required now"),
        ("components schemas Pong properties at", None, "/ws/quotes Pong Pong.at: removed"),
    ],
)
def test_a_break_of_a_stream_is_named(streams: dict[str, Any], path: str, value: object, told: str) -> None:
    assert asyncapi_breaks(streams, copy.deepcopy(streams)) == []
    assert asyncapi_breaks(streams, changed(streams, path, value)) == [told]
