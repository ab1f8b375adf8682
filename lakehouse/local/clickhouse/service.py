"""Running a request: the owner's with everything, the analyst's behind its fences."""

import json
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from lakehouse.clock import Clock
from lakehouse.local.clickhouse.config import ANALYST_ROLE
from lakehouse.local.clickhouse.engine import Connection, Engine, Progress, StatementClass, quote_identifier
from lakehouse.local.clickhouse.errors import ClickHouseError, access_denied
from lakehouse.local.clickhouse.lexer import (
    Insert,
    inserts_from_input,
    mentions,
    output_format,
    selects,
    split_insert,
    without_format,
)
from lakehouse.local.clickhouse.limits import ANALYST_QUERY_BYTES, Quota, analyst_settings
from lakehouse.local.clickhouse.native import empty_block
from lakehouse.local.clickhouse.policy import Scope, judge
from lakehouse.local.clickhouse.request import Query
from lakehouse.local.clickhouse.sessions import Sessions
from lakehouse.local.clickhouse.users import Role, User

# The engine streams block by block, each encoded for itself: only these formats may be joined end to end.
STREAMED_FORMATS = frozenset(("CSV", "JSONCompactEachRow", "JSONEachRow", "Native", "RowBinary", "TSV", "TabSeparated"))
UNKNOWN_DATABASE = 81


class Chunks:
    """The bytes of an answer: what is there already, then the rest as the engine makes it."""

    def __init__(self, first: bytes, rest: Generator[bytes, None, None] | None = None) -> None:
        self.first = first
        self._rest = rest
        self._given = not first

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._given:
            self._given = True
            return self.first
        if self._rest is None:
            raise StopIteration
        return next(self._rest)

    def close(self) -> None:
        """Cancel the query if it still runs."""
        if self._rest is not None:
            self._rest.close()


@dataclass
class Answer:
    """A running or finished query. Read `chunks` to the end or not at all, then `close`, always."""

    format: str
    chunks: Chunks
    progress: Progress
    stack: ExitStack = field(repr=False)

    def close(self) -> None:
        """Cancel what still runs and give connection, session and quota back. Safe to call twice."""
        self.stack.close()


class Service:
    """The engine with its sessions and limits. Every method blocks: call them from worker threads."""

    def __init__(self, engine: Engine, *, database: str, clock: Clock) -> None:
        self.engine = engine
        self._database = database
        self.sessions = Sessions(clock, self._open)
        self._quota = Quota(clock)
        with engine.open() as connection:
            names = connection.execute("SELECT lower(name) FROM system.table_functions", "TSVRaw").decode()
        self._table_functions = frozenset(names.split())

    def run(self, user: User, query: Query) -> Answer:
        """Start a query and fetch the beginning of its answer. Raises ClickHouseError, with nothing left running."""
        if not query.text.strip():
            raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: Empty query")
        with ExitStack() as stack:
            if user.role is Role.ANALYST:
                connection, statement = self._analyst_connection(stack, query)
            else:
                connection, statement = self._owner_connection(stack, user, query)
            answer_format, chunks = _start(connection, query, statement)
            stack.callback(chunks.close)
            return Answer(answer_format, chunks, connection.progress, stack.pop_all())

    def close(self) -> None:
        """Close every session, then the engine."""
        self.sessions.close()
        self.engine.close()

    def _open(self) -> Connection:
        """A session of the owner in the marts' database, or in `default` before that exists."""
        connection = self.engine.open()
        try:
            connection.use(self._database)
        except ClickHouseError as error:
            if error.code != UNKNOWN_DATABASE:
                connection.close()
                raise
            connection.use("default")
        return connection

    def _owner_connection(self, stack: ExitStack, user: User, query: Query) -> tuple[Connection, "_Statement"]:
        wish = query.session
        if wish is None:
            connection = stack.enter_context(self._open())
        else:
            connection = self.sessions.acquire(user.name, wish)
            stack.callback(self.sessions.release, user.name, wish, close=query.close_session)
        statement = _owner_statement(connection, query)
        if wish is None:
            connection.set(query.settings)
        else:
            # SET and USE act on the session itself, which must not be under a loan when they do.
            connection.lend({} if statement.controls else query.settings)
        connection.progress = Progress()
        if query.database:
            before = connection.current_database()
            connection.use(query.database)
            if wish is not None:
                stack.callback(_use_again, connection, before)
        for upload in query.uploads:
            table = quote_identifier(upload.name)
            connection.execute(f"CREATE TEMPORARY TABLE {table} ({upload.structure}) ENGINE = Memory")
            stack.callback(connection.execute, f"DROP TEMPORARY TABLE IF EXISTS {table}")
            connection.insert(f"INSERT INTO {table}".encode(), b"", upload.format, upload.data)
        return connection, statement

    def _analyst_connection(self, stack: ExitStack, query: Query) -> tuple[Connection, "_Statement"]:
        """A fresh connection that can only read the marts, for a statement that was judged harmless."""
        stack.enter_context(self._quota.admit())
        if query.uploads:
            raise access_denied("a read-only user may not send external tables")
        if len(query.text) > ANALYST_QUERY_BYTES:
            raise ClickHouseError(62, "SYNTAX_ERROR", f"Max query size exceeded: {ANALYST_QUERY_BYTES} bytes")
        connection = stack.enter_context(self._open())
        scope = Scope(frozenset((self._database,)), query.database or self._database, self._table_functions)
        scope.check_database(scope.current)
        if query.database:
            connection.use(query.database)
        connection.execute(f"SET ROLE {ANALYST_ROLE}")
        connection.set(analyst_settings(query.settings))
        statement = _analyst_statement(connection, query, scope)
        connection.progress = Progress()
        return connection, statement


