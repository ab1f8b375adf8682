"""The ClickHouse engine inside this process: connections, statements, streamed answers and streamed inserts."""

import json
import os
import re
import threading
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lakehouse.errors import TidemarkError
from lakehouse.local.clickhouse.config import write_config
from lakehouse.local.clickhouse.errors import from_engine
from lakehouse.local.clickhouse.native_api import Handle, Result, Session, native

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class EngineStartError(TidemarkError):
    """The engine cannot open its data folder."""


@dataclass(slots=True)
class Progress:
    """What a statement read and wrote so far."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_s: float = 0.0

    def add(self, result: Result, size: int) -> None:
        """Take over the counters of one result or chunk."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.elapsed_s += result.elapsed()
        self.result_rows += result.rows_read()
        self.result_bytes += size


@dataclass(frozen=True, slots=True)
class StatementClass:
    """What the engine's own parser says about a text: see `chdb.h`."""

    reads_only: bool
    parsed: bool
    mutates: bool
    statements: int
    has_secrets: bool


@dataclass
class Connection:
    """One session: settings, roles, current database, temporary tables. Not for two threads at once."""

    raw: Session
    database: str | None = None
    progress: Progress = field(default_factory=Progress)
    _lent: dict[str, str] = field(default_factory=dict)
    _before: dict[str, str | None] = field(default_factory=dict)

    def close(self) -> None:
        """Forget the session and drop its temporary tables. Safe to call twice."""
        self.raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def execute(self, sql: bytes | str, output: str = "TabSeparated", params: Mapping[str, str] | None = None) -> bytes:
        """Run a statement to its end and return its whole answer. Raises ClickHouseError."""
        try:
            result = self.raw.query(sql, output, params=dict(params or {}))
        except RuntimeError as error:
            raise from_engine(str(error)) from None
        body: bytes = result.bytes()
        self.progress.add(result, len(body))
        return body

    def scalar(self, sql: str) -> str:
        """The one value of a one-row answer, as text."""
        return self.execute(sql, "TSVRaw").decode().rstrip("\n")

    def stream(self, sql: bytes, output: str, params: Mapping[str, str]) -> Generator[bytes, None, None]:
        """The answer block by block, each block encoded for itself. Closing the iterator cancels the query."""
        try:
            handle = self.raw.send_query(sql, output, params=dict(params))
        except RuntimeError as error:
            raise from_engine(str(error)) from None
        return self._chunks(handle)

    def _chunks(self, handle: Handle) -> Generator[bytes, None, None]:
        finished = False
        try:
            while True:
                try:
                    result = self.raw.streaming_fetch_result(handle)
                except RuntimeError as error:
                    finished = True
                    raise from_engine(str(error)) from None
                body = b"" if result is None else result.bytes()
                if result is None or not body:
                    finished = True
                    return
                self.progress.add(result, len(body))
                yield body
        finally:
            if not finished:
                self.raw.streaming_cancel_query(handle)

    def insert(self, target: bytes, settings: bytes, input_format: str, data: bytes | memoryview) -> None:
        """Write rows: `target` is `INSERT INTO t (columns)`, `settings` a SETTINGS clause or nothing.

        On return they are stored. After an error none are, unless there were more than `max_insert_block_size`: each
        block of that many is atomic, as in the server. chDB's own streamed insert is not used: it drops errors that
        occur after the last byte, a broken constraint for one, and reports rows that are not there.
        """
        handle = os.memfd_create("clickhouse-insert")
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(data)
            source = f"\nFROM INFILE '/proc/self/fd/{handle}' ".encode()
            self.execute(target + source + settings + f"\nFORMAT {input_format}".encode())
        finally:
            os.close(handle)

    def classify(self, sql: bytes) -> StatementClass:
        """Ask the engine's parser what a text does; nothing runs."""
        found = self.raw.classify_query(sql, "")
        kind = found["query_class"]
        classes = native.query_class
        return StatementClass(
            reads_only=kind == classes.READ_ONLY,
            parsed=kind != classes.UNKNOWN,
            mutates=kind in (classes.MUTATING, classes.MUTATING_GLOBAL),
            statements=found["statement_count"],
            has_secrets=found["has_secrets"],
        )

    def set(self, settings: Mapping[str, str]) -> None:
        """Change settings of this session. Raises ClickHouseError for an unknown name or a bad value."""
        if settings:
            self.execute("SET " + ", ".join(f"{_checked(name)} = {quote(value)}" for name, value in settings.items()))

    def lend(self, settings: Mapping[str, str]) -> None:
        """Make `settings` the ones in force until the next call, over the session's own, which then return.

        A client sends the same few settings with every request: they are only changed when they differ.
        """
        if settings == self._lent:
            return
        back = {name: value for name, value in self._before.items() if value is not None}
        unset = [name for name, value in self._before.items() if value is None]
        if unset:
            self.execute("SET " + ", ".join(f"{name} = DEFAULT" for name in unset))
        self.set(back)
        self._lent, self._before = {}, {}
        if settings:
            before = self._values(settings)
            self.set(settings)
            self._lent, self._before = dict(settings), before

    def _values(self, names: Iterable[str]) -> dict[str, str | None]:
        """The session's value of each known setting, None for the default."""
        listed = ", ".join(quote(name) for name in names)
        statement = f"SELECT name, value, changed FROM system.settings WHERE name IN ({listed})"  # noqa: S608  names are quoted above
        rows = [json.loads(line) for line in self.execute(statement, "JSONCompactEachRow").splitlines()]
        return {name: value if changed else None for name, value, changed in rows}

    def current_database(self) -> str:
        """The database of unqualified names, asked for again after a statement that may have changed it."""
        if self.database is None:
            self.database = self.scalar("SELECT currentDatabase()")
        return self.database

    def use(self, database: str) -> None:
        """Make `database` the current one."""
        if database != self.database:
            self.execute("USE " + quote_identifier(database))
            self.database = database


class Engine:
    """The engine and its data folder, which belongs to this process alone until `close`."""

    def __init__(self, data_dir: Path, database: str) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._target = f"{data_dir}?config-file={write_config(data_dir / 'config', database)}"
        self._lock = threading.Lock()
        try:
            self._keeper = Connection(native.connect(self._target))
        except RuntimeError as error:
            raise EngineStartError(
                f"ClickHouse cannot open {data_dir}: {error}. Is another process using it?"
            ) from None
        self.version = self._keeper.scalar("SELECT version()")
        self.timezone = self._keeper.scalar("SELECT timezone()")

    def open(self) -> Connection:
        """A new session with the owner's rights; a fraction of a millisecond."""
        with self._lock:
            return Connection(native.connect(self._target))

    def close(self) -> None:
        """Release the data folder once every other session is closed."""
        self._keeper.close()


def quote(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_identifier(name: str) -> str:
    """An identifier that may hold any character."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _checked(name: str) -> str:
    if not _SETTING_NAME.match(name):
        raise from_engine(f"Code: 115. DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
    return name
