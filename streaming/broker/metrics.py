"""Everything that the broker's process measures, named and explained here."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class BrokerMetrics:
    """The metrics of the broker's process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leads = Gauge(
            "tidemark_broker_leads", "1 where this process trades, 0 where it stands by.", registry=self.registry
        )
        self.open = Gauge("tidemark_broker_open_orders", "Orders that the broker has.", registry=self.registry)
        self.in_doubt = Gauge(
            "tidemark_broker_orders_in_doubt",
            "Orders that were sent, and of which the broker has not said whether it has them.",
            registry=self.registry,
        )
        self.differences = Gauge(
            "tidemark_broker_differences",
            "What broker and books do not agree on and nobody has accepted: it stops trading.",
            registry=self.registry,
        )
        self.cash = Gauge(
            "tidemark_broker_cash", "Cash of the account at the broker.", ["currency"], registry=self.registry
        )
        self.sent = Counter("tidemark_broker_sent", "Orders sent.", registry=self.registry)
        self.rejected = Counter(
            "tidemark_broker_rejected", "Orders that the broker would not have.", registry=self.registry
        )
        self.booked = Counter(
            "tidemark_broker_booked", "Trades of the broker that were booked.", registry=self.registry
        )
        self.refused = Counter(
            "tidemark_broker_refused_trades", "Times that the books refused a trade.", registry=self.registry
        )
        self.failures = Counter(
            "tidemark_broker_failures",
            "Times that the broker or PostgreSQL did not answer as it should.",
            ["kind"],
            registry=self.registry,
        )
