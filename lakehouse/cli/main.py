"""The `tidemark` command."""

import sys

import typer
from rich.console import Console
from rich.text import Text

from lakehouse.cli import (
    actions as actions_command,
    backtest_options as backtest_command,
    books as books_command,
    bootstrap as bootstrap_command,
    chain as chain_command,
    commands as platform_commands,
    freshness as freshness_command,
    login as login_command,
    quality as quality_command,
    rooms,
    run as run_command,
    sql as sql_command,
)
from lakehouse.errors import TidemarkError
from lakehouse.local import commands as local_commands

app = typer.Typer(
    help="Tidemark: a self-hosted data lakehouse for portfolios and risk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# One line a module of lakehouse that brings commands. Rooms above lakehouse stand in pyproject.toml instead, under
# [project.entry-points."tidemark.commands"]: see lakehouse/cli/rooms.py.
local_commands.register(app)
platform_commands.register(app)
bootstrap_command.register(app)
run_command.register(app)
chain_command.register(app)
books_command.register(app)
login_command.register(app)
backtest_command.register(app)
quality_command.register(app)
actions_command.register(app)
freshness_command.register(app)
sql_command.register(app)


def main() -> None:
    """Run the command line. An anticipated failure is one red message and its exit status; a bug is a traceback."""
    try:
        rooms.register(app, sys.argv[1:])
        app()
    except TidemarkError as error:
        Console(stderr=True).print(Text(f"error: {error}", style="red"), soft_wrap=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
