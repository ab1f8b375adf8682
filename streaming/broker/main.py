"""`python -m streaming.broker`: orders of routed portfolios to the broker that settings name, until told to stop."""

import asyncio
import signal

import structlog

from lakehouse import settings as platform
from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings
from streaming.broker.metrics import BrokerMetrics
from streaming.broker.processor import Trading
from streaming.broker.wiring import broker_of
from streaming.kit import logs
from streaming.kit.health import HealthServer

log = structlog.get_logger(__name__)


def main() -> int:
    """Run from a shell; returns the exit status. SIGTERM and SIGINT let the step in hand finish and end it."""
    logs.configure()
    try:
        asyncio.run(trade(platform.load()))
    except TidemarkError as error:
        log.error("broker_ended", kind=type(error).__name__, error=str(error))
        return error.exit_code
    return 0


async def trade(settings: Settings) -> None:
    """Trade by the settings until a signal comes; without a broker, only wait. Raises BrokerNameError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    section, clock, metrics = settings.broker, SystemClock(), BrokerMetrics()
    broker = broker_of(section, clock=clock, sleep=asyncio.sleep)
    trading = None
    if broker is not None:
        trading = Trading(
            broker, settings.postgres, clock=clock, sleep=asyncio.sleep, metrics=metrics, poll_s=section.poll_s
        )
    server = HealthServer(
        section.metrics_port,
        host=section.metrics_host,
        registry=metrics.registry,
        is_ready=lambda: trading is None or trading.ready.is_set(),
        setting="TIDEMARK_BROKER__METRICS_PORT",
    )
    log.info("started", broker=section.name or "none", live=section.live, metrics_port=server.port)
    try:
        await (stop.wait() if trading is None else trading.run(stop))
    finally:
        server.close()
