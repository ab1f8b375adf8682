"""The worked questions as pages: each says what it asks, what the answer means and in which unit, and is listed."""

import re
from pathlib import Path

import pytest

from lakehouse.settings import project_root

FOLDER = project_root() / "docs" / "sql"
QUESTIONS = sorted(FOLDER.glob("*.sql"))
HEADER = re.compile(
    r"-- Question: (?P<question>.+?)\n-- Answer: (?P<answer>.+?)\n-- Units: (?P<units>.+?)\n(?!-- )", re.S
)
LISTED = re.compile(r"^\| \[(?P<name>[^\]]+)\]\((?P<file>[^)]+)\) \| (?P<question>.+) \|$", re.MULTILINE)


def _words(text: str) -> str:
    """Without the marks of a comment that goes on in the next line."""
    return re.sub(r"\s*\n--\s+", " ", text).strip()


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_a_question_opens_with_words(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = HEADER.match(text)
    assert header is not None
    assert _words(header["question"]).endswith("?")
    assert len(_words(header["answer"])) > 40
    assert len(_words(header["units"])) > 20
    assert text.endswith(";\n")
    assert text[header.end() :].count(";\n") == 1, "one statement a file"


def test_the_list_is_the_folder() -> None:
    listed = [found.groupdict() for found in LISTED.finditer((FOLDER / "README.md").read_text(encoding="utf-8"))]
    expected = []
    for path in QUESTIONS:
        header = HEADER.match(path.read_text(encoding="utf-8"))
        assert header is not None, path
        expected.append({"name": path.stem, "file": path.name, "question": _words(header["question"])})
    assert listed == expected


def test_questions_are_numbered_without_a_gap() -> None:
    assert [path.name[:2] for path in QUESTIONS] == [f"{number:02}" for number in range(1, len(QUESTIONS) + 1)]
