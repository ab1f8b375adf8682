"""The feed as a process of the stack: `python -m streaming.feed run`, providers by the settings alone."""

import asyncio
import signal
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry

from lakehouse.clock import Clock, SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings, load
from lakehouse.stores.providers import Status, Told, tell
from streaming.feed.assembly import assembled
from streaming.feed.line import Line, LineHealth
from streaming.feed.metrics import FeedMetrics
from streaming.feed.policy.breaker import State
from streaming.feed.wiring import Wanted
from streaming.kit import logs
from streaming.kit.health import HealthServer

_TELL_S = 10.0
_LOG = structlog.get_logger("feed")


def run() -> None:
    """Send live prices until told to stop; the providers are those of TIDEMARK_PROVIDERS__ORDER.

    Without any it waits and says so. Health and metrics are on TIDEMARK_PROVIDERS__METRICS_PORT.
    """
    logs.configure()
    settings = load()
    asyncio.run(serve(settings, clock=SystemClock()) if settings.providers.order else _wait(settings))


async def serve(settings: Settings, *, clock: Clock) -> None:
    """Feed until SIGTERM or SIGINT. Raises ProviderNameError, DeliveryError, and Refused where every provider does."""
    made = assembled(settings, Wanted(names=()), clock=clock)
    server = _server(settings, FeedMetrics(made.line.health, made.outlet.sent, made.guard).registry)
    _LOG.info("feeding", providers=list(settings.providers.order), metrics_port=server.port)
    telling = asyncio.create_task(_tell_often(settings, made.line, clock))
    try:
        await made.run()
    finally:
        telling.cancel()
        await asyncio.wait({telling})
        server.close()


def told_of(health: Mapping[str, LineHealth]) -> tuple[Told, ...]:
    """The providers' rows: an open breaker is down; a silent provider, and one that failed just now, is degraded."""
    return tuple(Told(name, _status(found), _newest(found)) for name, found in health.items())


def _status(found: LineHealth) -> Status:
    if found.state is State.OPEN:
        return Status.DOWN
    is_well = found.state is State.CLOSED and not found.stale and found.last_error is None
    return Status.UP if is_well else Status.DEGRADED


def _newest(found: LineHealth) -> datetime | None:
    newest_us = found.health.last_event_time_us
    return None if newest_us is None else datetime.fromtimestamp(newest_us / 1e6, UTC)


async def _tell_often(settings: Settings, line: Line, clock: Clock) -> None:
    """Prices do not wait for PostgreSQL: where it is away, its rows are old, and the metrics are not."""
    while True:
        try:
            await asyncio.to_thread(tell, settings.postgres, told_of(line.health()), clock=clock)
        except TidemarkError as error:
            _LOG.warning("providers not told", error=str(error))
        await asyncio.sleep(_TELL_S)


async def _wait(settings: Settings) -> None:
    server = _server(settings, CollectorRegistry())
    _LOG.info("no provider is named in TIDEMARK_PROVIDERS__ORDER: waiting", metrics_port=server.port)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
    server.close()


def _server(settings: Settings, registry: CollectorRegistry) -> HealthServer:
    section = settings.providers
    return HealthServer(
        section.metrics_port,
        host=section.metrics_host,
        registry=registry,
        is_ready=lambda: True,  # it listens when Kafka has answered; how the providers do, its metrics tell
        setting="TIDEMARK_PROVIDERS__METRICS_PORT",
    )
