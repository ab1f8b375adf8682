"""`python -m streaming.landing`: land topics until told to stop."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from threading import Event

import structlog

from lakehouse import settings as platform
from lakehouse.clock import SystemClock
from lakehouse.contracts import topics
from lakehouse.contracts.model import ContractError, Topic
from lakehouse.errors import TidemarkError
from streaming.kit import logs
from streaming.kit.health import HealthServer
from streaming.landing import wiring
from streaming.landing.metrics import LandingMetrics
from streaming.landing.pipeline import Lander, Totals, Until

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from a shell; returns the exit status. SIGTERM and SIGINT commit what is in hand and end it."""
    options = _parse(arguments)
    logs.configure()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        for topic, totals in land(options, stop).items():
            sys.stdout.write(json.dumps({"topic": topic, **asdict(totals)}) + "\n")
    except TidemarkError as error:
        log.error("landing_failed", kind=type(error).__name__, error=str(error))
        return error.exit_code
    return 0


def land(options: argparse.Namespace, stop: Event) -> dict[str, Totals]:
    """Land every topic of the options, each with threads of its own; one failure stops all. Raises its error."""
    settings = platform.load()
    clock, metrics = SystemClock(), LandingMetrics()
    wanted = options.topic or list(topics.TOPICS.values())
    built = {topic.name: wiring.build(settings, topic, clock=clock, metrics=metrics) for topic in wanted}
    landers = {name: lander for name, (lander, _) in built.items()}
    server = HealthServer(
        settings.landing.metrics_port if options.metrics_port is None else options.metrics_port,
        host=settings.landing.metrics_host,
        registry=metrics.registry,
        is_ready=lambda: all(lander.ready.is_set() for lander in landers.values()),
    )
    log.info("started", topics=sorted(landers), metrics_port=server.port)
    try:
        return _run_together(landers, options, stop)
    finally:
        for _, source in built.values():
            source.close()
        server.close()


def _run_together(landers: dict[str, Lander], options: argparse.Namespace, stop: Event) -> dict[str, Totals]:
    until = Until(idle_s=options.until_idle, once=options.once)
    with ThreadPoolExecutor(len(landers), thread_name_prefix="lander") as pool:
        running = {
            name: pool.submit(lander.run, options.partitions, stop=stop, until=until, accept_gap=options.accept_gap)
            for name, lander in landers.items()
        }
        done, _ = wait(running.values(), return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            stop.set()
    return {name: future.result() for name, future in running.items()}


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streaming.landing", description="Land Kafka topics in bronze.")
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        type=_topic,
        metavar="TOPIC[=NAME]",
        help="topic to land, by the name that the broker has for it where that differs; repeatable; default: all",
    )
    parser.add_argument(
        "--partitions", type=_numbers, default=(), help="e.g. 0,1: land these and leave the rest to other landers"
    )
    parser.add_argument("--once", action="store_true", help="stop after what the broker holds now")
    parser.add_argument("--until-idle", type=float, metavar="S", help="stop after S seconds without a message")
    parser.add_argument("--accept-gap", action="store_true", help="go on although messages were lost before landing")
    parser.add_argument("--metrics-port", type=int, help="default: landing.metrics_port; 0: any free port")
    return parser.parse_args(arguments)


def _topic(text: str) -> Topic:
    contract, _, name = text.partition("=")
    try:
        found = topics.topic(contract)
    except ContractError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return replace(found, name=name) if name else found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))
