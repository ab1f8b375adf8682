"""Comparing two JSON schemas from the side of who sends values and from the side of who gets them; pure.

It knows the words that the API's documents use. A pattern or format that has changed counts as narrower, unless it only
lists texts: nobody can tell by machine.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final

Schema = Mapping[str, Any]

# Words that make a schema of values sent narrower when they appear, and when they become smaller or larger.
UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
LETTER: Final = ("pattern", "format")
_LIST: Final = re.compile(r"\^\(([\w/.|-]+)\)\$")  # a pattern that only lists texts: an enumeration by another name
INTEGER: Final = frozenset({"integer", "number"})


class Direction(Enum):
    """Who is hurt by a change: who sends a request that is refused, or who reads an answer that is another."""

    REQUEST = auto()
    RESPONSE = auto()


class Comparison:
    """Two documents, whose `$ref`s are followed. A pair of named schemas is compared once a direction."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old = old
        self.new = new
        self._seen: dict[tuple[Direction, str, str], tuple[str, ...]] = {}

    def of(self, direction: Direction, old: Schema, new: Schema, where: str) -> Iterator[str]:
        """The breaks between two schemas, each after the place of its value or the name of its form."""
        names = (old.get("$ref"), new.get("$ref"))
        if names[0] is None or names[1] is None:
            yield from self._alternatives(direction, old, new, where)
            return
        key = (direction, str(names[0]), str(names[1]))
        if key not in self._seen:
            self._seen[key] = ()  # a form that holds itself
            found, form = self._alternatives(direction, old, new, ""), str(names[0]).rsplit("/", 1)[-1]
            self._seen[key] = tuple(f"{form}{line}" for line in found)
        yield from (f"{where} {line}" for line in self._seen[key])

    def _alternatives(self, direction: Direction, old: Schema, new: Schema, where: str) -> Iterator[str]:
        """Each alternative that is sent must be one that is taken: requests are ours to take, answers ours to send."""
        before, now = _one_of(self.old, old), _one_of(self.new, new)
        if len(before) == len(now) == 1:
            yield from self._pair(direction, before[0], now[0], where)
            return
        sent = before if direction is Direction.REQUEST else now
        for alternative in sent:
            if not self._has_place(direction, alternative, before, now):
                verb = "no longer takes" if direction is Direction.REQUEST else "may now be"
                yield f"{where}: {verb} {_name(alternative)}"

    def _has_place(self, direction: Direction, sent: Schema, before: list[Schema], now: list[Schema]) -> bool:
        pairs = ((sent, each) for each in now) if direction is Direction.REQUEST else ((each, sent) for each in before)
        return any(not list(self._pair(direction, old, new, "")) for old, new in pairs)

    def _pair(self, direction: Direction, old: Schema, new: Schema, where: str) -> Iterator[str]:
        if direction is Direction.REQUEST:
            yield from _narrower(old, new, where)
            yield from self._taken(old, new, where)
        else:
            yield from _wider(old, new, where)
            yield from self._answered(old, new, where)
        for word in ("items", "additionalProperties"):
            before, now = old.get(word), new.get(word)
            if isinstance(before, Mapping) and isinstance(now, Mapping):
                yield from self.of(direction, before, now, f"{where}[]")

    def _taken(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                yield f"{where}.{name}: required now"
        for name, schema in before.items():
            if name in now:
                yield from self.of(Direction.REQUEST, schema, now[name], f"{where}.{name}")
            elif new.get("additionalProperties") is False:
                yield f"{where}.{name}: no longer taken"

    def _answered(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name not in now:
                yield f"{where}.{name}: removed"
                continue
            if name in old.get("required", ()) and name not in new.get("required", ()):
                yield f"{where}.{name}: may now be absent"
            yield from self.of(Direction.RESPONSE, schema, now[name], f"{where}.{name}")


def _one_of(document: Schema, schema: Schema) -> list[Schema]:
    """The alternatives of a schema, references followed; a schema without any is its only one."""
    if "$ref" in schema:
        return _one_of(document, _resolved(document, str(schema["$ref"])))
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return [found for each in schema[word] for found in _one_of(document, each)]
    return [schema]


def _resolved(document: Schema, reference: str) -> Schema:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found if isinstance(found, Mapping) else {}


def _types(schema: Schema) -> frozenset[str] | None:
    """The types that values may have; None where any."""
    found = schema.get("type")
    if found is None:
        return None
    names = frozenset((found,) if isinstance(found, str) else found)
    return names | INTEGER if "number" in names else names


def _values(schema: Schema) -> list[Any] | None:
    """The values of an enumeration or constant; None where any."""
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return None if found is None else list(found)


def _narrower(old: Schema, new: Schema, where: str) -> Iterator[str]:
    """Values that were taken and are not any more."""
    if not _is_within(_types(old), _types(new)):
        yield f"{where}: was {_name(old)}, takes {_name(new)}"
        return
    now = _values(new)
    if now is not None:
        before = _values(old)
        gone = ["others"] if before is None else [str(value) for value in before if value not in now]
        yield from (f"{where}: no longer takes {value}" for value in gone)
    for word in (*UPPER, *LOWER, *LETTER):
        if word in new and _is_stricter(word, old.get(word), new[word]):
            yield f"{where}: {word} was {old.get(word, 'free')}, is {new[word]}"


def _is_stricter(word: str, before: Any, now: Any) -> bool:
    if before is None:
        return True
    if word in LETTER:
        listed, lists = _LIST.fullmatch(before), _LIST.fullmatch(now)
        if listed is not None and lists is not None:
            return not set(listed[1].split("|")) <= set(lists[1].split("|"))
        return bool(before != now)
    return bool(now < before) if word in UPPER else bool(now > before)


def _wider(old: Schema, new: Schema, where: str) -> Iterator[str]:
    """Types that are answered and were not before. New values of an enumeration are no break."""
    if not _is_within(_types(new), _types(old)):
        yield f"{where}: was {_name(old)}, is {_name(new)}"
        return
    before, now = _values(old), _values(new)
    if before is not None and now is not None and not set(map(str, before)) & set(map(str, now)):
        yield f"{where}: was {before}, is {now}"


def _is_within(inner: frozenset[str] | None, outer: frozenset[str] | None) -> bool:
    if outer is None:
        return True
    return inner is not None and inner <= outer


def _name(schema: Schema) -> str:
    """A schema in a few words."""
    values = _values(schema)
    if values is not None:
        return " or ".join(str(value) for value in values)
    title, kind = schema.get("title"), schema.get("type")
    if kind == "object" and title:
        return str(title)
    words = kind if isinstance(kind, str) else " or ".join(kind or ("anything",))
    return f"{words} {schema['format']}" if "format" in schema else words
