"""Enough of ClickHouse's lexer to find where an INSERT's statement ends and which format an answer takes.

It serves convenience only: what a read-only user may run is decided by the engine's own parser (`policy.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
    (?P<skip>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>'(?:[^'\\]++|\\.|'')*+')
    |(?P<quoted>"(?:[^"\\]++|\\.|"")*+"|`(?:[^`\\]++|\\.|``)*+`)
    |(?P<heredoc>\$\w*\$)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9][A-Za-z0-9_.]*)
    |(?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_AFTER_FORMAT = re.compile(rb"[ \t\f]*(?:;[ \t\f]*)?\r?\n?")
_OPEN = frozenset((b"(", b"[", b"{"))
_CLOSE = frozenset((b")", b"]", b"}"))


@dataclass(frozen=True, slots=True)
class Token:
    """A significant piece of SQL: `word` is upper case for a bare word and empty otherwise; `depth` counts brackets."""

    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def word(self) -> bytes:
        return self.text.upper() if self.kind == "word" else b""


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose rows follow its statement: up to the columns, its SETTINGS clause, the format, the rows."""

    target: bytes
    settings: bytes
    format: str
    data: memoryview


def tokens(sql: bytes) -> Iterator[Token]:
    """Significant tokens in order, read lazily: whatever follows the last one asked for is never looked at."""
    position, depth = 0, 0
    while found := _TOKEN.match(sql, position):
        kind, position = found.lastgroup or "other", found.end()
        if kind == "heredoc":
            closing = sql.find(found.group(), position)
            position = closing + len(found.group()) if closing >= 0 else found.start() + 1
        if kind == "skip":
            continue
        text = sql[found.start() : position]
        if kind == "other" and text in _CLOSE:
            depth -= 1
        yield Token(kind, text, found.start(), position, depth)
        if kind == "other" and text in _OPEN:
            depth += 1


def split_insert(sql: bytes) -> Insert | None:
    """Cut `INSERT ... FORMAT X <rows>` or `INSERT ... VALUES <rows>` in two; None for every other statement.

    Rows start after the format's name, spaces, one optional semicolon and one line break, as the server has it.
    """
    stream = tokens(sql)
    if next((token.word for token in stream), b"") != b"INSERT":
        return None
    settings_at = 0
    for token in _skip_target(stream):
        if token.depth > 0:
            continue
        if token.word == b"SETTINGS":
            settings_at = token.start
        if token.word in (b"SELECT", b"WITH", b"INFILE", b"WATCH"):
            return None
        if token.word == b"VALUES":
            head = sql[: token.start]
            return Insert(*_cut(head, settings_at), "Values", memoryview(sql)[token.end :])
        if token.word == b"FORMAT":
            name = next(stream, None)
            return _with_format(sql, _cut(sql[: token.start], settings_at), name)
    return None


def output_format(sql: bytes) -> str | None:
    """The format that a trailing FORMAT clause names, or None."""
    found: str | None = None
    previous = b""
    for token in tokens(sql):
        if token.depth == 0 and previous == b"FORMAT" and token.kind == "word":
            found = token.text.decode()
        previous = token.word if token.depth == 0 else b""
    return found


def without_format(sql: bytes) -> bytes:
    """The statement up to its trailing FORMAT clause or semicolon, fit to stand in brackets."""
    end = len(sql)
    previous: Token | None = None
    for token in tokens(sql):
        if token.depth == 0 and token.kind == "word" and previous is not None and previous.word == b"FORMAT":
            end = previous.start
        elif token.depth == 0 and token.text == b";":
            end = min(end, token.start)
        previous = token if token.depth == 0 else None
    return sql[:end]


def selects(sql: bytes) -> bool:
    """Whether the text begins like a SELECT: the engine streams no other statement."""
    return next((token.word for token in tokens(sql) if token.text != b"("), b"") in (b"SELECT", b"WITH", b"FROM")


def inserts_from_input(sql: bytes) -> bool:
    """Whether an INSERT ... SELECT reads the rows that follow it through `input()`."""
    previous, words = b"", iter(tokens(sql))
    if next((token.word for token in words), b"") != b"INSERT":
        return False
    for token in words:
        if previous == b"INPUT" and token.text == b"(":
            return True
        previous = token.word
    return False


def mentions(sql: bytes, first: bytes, second: bytes) -> bool:
    """Whether two bare words stand side by side outside strings, quotes and comments."""
    previous = b""
    for token in tokens(sql):
        if previous == first and token.word == second:
            return True
        previous = token.word
    return False


def _skip_target(stream: Iterator[Token]) -> Iterator[Token]:
    """Pass over INTO, TABLE or FUNCTION and the dotted name, so that a table called `format` is no FORMAT clause."""
    token = next(stream, None)
    while token is not None and token.word in (b"INTO", b"TABLE", b"FUNCTION"):
        token = next(stream, None)
    while token is not None and token.kind in ("word", "quoted"):
        token = next(stream, None)
        if token is None or token.text != b".":
            break
        token = next(stream, None)
    if token is not None:
        yield token
    yield from stream


def _cut(head: bytes, settings_at: int) -> tuple[bytes, bytes]:
    return (head[:settings_at], head[settings_at:]) if settings_at else (head, b"")


def _with_format(sql: bytes, head: tuple[bytes, bytes], name: Token | None) -> Insert | None:
    if name is None or name.kind != "word":
        return None
    found = _AFTER_FORMAT.match(sql, name.end)
    start = found.end() if found else name.end
    return Insert(*head, name.text.decode(), memoryview(sql)[start:])
