"""Enough of ClickHouse's lexer to find where an INSERT's statement ends and which format an answer takes.

It serves convenience only: what a read-only user may run is decided by the engine's own parser (`policy.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
    (?P<skip>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>'(?:[^'\\]|\\.|'')*')
    |(?P<quoted>"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
    |(?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9][A-Za-z0-9_.]*)
    |(?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
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
    """An INSERT whose rows follow its statement: `head` without FORMAT or VALUES, the format, the rows' bytes."""

    head: bytes
    format: str
    data: memoryview


def tokens(sql: bytes) -> Iterator[Token]:
    """Significant tokens in order, read lazily: whatever follows the last one asked for is never looked at."""
    position, depth = 0, 0
    while found := _TOKEN.match(sql, position):
        position = found.end()
        kind = found.lastgroup or "other"
        if kind == "tag":
            kind = "heredoc"
        if kind == "skip":
            continue
        text = found.group()
        if kind == "other" and text in _CLOSE:
            depth -= 1
        yield Token(kind, text, found.start(), found.end(), depth)
        if kind == "other" and text in _OPEN:
            depth += 1


def split_insert(sql: bytes) -> Insert | None:
    """Cut `INSERT ... FORMAT X <rows>` or `INSERT ... VALUES <rows>` in two; None for every other statement.

    Rows start after the format's name, spaces, one optional semicolon and one line break, as the server has it.
    """
    stream = tokens(sql)
    if next((token.word for token in stream), b"") != b"INSERT":
        return None
    after_name = _skip_target(stream)
    for token in after_name:
        if token.depth > 0:
            continue
        if token.word in (b"SELECT", b"WITH", b"INFILE", b"WATCH"):
            return None
        if token.word == b"VALUES":
            return Insert(sql[: token.start], "Values", memoryview(sql)[token.end :])
        if token.word == b"FORMAT":
            return _with_format(sql, token, next(stream, None))
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


def _with_format(sql: bytes, clause: Token, name: Token | None) -> Insert | None:
    if name is None or name.kind != "word":
        return None
    position = name.end
    found = re.compile(rb"[ \t\f]*(?:;[ \t\f]*)?\r?\n?").match(sql, position)
    start = found.end() if found else position
    return Insert(sql[: clause.start], name.text.decode(), memoryview(sql)[start:])
