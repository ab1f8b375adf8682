"""Logs as one JSON object a line on standard error, for our own lines and for those of libraries.

Every line of a request has its id, its trace and its user without being told, and none has a secret.
"""

import logging
import sys
from collections.abc import Mapping

import structlog
from structlog.typing import EventDict, WrappedLogger

from serving.kit.context import CURRENT
from serving.kit.redaction import redact_field

# They warn about each failed attempt of a request whose failure we log ourselves.
REPEATING = ("urllib3.connectionpool", "clickhouse_connect")
BOUND = ("request_id", "trace_id", "user_id")
# Written by us from closed sets, so nothing in them needs a look: a line costs little this way.
PLAIN = frozenset(
    {"level", "logger", "timestamp", *BOUND, "method", "route", "status", "ms", "_record", "_from_structlog"}
)


def with_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add what is known of the request that is being answered."""
    state: Mapping[str, object] = CURRENT.get() or {}
    for name in BOUND:
        if name in state and name not in event:
            event[name] = str(state[name])
    return event


def without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace what must not be told; also in the text of an exception."""
    for name, value in event.items():
        if name not in PLAIN:
            event[name] = redact_field(name, value)
    return event


def configure() -> None:
    """Set logging up for a process: entry points call it once."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        with_request,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_secrets,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in REPEATING:
        logging.getLogger(name).setLevel(logging.ERROR)
