"""The commands of the embedded stack: up, down, status, logs, doctor, reset, fetch.

What they need is imported inside them: the engines' clients take a second that `tidemark --help` should not.
"""

import json
from typing import Annotated

import typer
from rich.console import Console

from lakehouse.clock import SystemClock

LEVEL_STYLE = {"ok": "green", "warning": "yellow", "error": "red"}
MIB = 1024**2
WIDE = 140
INTERRUPTED = 130
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands of the embedded stack to `app`."""
    for command in (up, down, status, logs, doctor, reset, fetch):
        app.command()(command)


def up(
    only: Annotated[
        str, typer.Option("--only", help="Comma-separated names: start only these and what they need.")
    ] = "",
) -> None:
    """Bring the embedded stack up and wait until every process is ready. Fetches what is missing."""
    from lakehouse.local import stack, starting

    clock, console = SystemClock(), Console(stderr=True)
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    begun = clock.monotonic()
    try:
        started = starting.bring_up(names, console, clock)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    console.print(f"[green]ready[/] in {clock.monotonic() - begun:.1f} s")
    for spec in started.specs:
        if spec.url and spec.name in stack.wanted(started.home):
            console.print(f"  {spec.name:<12} {spec.url}", highlight=False)
    console.print(f"  endpoints and secrets: {started.home.stack_env}", highlight=False)


def down() -> None:
    """Stop every process of the embedded stack and verify that none is left."""
    from lakehouse.local import stack

    killed = stack.down(SystemClock())
    Console(stderr=True).print("the stack is down" + (f"; {killed} processes had to be killed" if killed else ""))


def status(as_json: Json = False) -> None:
    """Show every process, and what waits for it and goes through it. Exit status 0 when all are ready, else 1."""
    from lakehouse.local import flow, stack, status as reading
    from lakehouse.local.views import status_table
    from lakehouse.settings import load

    found = reading.read(load(), stack.existing())
    found = found.with_flows(flow.measure(found.processes, SystemClock()))
    if as_json:
        typer.echo(json.dumps(found.document(), indent=2))
    else:
        console = Console()
        if not console.is_terminal:
            console = Console(width=WIDE)
        console.print(status_table(found))
        for process in found.processes:
            if process.problem:
                console.print(f"[red]{process.name}[/]: ", process.problem, highlight=False, markup=True)
        if found.processes:
            console.print(f"memory in all: {found.pss_bytes / MIB:,.0f} MiB (PSS)")
    raise typer.Exit(0 if found.ready else 1)


def logs(
    name: Annotated[str, typer.Argument(help="A process, as `tidemark status` names it.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is appended.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 200,
) -> None:
    """Print the last lines of a process's log."""
    from lakehouse.local import logs as reading
    from lakehouse.local.home import Home
    from lakehouse.local.install.tools import tail
    from lakehouse.settings import load

    path = reading.path_of(Home(load().home), name)
    typer.echo(tail(path, lines))
    if follow:
        try:
            for text in reading.follow(path, SystemClock()):
                typer.echo(text, nl=False)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def doctor(as_json: Json = False) -> None:
    """Check this machine, what was fetched and every engine. Exit status 0: well, 1: warnings, 2: errors."""
    from lakehouse.local import doctor as checks
    from lakehouse.settings import load

    findings = checks.examine(load(), SystemClock())
    if as_json:
        typer.echo(json.dumps(checks.document(findings), indent=2))
    else:
        console = Console()
        for finding in findings:
            style = LEVEL_STYLE[finding.level]
            console.print(
                f"[{style}]{finding.level:<8}[/] {finding.name:<22}", finding.detail, highlight=False, soft_wrap=True
            )
            if finding.remedy:
                console.print(f"{'':<31} -> {finding.remedy}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(checks.exit_code(findings))


def reset(yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False) -> None:
    """Take the stack down and remove its data, secrets and logs. Fetched engines stay in the cache."""
    from lakehouse.local import stack
    from lakehouse.settings import load

    if not yes:
        typer.confirm(f"Remove all data, secrets and logs in {load().home}?", abort=True)
    removed = stack.reset(SystemClock())
    Console(stderr=True).print(f"removed what the stack kept in {removed}", highlight=False)


def fetch() -> None:
    """Fetch and build every engine that is missing in the cache, without starting anything."""
    from lakehouse.local import stack
    from lakehouse.local.progress import Progress

    clock, console = SystemClock(), Console(stderr=True)
    with Progress(console, clock) as progress:
        stack.fetch_all(progress)
    console.print("every engine is in the cache")
