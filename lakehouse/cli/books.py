"""`tidemark books verify`: every portfolio's books, counted again from the transactions and entries."""

import typer
from rich.console import Console

from lakehouse.errors import TidemarkError


class BooksDisagree(TidemarkError):
    """Something stored is not what the transactions and entries say; the findings were printed."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    books = typer.Typer(help="Transactions, lots, cash and the ledger.", no_args_is_help=True)
    books.command()(verify)
    books.callback()(_books)
    app.add_typer(books, name="books")


def _books() -> None:
    """Transactions, lots, cash and the ledger."""


def verify() -> None:
    """Fold every transaction and add up every entry again; print what does not agree with what is stored.

    Ends with status 1 where something was found. Reads one snapshot and blocks nobody.
    """
    from lakehouse.cli.recount_job import count
    from lakehouse.settings import load

    counted = count(load().postgres)
    console = Console(soft_wrap=True, highlight=False)
    for each in counted.findings:
        console.print(
            f"{each.check}: {each.object} of portfolio {each.portfolio_id}: {each.found}, should be {each.expected}",
            markup=False,
        )
    console.print(f"{counted.portfolios} portfolios, {counted.transactions} transactions that fold")
    if not counted.is_clean:
        raise BooksDisagree(
            f"{len(counted.findings)} findings: nothing was changed; reverse or fold again what is named"
        )
