"""The part of chDB's compiled module that this package calls, typed: chDB ships no types for it."""

from collections.abc import Mapping
from typing import Protocol, TypedDict, cast

from chdb import _chdb


class Result(Protocol):
    """A finished statement or one block of a streamed answer."""

    def bytes(self) -> bytes: ...

    def elapsed(self) -> float: ...

    def rows_read(self) -> int:
        """Rows of the answer, in spite of the name."""

    def rows_written(self) -> int: ...

    def bytes_written(self) -> int: ...

    def storage_rows_read(self) -> int: ...

    def storage_bytes_read(self) -> int: ...


class Handle(Protocol):
    """An open streamed query."""


class Classified(TypedDict):
    """What the engine's parser says about a text."""

    query_class: int
    statement_count: int
    has_secrets: bool
    writes_only_target_database: bool
    changes_database_lifecycle: bool


class Session(Protocol):
    """One connection. Every error is a RuntimeError whose text starts with the engine's number."""

    def close(self) -> None: ...

    def query(self, sql: "bytes | str", output: str, *, params: Mapping[str, str]) -> Result: ...

    def send_query(self, sql: "bytes | str", output: str, *, params: Mapping[str, str]) -> Handle: ...

    def streaming_fetch_result(self, handle: Handle) -> Result | None: ...

    def streaming_cancel_query(self, handle: Handle) -> None: ...

    def classify_query(self, sql: "bytes | str", target_database: str) -> Classified: ...


class QueryClass(Protocol):
    """Classes in ascending order of restriction."""

    READ_ONLY: int
    MUTATING: int
    MUTATING_GLOBAL: int
    CONTROL: int
    UNKNOWN: int


class Native(Protocol):
    """The module."""

    query_class: QueryClass

    def connect(self, target: str) -> Session: ...


native = cast(Native, _chdb)
