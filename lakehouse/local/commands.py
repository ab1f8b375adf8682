"""The commands of the embedded stack: up, down, status, logs, doctor, reset, fetch."""

import signal
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from lakehouse.clock import SystemClock


def register(app: typer.Typer) -> None:
    """Add the commands of the embedded stack to `app`."""
    for command in (up, down):
        app.command()(command)


def up(
    only: Annotated[
        str, typer.Option("--only", help="Comma-separated names: start only these and what they need.")
    ] = "",
) -> None:
    """Bring the embedded stack up and wait until every process is ready. Fetches what is missing."""
    from lakehouse.local import stack, supervisor
    from lakehouse.local.home import Home
    from lakehouse.local.progress import Progress
    from lakehouse.settings import load

    clock, console = SystemClock(), Console(stderr=True)
    ran_before = supervisor.is_running(Home(load().home))
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    begun = clock.monotonic()
    try:
        with Progress(console, clock) as progress:
            started = stack.up(names, progress, clock)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if not ran_before:
            console.print("interrupted: taking down what was started")
            stack.down(clock)
        raise typer.Exit(130) from None
    console.print(f"[green]ready[/] in {clock.monotonic() - begun:.1f} s")
    for spec in started.specs:
        if spec.url and spec.name in stack.wanted(started.home):
            console.print(f"  {spec.name:<20} {spec.url}", highlight=False)
    console.print(f"  endpoints and secrets: {started.home.stack_env}", highlight=False)


def down() -> None:
    """Stop every process of the embedded stack and verify that none is left."""
    from lakehouse.local import stack

    killed = stack.down(SystemClock())
    Console(stderr=True).print("the stack is down" + (f"; {killed} processes had to be killed" if killed else ""))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
