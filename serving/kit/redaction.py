"""What no log line may hold: passwords, tokens, keys, cookies; by the name of the field and by the look of the text."""

import re
from collections.abc import Mapping

REDACTED = "[redacted]"
DEEPEST = 6

_NAMES = re.compile(
    r"(authorization|cookie|passw(or)?d|secret|token|api[-_]?key|private[-_]?key|credential|idempotency[-_]?key|dsn)",
    re.IGNORECASE,
)
_LOOKS = re.compile(
    r"(?P<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"  # an Authorization header
    r"|\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"  # a JWT
    r"|\btd_[A-Za-z0-9_-]{12,}"  # an API key
    r"|(?P<argon>\$argon2id?\$)[^\s\"']+"  # a password hash
    r"|(?P<user>://[^:/@\s]+:)[^@\s]+(?=@)"  # a password in a URL
    r"|(?P<pair>\b(?:password|passwd|secret|token|api_key)\s*[=:]\s*[\"']?)[^\s,;\"'}]+",
    re.IGNORECASE,
)
_KEPT = ("scheme", "argon", "user", "pair")
_MARKS = ("earer", "asic ", "eyJ", "td_", "$argon", "://", "assw", "ecret", "oken", "api_key", "EARER", "ASSW", "OKEN")


def redact(value: object, depth: int = 0) -> object:
    """The value with what must not be told replaced, in mappings and sequences too, to a depth of a few."""
    if isinstance(value, str):
        return redact_text(value)
    if depth >= DEEPEST:
        return value if isinstance(value, int | float | bool | None) else redact_text(str(value))
    if isinstance(value, Mapping):
        return {name: redact_field(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return redact_text(value.decode(errors="replace"))
    return value


def redact_field(name: str, value: object, depth: int = 0) -> object:
    """The value of a field; a field whose name tells of a secret is never shown."""
    if _NAMES.search(name) and value is not None and not isinstance(value, bool | int | float):
        return REDACTED
    return redact(value, depth)


def redact_text(text: str) -> str:
    """The text without what looks like a secret."""
    if not any(mark in text for mark in _MARKS):
        return text
    return _LOOKS.sub(_masked, text)


def _masked(found: "re.Match[str]") -> str:
    kept = next((found.group(name) for name in _KEPT if found.group(name)), "")
    return f"{kept}{REDACTED}"
