"""The `tidemark` command."""

import sys
from importlib import metadata

import typer
from rich.console import Console
from rich.text import Text

from lakehouse.cli import commands as platform_commands
from lakehouse.errors import TidemarkError
from lakehouse.local import commands as local_commands

ENTRY_POINTS = "tidemark.commands"

app = typer.Typer(
    help="Tidemark: a self-hosted data lakehouse for portfolios and risk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# One line a module of lakehouse that brings commands. Rooms above lakehouse stand in pyproject.toml instead, under
# [project.entry-points."tidemark.commands"]: command name = "module:typer_app_or_function".
local_commands.register(app)
platform_commands.register(app)


def main() -> None:
    """Run the command line. An anticipated failure is one red message and its exit status; a bug is a traceback."""
    try:
        _register_rooms(app, sys.argv[1:])
        app()
    except TidemarkError as error:
        Console(stderr=True).print(Text(f"error: {error}", style="red"))
        sys.exit(error.exit_code)


def _register_rooms(target: typer.Typer, arguments: list[str]) -> None:
    """Import the command of a room when it is asked for, and all of them only for the help page."""
    asked = next((word for word in arguments if not word.startswith("-")), None)
    if asked in {_name(command.name, command.callback) for command in target.registered_commands}:
        return
    points = {point.name: point for point in metadata.distribution("tidemark").entry_points.select(group=ENTRY_POINTS)}
    for name in (asked,) if asked in points else sorted(points):
        loaded = points[str(name)].load()
        if isinstance(loaded, typer.Typer):
            target.add_typer(loaded, name=name)
        else:
            target.command(name)(loaded)


def _name(given: str | None, callback: object) -> str:
    return given or getattr(callback, "__name__", "").replace("_", "-")


if __name__ == "__main__":
    main()
