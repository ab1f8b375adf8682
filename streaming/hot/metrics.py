"""Everything that the hot process measures, named and explained here."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BOUNDS_S: Final = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0)
COMMIT_BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)


class HotMetrics:
    """The hot process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._lag = Gauge(
            "tidemark_hot_lag_messages",
            "Messages on the broker that are not in the journal yet.",
            ["topic", "partition"],
            registry=registry,
        )
        self._skipped = Counter(
            "tidemark_hot_offsets_skipped", "Offsets without a message, or a gap accepted by hand.", registry=registry
        )
        self._paused = Gauge("tidemark_hot_paused", "1 while nothing is read.", registry=registry)
        self.ticks = Counter("tidemark_hot_ticks", "Ticks that were judged.", registry=registry)
        self.late = Counter("tidemark_hot_ticks_late", "Ticks older than the last of their symbol.", registry=registry)
        self._ignored = Counter(
            "tidemark_hot_ticks_ignored", "Messages that were not judged, by reason.", ["reason"], registry=registry
        )
        self.batches = Counter("tidemark_hot_batches", "Batches that were played.", registry=registry)
        self.alerts = Counter("tidemark_hot_alerts", "Alerts that were committed.", registry=registry)
        self.fills = Counter("tidemark_hot_fills", "Fills that were committed.", registry=registry)
        self.trading = Gauge(
            "tidemark_hot_trading",
            "0 while no order is filled, because the desk contradicts PostgreSQL.",
            registry=registry,
        )
        self.changes = Counter("tidemark_hot_changes", "Changes of books, rules and orders.", registry=registry)
        self.latency = Histogram(
            "tidemark_hot_tick_to_redis_seconds",
            "From the broker's time of the oldest tick of a batch until its quotes and alerts are written.",
            buckets=LATENCY_BOUNDS_S,
            registry=registry,
        )
        self.commit = Histogram(
            "tidemark_hot_commit_seconds", "Time of one transaction.", buckets=COMMIT_BOUNDS_S, registry=registry
        )
        self.epoch = Gauge("tidemark_hot_epoch", "How often the shard was taken.", registry=registry)
        self.journal = Gauge("tidemark_hot_journal_number", "Rows of the journal.", registry=registry)
        self.checkpoint = Gauge("tidemark_hot_checkpoint_number", "Journal row of the last state.", registry=registry)
        self.replayed = Gauge("tidemark_hot_replayed_ticks", "Ticks replayed at the start.", registry=registry)
        self._held = Gauge("tidemark_hot_held", "What is watched, by kind.", ["kind"], registry=registry)
        self.asleep = Gauge(
            "tidemark_hot_rules_without_var", "VaR rules that are not judged: no VaR is known.", registry=registry
        )
        self.database_away = Gauge(
            "tidemark_hot_database_away", "1 while PostgreSQL is waited for, and nothing is read.", registry=registry
        )
        self.redis_failures = Counter(
            "tidemark_hot_redis_failures", "Writes that Redis did not take.", registry=registry
        )
        self.redis_rebuilt = Counter("tidemark_hot_redis_rebuilt", "Times that Redis was rebuilt.", registry=registry)

    def skipped(self, topic: str, count: int) -> None:
        del topic
        self._skipped.inc(count)

    def paused(self, topic: str, is_paused: bool) -> None:
        del topic
        self._paused.set(is_paused)

    def lag(self, topic: str, partition: int, messages: int) -> None:
        self._lag.labels(topic, str(partition)).set(messages)

    def ignored(self, found: Mapping[str, int]) -> None:
        """Count messages that were not judged."""
        for reason, count in found.items():
            self._ignored.labels(reason).inc(count)

    def held(self, **counts: int) -> None:
        """What is watched now."""
        for kind, count in counts.items():
            self._held.labels(kind).set(count)

    def written(self, kafka_us: np.ndarray, now_us: int) -> None:
        """A batch is where people see it."""
        if len(kafka_us):
            self.latency.observe(max(0.0, (now_us - int(kafka_us.min())) / 1e6))
