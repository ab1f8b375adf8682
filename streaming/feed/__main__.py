"""`python -m streaming.feed`: an anticipated failure is one line and its exit status, a bug is a traceback."""

import sys

import typer

from lakehouse.errors import TidemarkError
from streaming.feed.cli import app


def main() -> None:
    """Run the command line of the feed."""
    try:
        app(prog_name="python -m streaming.feed")
    except TidemarkError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
