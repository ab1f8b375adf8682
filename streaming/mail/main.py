"""`python -m streaming.mail`: send alerts by e-mail until told to stop."""

import signal
from threading import Event

import structlog

from lakehouse import settings as platform
from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from streaming.kit import logs
from streaming.kit.health import HealthServer
from streaming.mail.mailer import Mailer
from streaming.mail.metrics import MailMetrics
from streaming.mail.records import Records
from streaming.mail.source import AlertSource

log = structlog.get_logger(__name__)


def main() -> int:
    """Run from a shell; returns the exit status. SIGTERM and SIGINT let the mail in hand finish and end it."""
    logs.configure()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        mail(stop)
    except TidemarkError as error:
        log.error("mail_failed", kind=type(error).__name__, error=str(error))
        return error.exit_code
    return 0


def mail(stop: Event) -> None:
    """Send by the settings until `stop`; without a server, only wait. Raises AlertsUnreadable."""
    settings = platform.load()
    section = settings.alerts
    metrics, clock = MailMetrics(), SystemClock()
    source, records = AlertSource(settings.kafka), Records(settings.postgres, clock=clock)
    mailer = Mailer(source, records, section, clock=clock, metrics=metrics)
    server = HealthServer(
        section.metrics_port,
        host=section.metrics_host,
        registry=metrics.registry,
        is_ready=mailer.ready.is_set,
        setting="TIDEMARK_ALERTS__METRICS_PORT",
    )
    log.info("mailing", server=section.smtp_host or "none", metrics_port=server.port)
    try:
        mailer.run(stop)
    finally:
        source.close()
        records.close()
        server.close()
