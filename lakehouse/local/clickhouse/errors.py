"""Errors as ClickHouse's clients expect them: a number, a name, a sentence and an HTTP status."""

import re
from dataclasses import dataclass

from lakehouse.errors import TidemarkError

_PREFIX = re.compile(r"Code: (?P<code>\d+)\. DB::\w*Exception: ")
_NAME = re.compile(r"[.\s]*\((?P<name>[A-Z][A-Z0-9_]+)\)[.\s]*$")
_VERSION = re.compile(r"[.\s]*\(version [\d.]+(?: \([^()]*\))?\)[.\s]*$")

_BAD_REQUEST = frozenset(
    (6, 8, 15, 25, 26, 27, 36, 38, 41, 42, 43, 44, 53, 62, 69, 70, 72, 117, 131, 167, 168, 223, 374, 456, 457)
)
_NOT_FOUND = frozenset((16, 46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, 372, 511))
_FORBIDDEN = frozenset((192, 193, 497, 512, 516))
_TOO_MANY = frozenset((201, 202))


@dataclass(eq=False)
class ClickHouseError(TidemarkError):
    """A refusal or failure with ClickHouse's own number and name; `status` overrides the usual HTTP status."""

    code: int
    name: str
    message: str
    status: int = 0

    def __str__(self) -> str:
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name})"

    @property
    def http_status(self) -> int:
        """The status that ClickHouse's server sends with this number."""
        return self.status or status_of(self.code)

    def render(self, version: str) -> str:
        """The body of an error answer, one line as the server writes it."""
        return f"{self} (version {version})\n"


def status_of(code: int) -> int:
    """The HTTP status that goes with an error number; 500 where ClickHouse has no better one."""
    groups = (
        (_BAD_REQUEST, 400),
        (_NOT_FOUND, 404),
        (_FORBIDDEN, 403),
        (_TOO_MANY, 429),
        ({194}, 401),
        ({159, 160}, 408),
        ({48}, 501),
        ({209, 439}, 503),
    )
    return next((status for codes, status in groups if code in codes), 500)


def from_engine(text: str) -> ClickHouseError:
    """Read the engine's error text. A text without a number is an unknown exception (1002), never a crash."""
    prefix = _PREFIX.search(text)
    if prefix is None:
        return ClickHouseError(1002, "UNKNOWN_EXCEPTION", text.strip() or "the engine gave no reason")
    message, name = text[prefix.end() :], ""
    # The engine wraps its own errors: "Code: 1. DB::Exception: Code: 1. DB::Exception: why (NAME) (version 1). (NAME)".
    while inner := _PREFIX.match(message):
        message = message[inner.end() :]
    while tail := _NAME.search(message) or _VERSION.search(message):
        name = name or tail.groupdict().get("name") or ""
        message = message[: tail.start()]
    return ClickHouseError(int(prefix["code"]), name or "UNKNOWN_EXCEPTION", message)


def access_denied(what: str) -> ClickHouseError:
    """The refusal that a read-only user gets."""
    return ClickHouseError(497, "ACCESS_DENIED", f"Not enough privileges: {what}")


def bad_arguments(message: str) -> ClickHouseError:
    """A request that contradicts itself."""
    return ClickHouseError(36, "BAD_ARGUMENTS", message)
