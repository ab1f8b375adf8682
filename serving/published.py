"""`tidemark api-schema`: the documents that clients are made from, committed in docs/api and compared with a baseline.

`baseline.json` holds the shapes of the last release, without their words. What breaks a client of it must be named in
`breaks.toml` with its reason, or a test fails.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings, project_root
from serving.app import create_app
from serving.kit.compatibility import asyncapi_breaks, openapi_breaks
from serving.sockets import asyncapi

FOLDER: Final = project_root() / "docs" / "api"
BASELINE: Final = FOLDER / "baseline.json"
BREAKS: Final = FOLDER / "breaks.toml"
# Words that bind no client: left out of the baseline.
WORDS: Final = frozenset(
    {"description", "summary", "examples", "example", "title", "tags", "info", "x-enum-varnames", "license", "servers"}
)

Document = Mapping[str, Any]


class ContractBroken(TidemarkError):
    """Clients of the last release would fail, and nobody has said that this is wanted."""


def documents() -> dict[str, Document]:
    """What the code publishes now, by the names of the files: of default settings, which no document depends on."""
    app = create_app(Settings(), clock=SystemClock())
    return {"openapi": app.openapi(), "asyncapi": asyncapi.build(app.version)}


def text_of(document: Document) -> str:
    """A document as it is committed: its own order, a line for each value, so that a diff says what has changed."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def shapes(node: Any, *, are_names: bool = False) -> Any:
    """A document without what binds no client. Members of `properties` and the like are names, not words."""
    if isinstance(node, Mapping):
        return {
            name: shapes(child, are_names=name in {"properties", "schemas"} and not are_names)
            for name, child in node.items()
            if are_names or name not in WORDS
        }
    return [shapes(child) for child in node] if isinstance(node, list) else node


def breaks(baseline: Document, now: Document) -> list[str]:
    """Whatever fails for a client of the baseline, a line each."""
    return [
        *openapi_breaks(baseline["openapi"], now["openapi"]),
        *asyncapi_breaks(baseline["asyncapi"], now["asyncapi"]),
    ]


def accepted() -> dict[str, str]:
    """The breaks that are wanted, with their reasons."""
    found = tomllib.loads(BREAKS.read_text(encoding="utf-8"))["accepted"]
    return {str(line): str(reason) for line, reason in found.items()}


def api_schema(
    write: Annotated[bool, typer.Option("--write", help="Render docs/api/openapi.json and asyncapi.json.")] = False,
    release: Annotated[bool, typer.Option("--release", help="Make what is published now the next baseline.")] = False,
) -> None:
    """Compare the API's documents with the last release's; with --write, render them into docs/api."""
    now = documents()
    if write or release:
        for name, document in now.items():
            _put(FOLDER / f"{name}.json", text_of(document))
    if release:
        _put(
            BASELINE, json.dumps(shapes(now), separators=(",", ":"), ensure_ascii=False).replace('},"', '},\n"') + "\n"
        )
    console = Console(soft_wrap=True)
    found = breaks(json.loads(BASELINE.read_text(encoding="utf-8")), now)
    for line in found:
        console.print(line, markup=False, highlight=False)
    unnamed = [line for line in found if line not in accepted()]
    if unnamed:
        raise ContractBroken(
            f"{len(unnamed)} changes break clients of the last release. Keep what they use beside what is new, "
            "or name each line with its reason in docs/api/breaks.toml"
        )
    console.print(f"no break that is not named in {BREAKS.name}", markup=False)


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
