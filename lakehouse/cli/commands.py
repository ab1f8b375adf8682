"""The commands that go through the whole platform: demo, settings. What they need is imported when they are called."""

from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (demo, settings):
        app.command()(command)


def demo(
    days: Annotated[int, typer.Option(min=1, help="Last trading days that get simulated ticks.")] = 2,
    ticks: Annotated[int, typer.Option(min=1, help="Simulated ticks of a name and day.")] = 500,
) -> None:
    """Start the stack, run real prices through every part of the platform and print the answer.

    Safe to repeat: the same prices are sent again, land again, and give the same numbers.
    """
    from lakehouse.cli.demo.command import show

    show(days=days, ticks=ticks)


def settings(
    write: Annotated[bool, typer.Option("--write", help="Render docs/settings.md of this checkout.")] = False,
) -> None:
    """Print every setting with its default and purpose."""
    from lakehouse.cli.settings_table import markdown
    from lakehouse.settings import project_root

    if write:
        (project_root() / "docs" / "settings.md").write_text(markdown(), encoding="utf-8")
    else:
        Console(soft_wrap=True).print(markdown(), markup=False, highlight=False)
