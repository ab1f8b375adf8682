"""The pages for people who run Tidemark: every command, target, port, metric and error that they print exists."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from importlib import metadata
from typing import Any, NamedTuple

import pytest
import typer
import yaml
from typer.core import TyperGroup

from lakehouse.cli import rooms
from lakehouse.cli.main import app
from lakehouse.local.ports import port_names
from lakehouse.settings import StackSettings, project_root

ROOT = project_root()
PAGES = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "serving").rglob("*.md")),
    ROOT / "CONTRIBUTING.md",
)
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
CODE = re.compile(r"^ {4,}(?P<block>\S.*)$|`(?P<inline>[^`\n]+)`", re.MULTILINE)
OPERATORS = frozenset({"|", "||", "&&", ";", ">", ">>", "<", "&"})
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
SOURCES = "\n".join(
    path.read_text()
    for room in ("lakehouse", "streaming", "serving", "spark_jobs")
    for path in (ROOT / room).rglob("*.py")
)


class Printed(NamedTuple):
    """A command as it is printed, and where."""

    page: str
    words: tuple[str, ...]


def _commands(text: str) -> Iterator[tuple[str, ...]]:
    """Every simple command in code of a page: pipes and lists are taken apart, assignments in front left out."""
    for found in CODE.finditer(text):
        lexer = shlex.shlex(found["block"] or found["inline"], posix=True, punctuation_chars=True)
        lexer.wordchars += "$:{}[]@%^!,+"
        try:
            words = list(lexer)
        except ValueError:  # prose in backticks with a lone quote is no command
            continue
        command: list[str] = []
        for word in [*words, ";"]:
            if word in OPERATORS or set(word) <= set("|&;<>()"):
                yield from _inner(command)
                command = []
            elif command or not re.match(r"^[A-Z_0-9]+=", word):
                command.append(word)


def _inner(command: list[str]) -> Iterator[tuple[str, ...]]:
    """A command, or what it runs in a container."""
    if command[:2] == ["docker", "compose"] and "tidemark" in command:
        yield tuple(command[command.index("tidemark") :])
    elif command:
        yield tuple(command)


def _printed(*programs: str) -> list[Printed]:
    return [
        Printed(path.relative_to(ROOT).as_posix(), words)
        for path in PAGES
        for words in _commands(path.read_text())
        if words[0] in programs
    ]


def _deployed() -> Iterator[Printed]:
    """Commands of the containers."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for name, service in compose["services"].items():
        yield Printed(f"docker-compose.yml {name}", tuple(service.get("command", ())))
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")):
        for found in yaml.safe_load_all(path.read_text()):
            pod: dict[str, Any] = found.get("spec", {}).get("template", {}).get("spec", {})
            for container in pod.get("containers", ()):
                yield Printed(f"{path.name} {container['name']}", tuple(container["args"]))
    for words in re.findall(r"\.venv/bin/(tidemark .+?)(?: \\|$| &&)", (ROOT / "deploy" / "Dockerfile").read_text()):
        yield Printed("deploy/Dockerfile", tuple(words.split()))


TIDEMARK = [
    *_printed("tidemark", ".venv/bin/tidemark"),
    *(found for found in _deployed() if found.words and found.words[0] == "tidemark"),
]


def _root() -> TyperGroup:
    """The whole command line, with the commands of the rooms above lakehouse."""
    whole = typer.Typer()
    whole.registered_commands = list(app.registered_commands)
    whole.registered_groups = list(app.registered_groups)
    points = metadata.distribution("tidemark").entry_points.select(group=rooms.GROUP)
    for point in points:
        rooms.register(whole, [point.name])
    group = typer.main.get_command(whole)
    assert isinstance(group, TyperGroup)
    return group


ROOT_COMMAND = _root()


def _id(printed: Printed) -> str:
    return f"{printed.page}: {' '.join(printed.words)}"


@pytest.mark.parametrize("printed", sorted(set(TIDEMARK)), ids=_id)
def test_a_tidemark_command_parses(printed: Printed) -> None:
    arguments = list(printed.words[1:])
    if not arguments:
        return  # the name alone, in a sentence
    with ROOT_COMMAND.make_context("tidemark", [], resilient_parsing=True) as context:
        name, command, rest = ROOT_COMMAND.resolve_command(context, arguments)
        assert command is not None, name
        if "--help" not in rest:
            command.make_context(name, rest, parent=context, resilient_parsing=len(arguments) == 1)


def test_pages_print_commands_at_all() -> None:
    assert len(TIDEMARK) > 30


@pytest.mark.parametrize("printed", sorted(set(_printed("make"))), ids=_id)
def test_a_make_target_exists(printed: Printed) -> None:
    assert {word for word in printed.words[1:] if "=" not in word} <= TARGETS


@pytest.mark.parametrize("printed", sorted(set(_printed("python", ".venv/bin/python"))), ids=_id)
def test_a_python_module_or_file_exists(printed: Printed) -> None:
    words = printed.words
    if words[1] == "-m" and not words[2].isupper():  # MODULE stands for any
        assert importlib.util.find_spec(words[2]) is not None
    elif words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file()


def test_flags_of_the_lander_exist() -> None:
    source = (ROOT / "streaming" / "landing" / "main.py").read_text()
    flags = {
        word for found in _printed(".venv/bin/python") if "streaming.landing" in found.words for word in found.words
    }
    assert {flag for flag in flags if flag.startswith("--") and f'"{flag}"' not in source} == set()


def test_the_ports_are_those_of_the_settings() -> None:
    rows = re.findall(r"^\| [^|]+ \| (\d+) \| `TIDEMARK_STACK__([A-Z0-9_]+)` \|", RUNBOOK, flags=re.MULTILINE)
    defaults = StackSettings()
    assert {name.lower(): int(port) for port, name in rows} == {name: getattr(defaults, name) for name in port_names()}


def test_every_process_has_an_entry() -> None:
    headings = set(re.findall(r"^## ([a-z0-9-]+)", RUNBOOK, flags=re.MULTILINE))
    sources = "".join(path.read_text() for path in (ROOT / "lakehouse" / "local").glob("processes_*.py"))
    named = set(re.findall(r'name="([a-z0-9-]+)"', sources)) | set(
        re.findall(r'_airflow\(context, "([a-z-]+)"', sources)
    )
    processes = {name if f'name="{name}"' in sources else f"airflow-{name}" for name in named}
    assert processes <= headings, processes - headings


def test_errors_and_metrics_that_pages_name_are_in_the_code() -> None:
    text = "".join(page.read_text() for page in PAGES)
    errors = set(re.findall(r"`([A-Z][A-Za-z]+Error)`", text)) - {"OutOfMemoryError"}
    assert {name for name in errors if f"class {name}(" not in SOURCES} == set()
    metrics = set(re.findall(r"\btidemark_(?:landing|api)_[a-z_]+[a-z]", text))
    known = {re.sub(r"_(total|sum|count|bucket)$", "", name) for name in metrics}
    assert {name for name in known if f'"{name}"' not in SOURCES} == set()


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
