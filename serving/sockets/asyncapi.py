"""The AsyncAPI 3 document of everything that is not a request and its answer, made of the models that are sent."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from serving.analysis import schemas as analysis
from serving.kit.access import API_KEY_HEADER
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
STREAM_TO_CLIENT: tuple[type[BaseModel], ...] = (
    schemas.QuoteFrame,
    schemas.StreamMissing,
    schemas.StreamError,
    schemas.StreamEnd,
)
# The name of an event's line `event:`; on the sockets the member `type` says it.
EVENT_NAMES: dict[type[BaseModel], str] = {
    schemas.QuoteFrame: "quote",
    schemas.StreamMissing: "missing",
    schemas.StreamError: "error",
    schemas.StreamEnd: "server_shutdown",
}
PROOFS = {
    "token": {"type": "http", "scheme": "bearer", "description": "access token of POST /api/v1/auth/login"},
    "apiKey": {"type": "httpApiKey", "in": "header", "name": API_KEY_HEADER, "description": "key of a program"},
}

QUOTES_TEXT = """
Quotes and your own events by push. Prove who you are by `Authorization` or `X-API-Key` at the handshake, or by a first
message `auth` within 5 s; never in the address.

* v1 (`op`): `subscribe` answers `subscribed`, then one `snapshot` a symbol, then `update`s. `prev_seq` is the `seq` of
  the frame before of that symbol (or of your events): another one is a gap, send `resync`. Several frames may come in
  one `batch`. Without traffic there is a `heartbeat` every second.
* `quotes` are conflated: you get the newest, `dropped` counts what was passed over. `orders`, `portfolio` and `alerts`
  drop nothing: go on after a break with `since_seq`. They are the topics `order.events` and `trade.fills`,
  `portfolio.events`, and `risk.alerts`, as the outbox has them. `alerts` tells `alert.triggered` when a rule is broken,
  with the tick that did it, and `alert.acknowledged`; GET /api/v1/alerts has the history.
* The seeds' messages (`type`): `subscribe` sets what is followed and pushes `snapshot`s of what changes; `update` asks
  for a snapshot now.
* The server closes with 4401 `not_authenticated` or `token_expired` (renew with `auth` before), 4403 `not_allowed`,
  4408 `slow_consumer` (nothing was read for 10 s), 4429 `too_many_streams`, `too_many_messages` or
  `too_many_requests`, 1003 `text_frames_only`, 1009 (a message above 64 KiB), 1012 after `server_shutdown`, 1013
  `try_again_later`. A page of another site is refused with 403.
"""
STREAM_TEXT = """
Server-sent events for `GET` with a token or key and the query `symbols`: `quote`, each with a frame as data; `missing`
first, where a symbol is not followed; `error` where the proof has ended; `server_shutdown` last. Reconnect with
`Last-Event-ID`; what was sent within 30 s before may come again, `seq` tells. `max_events` and `max_seconds` end the
stream. Lines without an event are comments that keep the connection open.
"""
ANALYSIS_TEXT = """
Five measures of a holding, computed side by side on one frozen snapshot. Prove who you are as on `/ws/quotes`; the
first message of who sends no header is `{"action": "auth", "token": "..."}`, within 5 s.

* The first message is `session`: what was last analysed here. A session is remembered for 24 hours after its last use.
* `analyze` answers `analysis_started`, one `analysis_result` a measure in any order, then `analysis_complete`. Another
  `analyze`, or `cancel`, answers `cancelled`, and no message of that run follows.
* `portfolio_value` comes from time to time once a portfolio was analysed. What cannot be done is `error`; the socket
  stays open. At `server_shutdown` connect again: the session is kept.
* A message has at most 4096 characters; more than 20 a second wait.
* The server closes with 4401 `not_authenticated` or `token_expired`, 4403 `not_allowed`, 4408 `slow_consumer` (nothing
  was read for 5 s), 4429 `too_many_sessions` or `too_many_requests`, 1012 `server_shutdown`, 1013 `try_again_later`.
  A page of another site is refused with 403.
"""


@lru_cache(maxsize=1)
def document(version: str) -> bytes:
    """The document as JSON."""
    return orjson.dumps(build(version))


def build(version: str) -> dict[str, Any]:
    """The document."""
    modes: dict[type[BaseModel], JsonSchemaMode] = {
        **dict.fromkeys((*TO_SERVER, *ANALYSIS_TO_SERVER), "validation"),
        **dict.fromkeys((*schemas.FRAMES, *ANALYSIS_TO_CLIENT, *STREAM_TO_CLIENT), "serialization"),
    }
    refs, definitions = models_json_schema(list(modes.items()), ref_template=REF)
    names = {model: str(refs[(model, mode)]["$ref"]).rsplit("/", 1)[-1] for model, mode in modes.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tidemark streams", "version": version, "description": "Push of the Tidemark API."},
        "defaultContentType": "application/json",
        "channels": {
            "quotes": _channel("/ws/quotes", QUOTES_TEXT, (*TO_SERVER, *schemas.FRAMES), names),
            "analysis": _channel(
                "/ws/{session_id}",
                ANALYSIS_TEXT,
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
            "messages": {name: _message(model, name) for model, name in names.items()},
            "securitySchemes": PROOFS,
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
        "security": [{"$ref": f"#/components/securitySchemes/{proof}"} for proof in PROOFS],
    }


def _message(model: type[BaseModel], name: str) -> dict[str, Any]:
    message: dict[str, Any] = {"summary": _summary(model), "payload": {"$ref": f"#/components/schemas/{name}"}}
    return {**message, "name": EVENT_NAMES[model]} if model in EVENT_NAMES else message


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or model.__name__).strip().splitlines()[0]
