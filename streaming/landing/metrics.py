"""Everything that the lander measures: a closed set of Prometheus metrics, named and explained here."""

from collections.abc import Iterable, Mapping

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from lakehouse.contracts.reasons import Reason

FRESHNESS_BOUNDS_S = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
COMMIT_BOUNDS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
FLUSH_ROWS_BOUNDS = (1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000)


class LandingMetrics:
    """The lander's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lag = Gauge(
            "tidemark_landing_lag_messages",
            "Messages on the broker that are not committed to bronze yet.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self._paused = Gauge(
            "tidemark_landing_paused",
            "1 while reading is paused because the object store is behind, 0 while messages are read.",
            ["topic"],
            registry=self.registry,
        )
        self._landed = Counter(
            "tidemark_landing_rows_landed", "Rows committed to bronze.", ["topic"], registry=self.registry
        )
        self._quarantined = Counter(
            "tidemark_landing_rows_quarantined",
            "Messages committed to quarantine.",
            ["topic", "reason"],
            registry=self.registry,
        )
        self._skipped = Counter(
            "tidemark_landing_offsets_skipped",
            "Offsets without a message: transaction markers, compaction, or a gap accepted by hand.",
            ["topic"],
            registry=self.registry,
        )
        self._commit = Histogram(
            "tidemark_landing_commit_seconds",
            "Time to upload and commit one flush.",
            ["topic"],
            buckets=COMMIT_BOUNDS_S,
            registry=self.registry,
        )
        self._flush_rows = Histogram(
            "tidemark_landing_flush_rows",
            "Rows of one flush.",
            ["topic"],
            buckets=FLUSH_ROWS_BOUNDS,
            registry=self.registry,
        )
        self._freshness = _Freshness()
        self.registry.register(self._freshness)

    def skipped(self, topic: str, count: int) -> None:
        self._skipped.labels(topic).inc(count)

    def paused(self, topic: str, is_paused: bool) -> None:
        self._paused.labels(topic).set(is_paused)

    def lag(self, topic: str, partition: int, messages: int) -> None:
        self._lag.labels(topic, str(partition)).set(messages)

    def committed(
        self, topic: str, *, rows: int, seconds: float, quarantined: Mapping[Reason, int], ages_s: np.ndarray
    ) -> None:
        """Record one committed flush; `ages_s` is commit time less broker time, one a row."""
        self._landed.labels(topic).inc(rows)
        self._commit.labels(topic).observe(seconds)
        self._flush_rows.labels(topic).observe(rows)
        for reason, count in quarantined.items():
            self._quarantined.labels(topic, reason.value).inc(count)
        self._freshness.observe(topic, ages_s)


class _Freshness(Collector):
    """A histogram that takes a whole array at once: prometheus_client's own takes one number a call."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = {}
        self._sums: dict[str, float] = {}

    def observe(self, topic: str, seconds: np.ndarray) -> None:
        edges = np.searchsorted(FRESHNESS_BOUNDS_S, seconds, side="left")
        found = np.bincount(edges, minlength=len(FRESHNESS_BOUNDS_S) + 1)
        self._counts[topic] = self._counts.get(topic, 0) + found
        self._sums[topic] = self._sums.get(topic, 0.0) + float(seconds.sum())

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "tidemark_landing_freshness_seconds",
            "Age of a message, by its Kafka timestamp, when its commit was done.",
            labels=["topic"],
        )
        for topic, counts in list(self._counts.items()):
            total = np.cumsum(counts).tolist()
            bounds = [*(str(bound) for bound in FRESHNESS_BOUNDS_S), "+Inf"]
            family.add_metric([topic], list(zip(bounds, total, strict=True)), self._sums[topic])
        yield family
