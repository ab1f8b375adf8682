"""An HTTP request as ClickHouse means it: statement and rows, settings, parameters, session and format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lakehouse.local.clickhouse.errors import ClickHouseError, bad_arguments
from lakehouse.local.clickhouse.sessions import SessionWish, wish_of

# Parameters that steer the HTTP exchange and are no settings of the engine here.
TRANSPORT = frozenset((
    "buffer_size", "cancel_http_readonly_queries_on_client_close", "client_protocol_version", "close_session",
    "compress", "database", "decompress", "default_format", "enable_http_compression",
    "http_headers_progress_interval_ms", "http_zlib_compression_level", "http_response_buffer_size",
    "http_wait_end_of_query", "http_write_exception_in_output_format", "password", "query", "query_id", "quota_key",
    "role", "send_progress_in_http_headers", "session_check", "session_id", "session_timeout", "stacktrace", "user",
    "wait_end_of_query",
))  # fmt: skip
_QUERY_ID = re.compile(r"[\x21-\x7e]{1,200}\Z")
_FORMAT = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z")


@dataclass(frozen=True, slots=True)
class Query:
    """Everything that one request asks. `text` is the statement, followed by rows where it is an INSERT."""

    text: bytes
    query_id: str
    database: str
    default_format: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    session: SessionWish | None
    close_session: bool
    wait_end: bool
    compress: bool
    may_write: bool
    uploads: tuple["Upload", ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Upload:
    """An external table that travels with a query: its structure in ClickHouse's words and its rows."""

    name: str
    structure: str
    format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """The HTTP side of a request: lower-case header names, URL and form fields merged, the body unpacked."""

    method: str
    headers: Mapping[str, str]
    params: dict[str, str]
    body: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)


def build(exchange: Exchange, new_query_id: str) -> Query:
    """Read a request; `new_query_id` is used where the client names none.

    Raises ClickHouseError for parameters that contradict themselves or that this server does not have.
    """
    params, headers = exchange.params, exchange.headers
    _refuse_unsupported(params)
    about_files = {f"{name}{suffix}" for name in exchange.files for suffix in ("_format", "_structure", "_types")}
    statement = params.get("query", "").encode()
    text = b"\n".join(part for part in (statement, exchange.body) if part)
    default_format = params.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated"
    return Query(
        text=text,
        query_id=_checked(params.get("query_id") or new_query_id, _QUERY_ID, "query_id"),
        database=params.get("database") or headers.get("x-clickhouse-database", ""),
        default_format=_checked(default_format, _FORMAT, "default_format"),
        settings={name: value for name, value in params.items() if not _is_transport(name, about_files)},
        parameters={name[6:]: value for name, value in params.items() if name.startswith("param_")},
        session=wish_of(params),
        close_session=params.get("close_session") == "1",
        wait_end="1" in (params.get("wait_end_of_query"), params.get("http_wait_end_of_query")),
        compress=params.get("enable_http_compression") != "0",
        may_write=exchange.method == "POST",
        uploads=tuple(_upload(name, data, params) for name, data in exchange.files.items()),
    )


def _is_transport(name: str, about_files: set[str]) -> bool:
    return name in TRANSPORT or name.startswith("param_") or name in about_files


def _upload(name: str, data: bytes, params: Mapping[str, str]) -> Upload:
    structure = params.get(f"{name}_structure", "")
    if types := params.get(f"{name}_types", ""):
        structure = ", ".join(f"_{number} {kind}" for number, kind in enumerate(types.split(","), start=1))
    if not structure:
        raise bad_arguments(f"The external table {name} has neither {name}_structure nor {name}_types")
    return Upload(name, structure, params.get(f"{name}_format", "TabSeparated"), data)


def _refuse_unsupported(params: Mapping[str, str]) -> None:
    if "1" in (params.get("compress"), params.get("decompress")):
        message = "ClickHouse's own block compression (compress=1, decompress=1) is not served: use Accept-Encoding"
        raise ClickHouseError(344, "SUPPORT_IS_DISABLED", message, status=501)
    if "role" in params:
        raise ClickHouseError(512, "SET_NON_GRANTED_ROLE", "Roles cannot be chosen: each user has its own")


def _checked(value: str, pattern: re.Pattern[str], name: str) -> str:
    if not pattern.match(value):
        raise bad_arguments(f"{name} is empty, too long or has characters it may not have")
    return value
