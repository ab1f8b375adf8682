"""`tidemark sql`: read-only SQL on the marts, as the analyst. What it needs is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

FORMATS = ("table", "csv", "json")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(sql)


def sql(
    statement: Annotated[str, typer.Argument(metavar="[SELECT ...]", help="One statement.", show_default=False)] = "",
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Take the statement from a file.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show the views, and what each is about.")] = False,
    describe: Annotated[
        str, typer.Option(metavar="VIEW", help="Show its columns: meaning, unit, currency, grain, source, refresh.")
    ] = "",
    form: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="How to print the answer.")
    ] = "table",
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="K=V", help="A value for {K:Type} in the statement.")
    ] = None,
) -> None:
    """Ask the marts in ClickHouse, as the analyst: nothing can be changed, and time, memory and rows are bounded.

    Without a statement it reads one from a pipe, or opens a prompt in a terminal. docs/sql has worked questions.
    """
    from lakehouse.cli.sql_session import Asked, answer

    answer(Asked(statement=statement, file=file, listed=listed, describe=describe, form=form, parameters=param or []))
