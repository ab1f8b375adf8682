"""Everything that the relay measures, named and explained here."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BATCH_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


class OutboxMetrics:
    """The relay's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leads = Gauge(
            "tidemark_outbox_leads", "1 where this process relays, 0 where it stands by.", registry=self.registry
        )
        self.waiting = Gauge("tidemark_outbox_waiting_events", "Events not relayed yet.", registry=self.registry)
        self.unknown = Gauge(
            "tidemark_outbox_unknown_topic_events", "Events for topics that no contract knows.", registry=self.registry
        )
        self.age = Gauge(
            "tidemark_outbox_age_seconds", "Age of the oldest event not relayed yet.", registry=self.registry
        )
        self.held = Gauge(
            "tidemark_outbox_held_seconds",
            "For how long the broker has acknowledged nothing of the batch in hand.",
            registry=self.registry,
        )
        self._relayed = Counter(
            "tidemark_outbox_relayed", "Events acknowledged and marked.", ["topic"], registry=self.registry
        )
        self.cut = Counter(
            "tidemark_outbox_cut", "Events sent without their payload, too large for Kafka.", registry=self.registry
        )
        self.removed = Counter(
            "tidemark_outbox_removed", "Relayed events removed after outbox.keep_days.", registry=self.registry
        )
        self.failures = Counter(
            "tidemark_outbox_database_failures", "Times that PostgreSQL did not answer.", registry=self.registry
        )
        self.batch = Histogram(
            "tidemark_outbox_batch_seconds",
            "Time from reading a batch to marking it.",
            buckets=BATCH_BOUNDS_S,
            registry=self.registry,
        )

    def relayed(self, topic: str, count: int) -> None:
        self._relayed.labels(topic).inc(count)
