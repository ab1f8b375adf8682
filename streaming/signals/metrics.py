"""Everything that the signals' process measures, named and explained here."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class SignalMetrics:
    """The metrics of the signals' process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.decided = Counter(
            "tidemark_signals_decided", "Signals of which is written what came of them.", registry=self.registry
        )
        self.ordered = Counter("tidemark_signals_ordered", "Orders that they became.", registry=self.registry)
        self.refused = Counter(
            "tidemark_signals_refused", "Signals refused, once a portfolio, by rule.", ["rule"], registry=self.registry
        )
        self.bad = Counter(
            "tidemark_signals_bad", "Messages that are no signal: the lander quarantines them.", registry=self.registry
        )
        self.failures = Counter(
            "tidemark_signals_failures", "Times that PostgreSQL did not answer.", registry=self.registry
        )
        self._skipped = Counter(
            "tidemark_signals_skipped_offsets", "Offsets without a message.", ["topic"], registry=self.registry
        )
        self._paused = Gauge(
            "tidemark_signals_paused", "1 while nothing is read, 0 otherwise.", ["topic"], registry=self.registry
        )
        self._lag = Gauge(
            "tidemark_signals_lag_messages",
            "Messages on the broker that are not decided.",
            ["topic", "partition"],
            registry=self.registry,
        )

    def skipped(self, topic: str, count: int) -> None:
        """Count offsets that will never be read."""
        self._skipped.labels(topic).inc(count)

    def paused(self, topic: str, is_paused: bool) -> None:
        """Say whether the topic is read."""
        self._paused.labels(topic).set(is_paused)

    def lag(self, topic: str, partition: int, messages: int) -> None:
        """Say how far behind a partition is."""
        self._lag.labels(topic, str(partition)).set(messages)
