"""`python -m streaming.outbox`: relay events until told to stop."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from threading import Event

import structlog

from lakehouse import settings as platform
from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from streaming.kit import logs
from streaming.kit.health import HealthServer
from streaming.outbox import wiring
from streaming.outbox.metrics import OutboxMetrics

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from a shell; returns the exit status. SIGTERM and SIGINT let the batch in hand finish and end it."""
    options = _parse(arguments)
    logs.configure()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        relayed = relay(stop, once=options.once)
    except TidemarkError as error:
        log.error("relay_failed", kind=type(error).__name__, error=str(error))
        return error.exit_code
    sys.stdout.write(json.dumps({"relayed": relayed}) + "\n")
    return 0


def relay(stop: Event, *, once: bool) -> int:
    """Relay by the settings until `stop`, or once what waits. Returns how many events. Raises DeliveryError."""
    settings = platform.load()
    metrics = OutboxMetrics()
    made, ends = wiring.build(settings, clock=SystemClock(), metrics=metrics)
    server = HealthServer(
        settings.outbox.metrics_port,
        host=settings.outbox.metrics_host,
        registry=metrics.registry,
        is_ready=made.ready.is_set,
        setting="TIDEMARK_OUTBOX__METRICS_PORT",
    )
    log.info("relaying", topics=wiring.relayed_topics(), metrics_port=server.port)
    try:
        return made.run(stop, once=once)
    finally:
        ends.sink.close()
        ends.source.close()
        server.close()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streaming.outbox", description="Relay events to Kafka.")
    parser.add_argument("--once", action="store_true", help="stop after what waits now")
    return parser.parse_args(arguments)
