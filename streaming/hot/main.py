"""`python -m streaming.hot`: judge ticks until told to stop."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from threading import Event
from typing import Final

import structlog

from lakehouse import settings as platform
from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from streaming.hot import verify_report, warm, wiring
from streaming.hot.metrics import HotMetrics
from streaming.hot.verify import WAIT_S, Origin
from streaming.kit import logs
from streaming.kit.health import HealthServer

SWITCH_S: Final = 0.0005
"""How long a thread that reads books may keep the loop waiting."""

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from a shell; returns the exit status. SIGTERM and SIGINT commit what was played and end it."""
    options = _parse(arguments)
    logs.configure()
    sys.setswitchinterval(SWITCH_S)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        if options.command == "verify":
            return verify(stop, Origin(options.origin), wait_s=options.wait)
        run(stop, wiring.Accept(gap=options.accept_gap, orders=options.accept_orders))
    except TidemarkError as error:
        log.error("hot_failed", kind=type(error).__name__, error=str(error))
        return error.exit_code
    return 0


def run(stop: Event, accept: wiring.Accept) -> None:
    """Run by the settings until `stop`. Raises Fenced, Stopped, SourceError, OffsetGapError, ReplayImpossible,
    StateUnreadable, FollowerEnded, CheckpointsEnded."""
    settings = platform.load()
    metrics, ready = HotMetrics(), Event()
    server = HealthServer(
        settings.hot.metrics_port,
        host=settings.hot.metrics_host,
        registry=metrics.registry,
        is_ready=ready.is_set,
        setting="TIDEMARK_HOT__METRICS_PORT",
    )
    try:
        with asyncio.Runner() as runner:
            warm.up()
            built = wiring.build(settings, runner, stop, accept=accept, clock=SystemClock(), metrics=metrics)
            log.info("judging", metrics_port=server.port)
            try:
                built.run(stop, ready)
            finally:
                built.close()
    finally:
        server.close()


def verify(stop: Event, origin: Origin, *, wait_s: float) -> int:
    """Compare what was caused with a recomputation, and tell it; 0 where they are equal, 1 where not, or where bronze
    lacks ticks that the journal names. Raises as `verifying.recompute` does: JobExit.UNAVAILABLE where ticks have not
    landed yet."""
    # Imported here: it brings the lake's libraries along, which the hot process has no use for.
    from streaming.hot.verifying import recompute

    with asyncio.Runner() as runner:
        found = recompute(platform.load(), runner, stop, clock=SystemClock(), origin=origin, wait_s=wait_s)
    sys.stdout.writelines(f"{line}\n" for line in verify_report.lines(found, origin))
    return 0 if found.is_exact and not found.lacks else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m streaming.hot", description="Marks, alerts and simulated fills, within milliseconds."
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=("run", "verify"),
        default="run",
        help="verify: recompute alerts and fills from the journal and the ticks, count the books again, and compare",
    )
    parser.add_argument(
        "--accept-gap",
        action="store_true",
        help="go on although ticks that the journal names are gone from the broker, or no state can be read",
    )
    parser.add_argument(
        "--accept-orders",
        action="store_true",
        help="go on although orders contradict the journal: they are as PostgreSQL has them",
    )
    parser.add_argument(
        "--from",
        dest="origin",
        choices=[each.value for each in Origin],
        default=Origin.BRONZE.value,
        help="verify: where ticks are read again; the topic has those that its retention has left",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=WAIT_S,
        metavar="SECONDS",
        help="verify: how long the lander may take to come up to the journal; exit status 75 where it does not",
    )
    return parser.parse_args(arguments)
