"""The commands: `tidemark ingest FILE...`, and `python -m streaming.feed` with `ingest` and `demo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings, load
from streaming.feed import report
from streaming.feed.demo import DemoInput, send_demo
from streaming.feed.ingest import FileReport, Opened, Reading, examine, known_symbols, open_all, send
from streaming.feed.layout import Kind, numeric_fields
from streaming.feed.live_cli import day, feed
from streaming.feed.producer import Acknowledged, Sender
from streaming.feed.rows import Rules
from streaming.feed.service import run
from streaming.feed.settle import PATIENCE_S, LandedCounts, await_landed


class OptionError(TidemarkError):
    """A flag whose value means nothing."""

    exit_code = 2


_DEMO = DemoInput()
_PIPE_WIDTH = 160
app = typer.Typer(help="Feed Tidemark with prices.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(feed)
app.command()(run)
app.command()(day)


@app.command()
def ingest(  # noqa: PLR0913 - one argument a flag
    files: Annotated[
        list[Path], typer.Argument(help="CSV (also .gz, .zst, .bz2) or Parquet files", show_default=False)
    ],
    kind: Annotated[Kind | None, typer.Option(help="What the rows are; by default, what the columns say.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Take a field from this column.")
    ] = None,
    zero_as_missing: Annotated[
        list[str] | None,
        typer.Option("--map-zero-as-missing", metavar="FIELD", help="Read 0 in this field as no value."),
    ] = None,
    provider: Annotated[str, typer.Option(help="Who made the prices.")] = "file",
    currency: Annotated[str, typer.Option(help="ISO 4217 code of a bar's prices.")] = "USD",
    timezone: Annotated[str, typer.Option(help="IANA zone of times that name none.")] = "UTC",
    date_format: Annotated[str | None, typer.Option(help="strptime pattern of days that are not ISO.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="What separates a CSV's columns.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Quarantine symbols that app.instrument lacks.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what is in the files; send nothing.")] = False,
    show: Annotated[int, typer.Option(min=0, help="How many bad rows of a file to print.")] = 20,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Most messages a second: replay slowly.")] = None,
    patience: Annotated[
        float, typer.Option(min=0.1, help="Seconds without progress after which to give up on the lander.")
    ] = PATIENCE_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Send your own daily bars or ticks through Kafka into the lake and account for every row.

    A good row lands in bronze, a bad one in quarantine with its reason, FILE:ROW and its own text.
    Exit status 1 where the rows that went in are not the rows that came out.
    """
    settings = load()
    rules = Rules(
        provider=provider,
        currency=currency,
        timezone=_zone(timezone),
        date_format=date_format,
        zero_as_missing=_numeric(zero_as_missing or []),
        max_future_s=settings.landing.max_future_s,
    )
    reading = Reading(kind=kind, mapping=_mapping(mapping or []), delimiter=delimiter, rules=rules)
    opened = open_all(files, reading)
    if strict:
        rules = replace(rules, known_symbols=known_symbols(settings.postgres))
    if dry_run:
        _examine(opened, rules, show=show, as_json=as_json)
        return
    reports, counts = _send(settings, opened, rules, rate=rate, show=show, patience=patience)
    rows_in = sum(found.rows_in for found in reports)
    adds_up = counts.adds_up and rows_in == counts.produced
    if as_json:
        _echo(
            {
                "rows_in": rows_in,
                **report.landed_object(counts),
                "adds_up": adds_up,
                "files": report.files_object(reports),
            }
        )
    else:
        console = _console()
        report.print_rejects(console, reports)
        report.print_files(console, reports)
        report.print_landed(console, counts)
        report.print_sum(console, rows_in, counts, adds_up=adds_up)
    if not adds_up:
        raise typer.Exit(1)


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=0, help="Last trading days that get simulated ticks.")] = _DEMO.days,
    ticks: Annotated[int, typer.Option(min=1, help="Ticks of a symbol and day.")] = _DEMO.ticks,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated ticks.")] = _DEMO.seed,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Most messages a second.")] = None,
    patience: Annotated[
        float, typer.Option(min=0.1, help="Seconds without progress after which to give up on the lander.")
    ] = PATIENCE_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Send the real daily closes of 20 S&P 500 names and simulated ticks that join them."""
    settings, clock = load(), SystemClock()
    began = clock.monotonic()
    wanted = DemoInput(days, ticks, seed, rate)
    with _progress() as bar:
        task = bar.add_task("sending prices", total=None)
        sent = send_demo(settings.kafka, wanted, clock=clock, on_sent=lambda count: bar.update(task, completed=count))
        counts = _settle(settings, sent, bar, patience)
    if as_json:
        _echo({**report.landed_object(counts), "seconds": round(clock.monotonic() - began, 3)})
    else:
        report.print_landed(_console(), counts)
        report.print_sum(_console(), counts.produced, counts, adds_up=counts.adds_up)
    if not counts.adds_up:
        raise typer.Exit(1)


def _examine(opened: list[Opened], rules: Rules, *, show: int, as_json: bool) -> None:
    reports = [examine(found, rules, clock=SystemClock(), shown=show) for found in opened]
    if as_json:
        _echo({"rows_in": sum(found.rows_in for found in reports), "files": report.files_object(reports)})
        return
    console = _console()
    report.print_rejects(console, reports)
    report.print_files(console, reports)
    console.print("dry run: nothing was sent")


def _send(
    settings: Settings, opened: list[Opened], rules: Rules, *, rate: float | None, show: int, patience: float
) -> tuple[list[FileReport], LandedCounts]:
    clock = SystemClock()
    sender = Sender(settings.kafka, client_id="tidemark-ingest", clock=clock, rate_per_s=rate)
    sender.connect()
    reports: list[FileReport] = []
    with _progress() as bar:
        for found in opened:
            task = bar.add_task(f"sending {found.source.name}", total=None)
            moved = partial(_show_rows, bar, task)
            reports.append(send(found, rules, sender, clock=clock, shown=show, on_rows=moved))
            bar.update(task, total=reports[-1].rows_in, completed=reports[-1].rows_in)
        counts = _settle(settings, sender.finish(), bar, patience)
    return reports, counts


def _settle(settings: Settings, sent: dict[str, Acknowledged], bar: Progress, patience: float) -> LandedCounts:
    task = bar.add_task("landing", total=None)
    return await_landed(
        settings.s3,
        sent,
        clock=SystemClock(),
        patience_s=patience,
        on_progress=lambda done, total: bar.update(task, completed=done, total=total),
    )


def _show_rows(bar: Progress, task: TaskID, found: FileReport) -> None:
    bar.update(task, completed=found.rows_in)


def _console() -> Console:
    """A pipe has no width of its own, and a report cut at 80 columns cannot be searched."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


@contextmanager
def _progress() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress


def _mapping(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise OptionError(f"--map {pair}: write it as FIELD=COLUMN, for instance --map symbol=ticker")
        if name in found:
            raise OptionError(f"--map {pair}: {name} is mapped to {found[name]} already")
        found[name] = column
    return found


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise OptionError(f"--timezone {name}: no IANA zone; write it like America/New_York") from error


def _numeric(names: list[str]) -> frozenset[str]:
    unknown = sorted(set(names) - numeric_fields())
    if unknown:
        known = ", ".join(sorted(numeric_fields()))
        raise OptionError(f"--map-zero-as-missing {unknown[0]}: no number; there are {known}")
    return frozenset(names)


def _echo(found: dict[str, object]) -> None:
    typer.echo(msgspec.json.encode(found))
