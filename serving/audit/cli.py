"""Verify the audit log: no row was changed, removed or invented."""

from collections.abc import Iterator
from typing import Annotated, Final, LiteralString

import psycopg
import typer
from psycopg.rows import class_row
from rich.console import Console

from lakehouse.errors import TidemarkError
from lakehouse.settings import load
from lakehouse.stores import postgres
from serving.audit.chain import Flaw, Link, flaws

ROWS: Final[LiteralString] = """
    SELECT id, occurred_at, actor_id, actor_kind, action, object_kind, object_id, before, after, request_id, address,
        chain, seq, previous_hash, hash
    FROM audit.event ORDER BY chain, seq
"""
HEADS: Final[LiteralString] = """
    SELECT DISTINCT ON (chain) chain, seq, encode(hash, 'hex') FROM audit.event ORDER BY chain, seq DESC
"""
BATCH = 2000

audit = typer.Typer(help="The audit log.", no_args_is_help=True, pretty_exceptions_enable=False)


class AuditBroken(TidemarkError):
    """The audit log is not what was written."""


@audit.callback()
def _group() -> None:
    """The audit log."""


@audit.command()
def verify(
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="CHAIN:SEQ:HASH", help="a head that an earlier run printed: finds removed ends of chains"),
    ] = None,
) -> None:
    """Recompute every hash. Prints the head of each chain: keep them elsewhere, and give them to a later run.

    Exit status 1 names the first row of each chain that is missing, changed or invented.
    """
    with postgres.connect(load().postgres) as connection:
        found = check(connection)
        heads = [f"{chain}:{seq}:{digest}" for chain, seq, digest in connection.execute(HEADS)]
        found += [flaw for head in expect or () if (flaw := _unmet(connection, head)) is not None]
    for head in heads:
        Console().print(head, highlight=False, soft_wrap=True)
    if found:
        raise AuditBroken("; ".join(f"chain {flaw.chain}, row {flaw.seq}: {flaw.reason}" for flaw in found))
    Console().print("every row is what was written", highlight=False)


def check(connection: psycopg.Connection) -> list[Flaw]:
    """The first flaw of each chain."""
    return list(flaws(_rows(connection)))


def _rows(connection: psycopg.Connection) -> Iterator[Link]:
    with connection.cursor("audit_rows", row_factory=class_row(Link)) as cursor:
        cursor.itersize = BATCH
        cursor.execute(ROWS)
        yield from cursor


def _unmet(connection: psycopg.Connection, head: str) -> Flaw | None:
    chain, _, rest = head.partition(":")
    seq, _, digest = rest.partition(":")
    if not (chain.isdigit() and seq.isdigit() and digest):
        raise AuditBroken(f"{head!r} is not CHAIN:SEQ:HASH")
    row = connection.execute(
        "SELECT encode(hash, 'hex') FROM audit.event WHERE chain = %s AND seq = %s", (int(chain), int(seq))
    ).fetchone()
    if row is None:
        return Flaw(int(chain), int(seq), "it is gone, with all that followed")
    return None if row[0] == digest else Flaw(int(chain), int(seq), "it is not the row that was noted")
