"""The repository's shape: rooms with a README, small files, no machine's paths or addresses, described settings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from lakehouse.settings import Settings, project_root

MAX_LINES = 400
TOP_LEVEL = {
    *("dags", "spark_jobs", "lakehouse", "serving", "streaming", "ml", "tests", "docs", "deploy", "bench", ".ci"),
    *("docker-compose.yml", "pyproject.toml", "Makefile", "requirements.in", "requirements.lock"),
    *("README.md", "LICENSE", "NOTICE", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *(".gitignore", ".gitattributes", ".dockerignore", ".editorconfig", ".env.example", ".python-version"),
    *(".github", ".pre-commit-config.yaml", "CODE_OF_CONDUCT.md"),
}
CODE_ROOMS = ("dags", "spark_jobs", "serving", "streaming", "ml")
OTHER_ROOMS = ("lakehouse", "bench", "deploy", "tests")
# Split, so that this file holds none of them itself.
PLACES_OF_ONE_MACHINE = re.compile("|".join(("/wo" + r"rk/", "/ro" + r"ot/", "/ho" + r"me/[a-z]", "C:" + r"\\\\Users")))
ADDRESSES_OF_REGISTRIES = re.compile(
    "|".join(
        (
            "py" + r"pi\.org",
            "pythonhosted" + r"\.org",
            "/si" + "mple/",
            "/mav" + "en2/",
            "registry" + r"\.npm",
            "proxy" + r"\.go",
        )
    )
)
CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def rooms() -> Iterator[Path]:
    """Every room that has content: the top ones, and those inside lakehouse."""
    root = project_root()
    inside = (path.parent for path in (root / "lakehouse").glob("*/__init__.py"))
    for room in (*(root / name for name in (*CODE_ROOMS, *OTHER_ROOMS)), *inside):
        if any(path.name != "__init__.py" for path in room.rglob("*.py")):
            yield room.relative_to(root)


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Every setting with its description."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description


def test_the_top_level_is_the_agreed_one(files: tuple[Path, ...]) -> None:
    assert {path.parts[0] for path in files} - TOP_LEVEL == set()


@pytest.mark.parametrize("room", sorted(set(rooms())), ids=str)
def test_every_room_opens_with_a_readme(room: Path) -> None:
    readme = project_root() / room / "README.md"
    nearest = readme if readme.exists() else _of_children(project_root() / room)
    assert nearest.exists(), f"{room} has no README.md"
    text = nearest.read_text()
    if room.parts[0] not in {"bench", "deploy", "tests"}:
        assert "ay import" in text, f"{nearest}: say what the room may import and what it must not"
        assert "ust not" in text, f"{nearest}: say what the room may import and what it must not"


def _of_children(room: Path) -> Path:
    """A room that only holds rooms, such as lakehouse/migrations, is explained by theirs."""
    return next(iter(sorted(room.glob("*/README.md"))), room / "README.md")


def test_no_file_of_code_is_long(sources: dict[Path, str]) -> None:
    long = {str(path): count for path, text in sources.items() if (count := len(text.splitlines())) >= MAX_LINES}
    assert long == {}


def test_every_module_opens_with_its_purpose(sources: dict[Path, str]) -> None:
    silent = [
        str(path) for path, text in sources.items() if text.strip() and not re.match(r'\s*(?:#.*\n|\s)*r?"""', text)
    ]
    assert silent == []


def test_no_text_names_a_place_of_one_machine(texts: dict[Path, str]) -> None:
    assert _places(texts, PLACES_OF_ONE_MACHINE) == []


def test_no_text_names_the_address_of_a_registry(texts: dict[Path, str]) -> None:
    assert _places(texts, ADDRESSES_OF_REGISTRIES) == []


def test_nothing_is_left_unfinished(texts: dict[Path, str]) -> None:
    assert _places(texts, CONFLICT) == []
    assert _places(texts, UNFINISHED) == []


def test_every_setting_is_described() -> None:
    assert [name for name, description in settings_of(Settings) if not description] == []


def test_the_lock_pins_every_requirement_with_hashes() -> None:
    root = project_root()
    wanted = re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", (root / "requirements.in").read_text(), re.MULTILINE)
    pins = re.split(r"\n(?=[a-z0-9])", (root / "requirements.lock").read_text())
    hashed = {match[1] for pin in pins if (match := re.match(r"([a-z0-9._-]+)==\S+", pin)) and "--hash=sha256:" in pin}
    assert {name.lower().replace("_", "-").replace(".", "-") for name in wanted} - hashed == set()
    assert len([pin for pin in pins if re.match(r"[a-z0-9._-]+==", pin) and "--hash=" not in pin]) == 0


def test_decisions_are_numbered_once_and_say_what_follows() -> None:
    records = sorted((project_root() / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in records]
    assert len(set(numbers)) == len(numbers)
    for path in records:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]}: "), path.name
        for part in ("Context", "Decision", "Consequences", "Turned down", "Enforced by"):
            assert f"**{part}.**" in text, f"{path.name} has no {part}"


def _places(texts: dict[Path, str], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
