"""Everything that the feed measures, named and explained here; read from its parts whenever it is asked for."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streaming.feed.line import LineHealth
from streaming.feed.outlet import Sent
from streaming.feed.policy.breaker import State
from streaming.feed.policy.plausibility import Guard

_GAUGES: Mapping[str, tuple[str, Callable[[LineHealth], float | None]]] = {
    "tidemark_feed_silent_seconds": (
        "Trading time since a provider was last heard of; 0 for one whose exchange never closes.",
        lambda found: found.silent_s,
    ),
    "tidemark_feed_in_use": ("1 for the provider whose stream is read.", lambda found: float(found.in_use)),
    "tidemark_feed_quota_ratio": (
        "Share of a provider's requests that may be sent at once; absent without a quota.",
        lambda found: None if found.health.quota is None else found.health.quota(),
    ),
    "tidemark_feed_last_event_time_seconds": (
        "Time of a provider's newest tick, in seconds since 1970.",
        lambda found: None if found.health.last_event_time_us is None else found.health.last_event_time_us / 1e6,
    ),
}
_COUNTERS: Mapping[str, tuple[str, Callable[[LineHealth], int]]] = {
    "tidemark_feed_connects": ("Streams that were begun.", lambda found: found.health.connects),
    "tidemark_feed_received_ticks": ("Ticks received.", lambda found: found.health.ticks),
    "tidemark_feed_unreadable_messages": (
        "Messages that no tick could be made of.",
        lambda found: found.health.rejects,
    ),
    "tidemark_feed_failures": ("Failures of a provider.", lambda found: found.failures),
    "tidemark_feed_failovers": ("Times that another provider took over.", lambda found: found.failovers),
}


class FeedMetrics(Collector):
    """The feed's metrics, in a registry of their own. `health` says how the providers do."""

    def __init__(self, health: Callable[[], Mapping[str, LineHealth]], sent: Sent, guard: Guard | None) -> None:
        self._health = health
        self._sent = sent
        self._guard = guard
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Every family, at this moment."""
        found = self._health()
        for name, (doc, read) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, doc, labels=["provider"])
            for provider, health in found.items():
                if (value := read(health)) is not None:
                    gauge.add_metric([provider], value)
            yield gauge
        for name, (doc, count) in _COUNTERS.items():
            counter = CounterMetricFamily(name, doc, labels=["provider"])
            for provider, health in found.items():
                counter.add_metric([provider], count(health))
            yield counter
        yield self._breakers(found)
        yield self._held(found)
        yield from self._outgoing()

    @staticmethod
    def _breakers(found: Mapping[str, LineHealth]) -> Metric:
        family = GaugeMetricFamily(
            "tidemark_feed_breaker", "1 for the state that a provider's breaker is in.", labels=["provider", "state"]
        )
        for provider, health in found.items():
            for state in State:
                family.add_metric([provider, state.value], float(health.state is state))
        return family

    def _held(self, found: Mapping[str, LineHealth]) -> Metric:
        held = {} if self._guard is None else self._guard.held_by()
        family = GaugeMetricFamily("tidemark_feed_held_ticks", "Doubtful ticks held back.", labels=["provider"])
        for provider in found:
            family.add_metric([provider], held.get(provider, 0))
        return family

    def _outgoing(self) -> Iterable[Metric]:
        sent = CounterMetricFamily("tidemark_feed_sent_ticks", "Ticks sent to Kafka.", labels=["provider"])
        for provider, count in dict(self._sent.ticks).items():
            sent.add_metric([provider], count)
        yield sent
        refused = CounterMetricFamily(
            "tidemark_feed_rejected", "Messages sent to quarantine, by reason.", labels=["reason"]
        )
        for reason, count in dict(self._sent.rejects).items():
            refused.add_metric([reason], count)
        yield refused
