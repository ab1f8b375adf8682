"""List, add and retire the keys that sign access tokens."""

from typing import Annotated

import typer
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.settings import load
from serving.auth import keys

CLOCK = SystemClock()
auth = typer.Typer(help="Keys that sign access tokens.", no_args_is_help=True, pretty_exceptions_enable=False)


@auth.command("keys")
def list_keys() -> None:
    """List the signing keys; the newest signs, all of them verify."""
    ring = keys.load(keys.folder_of(load()))
    for kid in sorted(ring.keys):
        Console().print(f"{kid}{'  signs' if kid == ring.signing.kid else ''}", highlight=False)


@auth.command("rotate-key")
def rotate_key() -> None:
    """Add a key, which signs from now on. Retire the old one when its last token has expired (15 minutes)."""
    kid = keys.add(keys.folder_of(load()), CLOCK)
    Console().print(f"added {kid}: running APIs sign with it within seconds", highlight=False)


@auth.command("retire-key")
def retire_key(kid: Annotated[str, typer.Argument(help="id of the key")]) -> None:
    """Remove a key: its tokens are refused within seconds."""
    keys.retire(keys.folder_of(load()), kid)
    Console().print(f"removed {kid}", highlight=False)
