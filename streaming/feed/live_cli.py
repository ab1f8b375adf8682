"""The command `tidemark feed`: live, replayed or simulated ticks onto `market.ticks` until they end or it is told."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings, load
from streaming.feed.assembly import assembled
from streaming.feed.demo import SEED
from streaming.feed.line import Line, LineHealth
from streaming.feed.simulated import PROVIDER as SIMULATED
from streaming.feed.wiring import Wanted
from streaming.kit import logs

_REPORT_S = 30.0
_LOG = structlog.get_logger("feed")


def feed(
    provider: Annotated[
        list[str] | None,
        typer.Option(help="Who delivers, in order of preference (may be given again); replay, simulated, ..."),
    ] = None,
    universe: Annotated[
        str, typer.Option(help="AAPL,MSFT or a .csv file with symbol and, for brokers, exchange and token.")
    ] = "",
    file: Annotated[list[Path] | None, typer.Option(help="Ticks to replay: CSV or Parquet.")] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="Replay and simulation: 1 is as it happened, 0 as fast as it goes.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of simulated ticks.")] = SEED,
    seconds: Annotated[float, typer.Option(min=0, help="End after this time; 0: with the ticks.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Send ticks of a provider to Kafka. Ctrl-C ends it when all that was read is acknowledged.

    A message of the provider that cannot be read, and a price that cannot be, lands in quarantine with its reason.
    """
    logs.configure()
    settings = load()
    wanted = Wanted(
        names=tuple(provider or ()), universe=universe, files=tuple(file or ()), speed=speed or None, seed=seed
    )
    found = asyncio.run(_run(settings, wanted, seconds))
    typer.echo(msgspec.json.encode(found) if as_json else _said(found))


def day(
    speed: Annotated[float, typer.Option(min=1, help="600 plays a trading day in 39 seconds.")] = 600.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Play the last trading day of the demo's prices as if it were now: simulated ticks, which end at its closes."""
    logs.configure()
    found = asyncio.run(_run(load(), Wanted(names=(SIMULATED,), speed=speed, days=1), 0.0))
    typer.echo(msgspec.json.encode(found) if as_json else _said(found))


async def _run(settings: Settings, wanted: Wanted, seconds: float) -> dict[str, object]:
    made = assembled(settings, wanted, clock=SystemClock())
    reporting = asyncio.create_task(_report(made.line))
    try:
        await made.run(seconds=seconds)
    finally:
        reporting.cancel()
    return {
        "sent": dict(made.outlet.sent.ticks),
        "quarantined": dict(made.outlet.sent.rejects),
        "providers": {name: _shown(health) for name, health in made.line.health().items()},
    }


async def _report(together: Line) -> None:
    while True:
        await asyncio.sleep(_REPORT_S)
        _LOG.info("health", **{name: _shown(health) for name, health in together.health().items()})


def _shown(found: LineHealth) -> dict[str, object]:
    counts = found.health
    return {
        "state": found.state.value,
        "stale": found.stale,
        "connects": counts.connects,
        "ticks": counts.ticks,
        "unreadable": counts.rejects,
        "last_error": found.last_error,
    }


def _said(found: dict[str, object]) -> str:
    return "\n".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in found.items())
