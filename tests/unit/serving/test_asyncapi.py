"""/asyncapi.json describes whatever the API pushes: every socket, the event stream, every channel and event."""

import json
from typing import Any

import pytest
from fastapi.routing import APIWebSocketRoute

from serving import api
from serving.sockets import asyncapi
from serving.sockets.commands import Channel
from serving.sockets.endpoints import STREAM_PATH
from serving.sockets.events import TOPICS


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    built: dict[str, Any] = json.loads(asyncapi.document("test"))
    return built


def test_every_socket_and_the_event_stream_have_a_channel(document: dict[str, Any]) -> None:
    sockets = {
        route.path
        for room in api.ROOMS
        for router in room.routers
        for route in router.routes
        if isinstance(route, APIWebSocketRoute)
    }
    assert sockets
    assert {channel["address"] for channel in document["channels"].values()} == sockets | {STREAM_PATH}


def test_parameters_of_addresses_are_described(document: dict[str, Any]) -> None:
    for channel in document["channels"].values():
        named = {part[1:-1] for part in channel["address"].split("/") if part.startswith("{")}
        assert set(channel.get("parameters", {})) == named, channel["address"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = {part.split('"')[0] for part in json.dumps(document).split('"$ref": "#/')[1:]}
    assert len(references) > 50
    for reference in references:
        place = document
        for step in reference.split("/"):
            place = place[step]


def test_every_channel_of_own_events_has_a_topic_and_is_told_of(document: dict[str, Any]) -> None:
    assert set(TOPICS.values()) == set(Channel) - {Channel.QUOTES}
    told = document["channels"]["quotes"]["description"]
    assert {name for name in (*TOPICS, *Channel) if f"`{name}`" not in told} == set()


def test_events_of_the_stream_have_the_names_of_their_lines(document: dict[str, Any]) -> None:
    sent = {each["$ref"].rsplit("/", 1)[-1] for each in document["operations"]["pushEvents"]["messages"]}
    names = {document["components"]["messages"][message]["name"] for message in sent}
    assert names == {"quote", "missing", "error", "server_shutdown"}


def test_every_operation_wants_a_proof(document: dict[str, Any]) -> None:
    for name, operation in document["operations"].items():
        assert operation["security"], name
