"""`python -m streaming.quotes`: write ticks, bars and latest prices until told to stop."""

import argparse
import signal
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import structlog

from lakehouse import settings as platform
from lakehouse.clock import SystemClock
from lakehouse.contracts.topics import TICKS
from lakehouse.errors import TidemarkError
from streaming.kit import logs
from streaming.kit.health import HealthServer
from streaming.quotes import wiring
from streaming.quotes.metrics import QuotesMetrics

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from a shell; returns the exit status. SIGTERM and SIGINT write what is in hand and end it."""
    options = _parse(arguments)
    logs.configure()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        write(stop, topic=options.topic, accept_gap=options.accept_gap)
    except TidemarkError as error:
        log.error("quotes_failed", kind=type(error).__name__, error=str(error))
        return error.exit_code
    return 0


def write(stop: Event, *, topic: str, accept_gap: bool) -> None:
    """Write by the settings until `stop`. Raises WriterFenced, OffsetGapError, SourceError."""
    settings = platform.load()
    metrics = QuotesMetrics()
    made, ends = wiring.build(settings, replace(TICKS, name=topic), clock=SystemClock(), metrics=metrics)
    server = HealthServer(
        settings.quotes.metrics_port,
        host=settings.quotes.metrics_host,
        registry=metrics.registry,
        is_ready=made.ready.is_set,
        setting="TIDEMARK_QUOTES__METRICS_PORT",
    )
    log.info("started", topic=topic, metrics_port=server.port)
    try:
        made.run(stop, accept_gap=accept_gap)
    finally:
        ends.source.close()
        ends.announcer.close()
        server.close()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streaming.quotes", description="Write ticks, bars and quotes.")
    parser.add_argument("--topic", default=TICKS.name, help="what the broker calls market.ticks, where that differs")
    parser.add_argument("--accept-gap", action="store_true", help="go on although messages were lost before reading")
    return parser.parse_args(arguments)
