"""Everything that the mailer measures, named and explained here."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class MailMetrics:
    """The mailer's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leads = Gauge(
            "tidemark_mail_leads", "1 where this process sends, 0 where it stands by.", registry=self.registry
        )
        self.queued = Counter("tidemark_mail_queued", "Alerts noted, those skipped too.", registry=self.registry)
        self.sent = Counter("tidemark_mail_sent", "Mails that the server took.", registry=self.registry)
        self.told = Counter("tidemark_mail_told", "Alerts in these.", registry=self.registry)
        self.refused = Counter(
            "tidemark_mail_refused", "Mails that the server refused for good.", registry=self.registry
        )
        self.put_off = Counter(
            "tidemark_mail_put_off", "Times that the server told a mail to come again.", registry=self.registry
        )
        self.failures = Counter(
            "tidemark_mail_failures", "Times that the server or PostgreSQL did not answer.", registry=self.registry
        )
