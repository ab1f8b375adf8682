"""`tidemark chain verify`: the whole chain against itself, the ledger and an anchor that was kept elsewhere."""

import asyncio
import re
from typing import Annotated

import typer
from rich.console import Console

from lakehouse.errors import TidemarkError

_ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class ChainBroken(TidemarkError):
    """Something in the chain is not as it was written; the findings were printed."""


class AnchorError(TidemarkError):
    """An anchor that is not INDEX:HASH."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    chain = typer.Typer(help="The chain of coin transfers.", no_args_is_help=True)
    chain.command()(verify)
    chain.callback()(_chain)
    app.add_typer(chain, name="chain")


def _chain() -> None:
    """The chain of coin transfers."""


def verify(
    anchor: Annotated[
        str | None, typer.Option(metavar="INDEX:HASH", help="A head that an earlier run printed and you have kept.")
    ] = None,
) -> None:
    """Compute every hash of the chain again and compare it with the ledger; print each finding and the head.

    Ends with status 1 where something was found. Keep the head outside of the database: given as --anchor later, it
    finds a chain that was rewritten as a whole.
    """
    from psycopg import AsyncConnection

    from lakehouse.settings import load
    from lakehouse.stores import postgres
    from lakehouse.stores.books.chain_check import Anchor, Report, verify

    match = _ANCHOR.fullmatch(anchor) if anchor is not None else None
    if anchor is not None and match is None:
        raise AnchorError(f"{anchor!r} is no anchor: give INDEX:HASH as an earlier run printed it")
    kept = None if match is None else Anchor(int(match[1]), bytes.fromhex(match[2]))

    async def main() -> Report:
        conninfo = postgres.conninfo_of(load().postgres)
        async with await AsyncConnection.connect(conninfo) as connection, connection.transaction():
            return await verify(connection, anchor=kept)

    report = asyncio.run(main())
    console = Console(soft_wrap=True)
    for finding in report.findings:
        place = "ledger" if finding.block_index is None else f"block {finding.block_index}"
        subject = "" if finding.transaction_id is None else f" transaction {finding.transaction_id}"
        console.print(f"{place}{subject} {finding.field}: {finding.detail}", highlight=False, markup=False)
    head = "empty" if report.head is None else f"{report.head.index}:{report.head.hash.hex()}"
    console.print(f"head {head}", highlight=False, markup=False)
    if not report.is_valid:
        raise ChainBroken(f"{len(report.findings)} thing(s) in the chain are not as they were written")
