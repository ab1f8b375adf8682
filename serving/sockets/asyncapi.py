"""The AsyncAPI 3 document of everything that is not a request and its answer, made of the models that are sent."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.analysis import schemas as analysis
from serving.sockets import commands, schemas

REF = "#/components/schemas/{model}"
TO_SERVER: tuple[type[BaseModel], ...] = (
    commands.Auth,
    commands.Subscribe,
    commands.Unsubscribe,
    commands.Resync,
    commands.Ping,
    commands.SeedAuth,
    commands.SeedSubscribe,
    commands.SeedUpdate,
)
ANALYSIS_TO_SERVER: tuple[type[BaseModel], ...] = (analysis.Auth, analysis.Analyze, analysis.Cancel)
ANALYSIS_TO_CLIENT: tuple[type[BaseModel], ...] = (
    analysis.SessionFrame,
    analysis.StartedFrame,
    analysis.ResultFrame,
    analysis.CompleteFrame,
    analysis.CancelledFrame,
    analysis.ValueFrame,
    analysis.ErrorFrame,
    analysis.ShutdownFrame,
)
STREAM_TO_CLIENT: tuple[type[BaseModel], ...] = (schemas.QuoteFrame,)

QUOTES_TEXT = """
Quotes and your own events by push. Prove who you are by `Authorization` or `X-API-Key` at the handshake, or by a first
message `auth` within 5 s; never in the address.

* v1 (`op`): `subscribe` answers `subscribed`, then one `snapshot` a symbol, then `update`s. `prev_seq` is the `seq` of
  the frame before of that symbol (or of your events): another one is a gap, send `resync`. Several frames may come in
  one `batch`. Without traffic there is a `heartbeat` every second.
* Quotes are conflated: you get the newest, `dropped` counts what was passed over. `orders`, `portfolio` and `alerts`
  drop nothing: go on after a break with `since_seq`.
* The seeds' messages (`type`): `subscribe` sets what is followed and pushes `snapshot`s of what changes; `update` asks
  for a snapshot now.
* The server closes with 4401 `not_authenticated` or `token_expired` (renew with `auth` before), 4403 `not_allowed`,
  4408 `slow_consumer` (nothing was read for 10 s), 4429 `too_many_streams`, `too_many_messages` or
  `too_many_requests`, 1003 `text_frames_only`, 1009 (a message above 64 KiB), 1012 after `server_shutdown`, 1013
  `try_again_later`. A page of another site is refused with 403.
"""
STREAM_TEXT = """
Server-sent events `quote`, each with a frame as data, for `GET` with a token or key. Reconnect with `Last-Event-ID`;
what was sent within 30 s before may come again, `seq` tells. `max_events` and `max_seconds` end the stream.
"""


@lru_cache(maxsize=1)
def document(version: str) -> bytes:
    """The document as JSON."""
    return orjson.dumps(build(version))


def build(version: str) -> dict[str, Any]:
    """The document."""
    groups = (TO_SERVER, schemas.FRAMES, ANALYSIS_TO_SERVER, ANALYSIS_TO_CLIENT)
    models = [model for group in groups for model in group]
    refs, definitions = models_json_schema([(model, "serialization") for model in models], ref_template=REF)
    names = {model: str(refs[(model, "serialization")]["$ref"]).rsplit("/", 1)[-1] for model in models}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tidemark streams", "version": version, "description": "Push of the Tidemark API."},
        "defaultContentType": "application/json",
        "channels": {
            "quotes": _channel("/ws/quotes", QUOTES_TEXT, (*TO_SERVER, *schemas.FRAMES), names),
            "analysis": _channel(
                "/ws/{session_id}",
                "Analysis of a holding, measure by measure; a new ticker cancels the run before.",
                (*ANALYSIS_TO_SERVER, *ANALYSIS_TO_CLIENT),
                names,
                parameters={"session_id": {"description": f"made by the client: {analysis.SESSION_PATTERN}"}},
            ),
            "stream": _channel("/api/v1/market-data/stream", STREAM_TEXT, STREAM_TO_CLIENT, names),
        },
        "operations": {
            "tellQuotes": _operation("receive", "quotes", TO_SERVER, names),
            "pushQuotes": _operation("send", "quotes", schemas.FRAMES, names),
            "tellAnalysis": _operation("receive", "analysis", ANALYSIS_TO_SERVER, names),
            "pushAnalysis": _operation("send", "analysis", ANALYSIS_TO_CLIENT, names),
            "pushEvents": _operation("send", "stream", STREAM_TO_CLIENT, names),
        },
        "components": {
            "schemas": definitions.get("$defs", {}),
            "messages": {
                name: {"summary": _summary(model), "payload": {"$ref": f"#/components/schemas/{name}"}}
                for model, name in names.items()
            },
        },
    }


def _channel(
    address: str,
    text: str,
    models: Sequence[type[BaseModel]],
    names: dict[type[BaseModel], str],
    parameters: dict[str, dict[str, str]] | None = None,
) -> dict[str, Any]:
    messages = {names[model]: {"$ref": f"#/components/messages/{names[model]}"} for model in models}
    channel: dict[str, Any] = {"address": address, "description": text.strip(), "messages": messages}
    return channel if parameters is None else {**channel, "parameters": parameters}


def _operation(
    action: str, channel: str, models: Sequence[type[BaseModel]], names: dict[type[BaseModel], str]
) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{names[model]}"} for model in models],
    }


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or model.__name__).strip().splitlines()[0]
