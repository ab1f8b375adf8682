"""Commands of the rooms above lakehouse: known by entry point, imported only when one is called."""

import ast
import importlib.util
from importlib import metadata
from pathlib import Path

import typer

GROUP = "tidemark.commands"


def register(app: typer.Typer, arguments: list[str], distribution: str = "tidemark") -> None:
    """Add the room's command that `arguments` ask for; else one line for each room's command, for the help page.

    An entry point is `command = "module:function"` or `command = "module:typer_app"`.
    """
    points = {point.name: point for point in metadata.distribution(distribution).entry_points.select(group=GROUP)}
    asked = next((word for word in arguments if not word.startswith("-")), None)
    if asked in points:
        _add(app, str(asked), points[str(asked)].load())
        return
    for name, point in sorted(points.items()):
        app.command(name, help=_summary(point))(_listed)


def _add(app: typer.Typer, name: str, loaded: object) -> None:
    if isinstance(loaded, typer.Typer):
        app.add_typer(loaded, name=name)
    elif callable(loaded):
        app.command(name)(loaded)
    else:
        raise TypeError(f"entry point {name} of {GROUP} is neither a function nor a typer.Typer: {loaded!r}")


def _listed() -> None:
    """Stands for a command on the help page; calling one by name loads the real one."""


def _summary(point: metadata.EntryPoint) -> str:
    """The first line of the function's docstring, read from its source: importing it may take seconds."""
    spec = importlib.util.find_spec(point.module)
    if spec is None or spec.origin is None:
        return f"Not installed: {point.module}."
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    documented = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in tree.body if isinstance(node, documented) and node.name == point.attr]
    text = ast.get_docstring(found[0] if found else tree) or ""
    return text.partition("\n")[0]
