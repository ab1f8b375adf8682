"""Suppressions of checks are counted, the count only goes down, and each says why it is there."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from lakehouse.settings import project_root

BUDGET = Path("tests/architecture/suppressions.toml")
MIN_REASON = 10
# Written so that this file holds none of them itself.
KINDS = {
    "noqa": re.compile(
        r"#\s*(?:ruff:\s*)?noqa\b(?::\s*(?P<codes>[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*))?(?P<reason>.*)"
    ),
    "type_ignore": re.compile(r"#\s*type:\s*ignore(?:\[(?P<codes>[a-z, -]+)\])?(?P<reason>.*)"),
    "mypy_switch": re.compile(r"^#\s*mypy:(?P<codes>)(?P<reason>.*)", re.MULTILINE),
    "no_cover": re.compile(r"#\s*pragma:\s*(?P<codes>no cover)(?P<reason>.*)"),
    "skip_unconditional": re.compile(r"@pytest\.mark\.(?P<codes>skip)\b(?P<reason>.*)"),
    "xfail": re.compile(r"@pytest\.mark\.(?P<codes>xfail)\b(?P<reason>.*)"),
}

Suppression = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def found(sources: dict[Path, str]) -> list[Suppression]:
    """Kind, place, codes and reason of every suppression."""
    return [
        (kind, f"{path}:{number}", match["codes"] or "", match["reason"].strip(" -:#").strip())
        for path, text in sources.items()
        if path.parent != BUDGET.parent
        for number, line in enumerate(text.splitlines(), start=1)
        for kind, pattern in KINDS.items()
        if (match := pattern.search(line))
    ]


def test_the_count_only_goes_down(found: list[Suppression]) -> None:
    budget = tomllib.loads((project_root() / BUDGET).read_text())
    counted = Counter(kind for kind, *_ in found)
    places = {kind: [where for this, where, *_ in found if this == kind] for kind in KINDS}
    more = {f"{kind}: {counted[kind]}": places[kind] for kind in KINDS if counted[kind] > budget.get(kind, 0)}
    fewer = {kind: counted[kind] for kind in KINDS if counted[kind] < budget.get(kind, 0)}
    assert not more, f"repair the code instead of silencing the check: {more}"
    assert not fewer, f"well done; now lower the numbers in {BUDGET}: {fewer}"


def test_each_names_its_code(found: list[Suppression]) -> None:
    assert [(kind, where) for kind, where, codes, _ in found if kind in {"noqa", "type_ignore"} and not codes] == []


def test_each_gives_a_reason_in_its_line(found: list[Suppression]) -> None:
    assert [(where, reason) for _, where, _, reason in found if len(reason) < MIN_REASON] == []
