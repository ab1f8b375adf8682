"""`python -m streaming.signals`: turn signals into orders until told to stop."""

import argparse
import signal
import uuid
from collections.abc import Sequence
from dataclasses import replace
from threading import Event, Thread

import structlog
from confluent_kafka import Consumer

from lakehouse import settings as platform
from lakehouse.clock import SystemClock
from lakehouse.contracts.topics.signals import SIGNALS
from lakehouse.errors import TidemarkError
from lakehouse.stores import kafka
from lakehouse.stores.books.order_policy import policy_of
from ml.checks.champion import REFRESH_S, Champion, champion_of
from ml.features.trades import TRADE_FEATURES
from streaming.kit import logs
from streaming.kit.health import HealthServer
from streaming.kit.source import Source
from streaming.signals.deciding import Desk
from streaming.signals.metrics import SignalMetrics
from streaming.signals.processor import Signals
from streaming.signals.reading import Reader

GROUP = "tidemark-signals"

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from a shell; returns the exit status. SIGTERM and SIGINT let the signal in hand finish and end it."""
    options = _parse(arguments)
    logs.configure()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        follow(stop, topic=options.topic, accept_gap=options.accept_gap)
    except TidemarkError as error:
        log.error("signals_failed", kind=type(error).__name__, error=str(error))
        return error.exit_code
    return 0


def follow(stop: Event, *, topic: str, accept_gap: bool) -> None:
    """Decide by the settings until `stop`. Raises SignalsFenced, OffsetGapError, SourceError."""
    settings, clock, metrics = platform.load(), SystemClock(), SignalMetrics()
    contract = replace(SIGNALS, name=topic)
    config = kafka.consumer_config(settings.kafka, f"signals-{uuid.uuid4().hex[:8]}", GROUP)
    source = Source(Consumer(config), topic, clock=clock, metrics=metrics)
    landing = settings.landing
    reader = Reader(contract, max_message_bytes=landing.max_message_bytes, max_future_s=landing.max_future_s)
    champion = champion_of(settings, "trade_surveillance", TRADE_FEATURES)
    Thread(target=_keep_fresh, args=(champion, stop), name="champion", daemon=True).start()
    desk = Desk(policy_of(settings), champion, clock=clock)
    made = Signals(topic, source, reader, desk, clock=clock, metrics=metrics)
    server = HealthServer(
        settings.signals.metrics_port,
        host=settings.signals.metrics_host,
        registry=metrics.registry,
        is_ready=made.ready.is_set,
        setting="TIDEMARK_SIGNALS__METRICS_PORT",
    )
    log.info("started", topic=topic, metrics_port=server.port)
    try:
        made.run(settings.postgres, stop, accept_gap=accept_gap)
    finally:
        source.close()
        server.close()


def _keep_fresh(champion: Champion, stop: Event) -> None:
    """Ask for the model in use now and each minute: the registry is waited for by no signal. However it ends, it sets
    `stop`: who judges by a model that is never asked for again is to start anew."""
    try:
        while not stop.is_set():
            champion.refresh()
            stop.wait(REFRESH_S)
    finally:
        stop.set()  # the interpreter writes the traceback of a thread that fails


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streaming.signals", description="Turn signals into orders.")
    parser.add_argument("--topic", default=SIGNALS.name, help="what the broker calls the topic, where that differs")
    parser.add_argument("--accept-gap", action="store_true", help="go on although messages were lost before reading")
    return parser.parse_args(arguments)