@dataclass(frozen=True, slots=True)
class _Statement:
    """What kind of statement a request holds; `insert` where rows follow it."""

    kind: StatementClass | None
    insert: Insert | None = None

    @property
    def reads(self) -> bool:
        return self.kind is not None and self.kind.reads_only

    @property
    def writes(self) -> bool:
        return self.insert is not None or (self.kind is not None and self.kind.mutates)

    @property
    def controls(self) -> bool:
        return not self.reads and not self.writes


def _analyst_statement(connection: Connection, query: Query, scope: Scope) -> _Statement:
    found = connection.classify(query.text)
    if found.parsed and not (found.reads_only and found.statements == 1):
        raise access_denied("a read-only user may only run one SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN at a time")
    tree = connection.execute(b"EXPLAIN AST " + query.text, "TSVRaw", query.parameters).decode()
    if not found.parsed:
        raise access_denied("a read-only user may only run a statement that the parser can classify")
    judge(tree, scope)
    return _Statement(found)


def _owner_statement(connection: Connection, query: Query) -> _Statement:
    insert = split_insert(query.text)
    text = query.text if insert is None else insert.target
    if mentions(text, b"INTO", b"OUTFILE") or mentions(text, b"FROM", b"INFILE"):
        raise ClickHouseError(308, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE and FROM INFILE are not allowed over HTTP")
    if any(mentions(text, b"SYSTEM", word) for word in (b"SHUTDOWN", b"KILL", b"SUSPEND")):
        # The engine would signal the whole process group, the supervisor's other children included.
        raise ClickHouseError(344, "SUPPORT_IS_DISABLED", "The process is stopped by `tidemark down`, not by SQL")
    if insert is None and inserts_from_input(text):
        raise ClickHouseError(48, "NOT_IMPLEMENTED", "input() is not served: insert in the rows' own format instead")
    statement = _Statement(None, insert) if insert is not None else _Statement(connection.classify(text))
    if statement.kind is not None and statement.kind.statements > 1:
        raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: Multi-statements are not allowed")
    if statement.writes and not query.may_write:
        reason = "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly: use POST"
        raise ClickHouseError(164, "READONLY", reason)
    return statement


def _use_again(connection: Connection, database: str) -> None:
    """Go back to a session's own database, unless it was dropped meanwhile."""
    try:
        connection.use(database)
    except ClickHouseError as error:
        if error.code != UNKNOWN_DATABASE:
            raise


def _start(connection: Connection, query: Query, statement: _Statement) -> tuple[str, Chunks]:
    """Run the statement up to the first bytes of its answer, so that an early error still has its HTTP status."""
    insert = statement.insert
    if insert is not None and not query.parameters:
        connection.insert(insert.target, insert.settings, insert.format, insert.data)
        return query.default_format, Chunks(b"")
    answer_format = output_format(query.text) or query.default_format
    if statement.reads and not query.wait_end and answer_format in STREAMED_FORMATS and selects(query.text):
        stream = connection.stream(query.text, answer_format, query.parameters)
        chunks = Chunks(next(stream, b""), stream)
    else:
        chunks = Chunks(connection.execute(query.text, answer_format, query.parameters))
    if statement.controls:
        connection.database = None
    if not chunks.first and statement.reads and answer_format == "Native":
        chunks = Chunks(_header_only(connection, query))
    return answer_format, chunks


def _header_only(connection: Connection, query: Query) -> bytes:
    """The Native block without rows that the server sends for an empty answer; the engine sends nothing."""
    statement = without_format(query.text)
    if selects(statement):
        described = connection.execute(b"DESCRIBE TABLE (" + statement + b"\n)", "TSVRaw", query.parameters).decode()
        rows = [row.split("\t") for row in described.splitlines()]
        return empty_block([(row[0], row[1]) for row in rows])
    again = connection.execute(statement + b"\nFORMAT JSONCompact", "JSONCompact", query.parameters)
    return empty_block([(column["name"], column["type"]) for column in json.loads(again)["meta"]])
