"""Prometheus metrics of the API; labels are bounded: route templates, not paths; closed sets, not what callers send.

Each process has its own: with serving.workers above one a scrape sees one worker, so scale by processes with a port
each where the numbers matter. What is counted in PostgreSQL is the same in all of them: take the maximum, not the sum.
"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
AGE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)

Counts = Mapping[str, int]
Pools = Callable[[], Mapping[str, Counts]]


class Metrics:
    """One registry an application, so that two in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("http_requests", "Requests answered.", "method", "route", "status")
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Seconds from the first byte in to the last byte out.",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = self._gauge("http_requests_in_flight", "Requests being answered.")
        self.dependency_up = self._gauge("tidemark_dependency_up", "1 where the last probe passed.", "dependency")
        self.dependency_seconds = self._gauge(
            "tidemark_dependency_probe_seconds", "Seconds that the last probe took.", "dependency"
        )
        self.draining = self._gauge("tidemark_api_draining", "1 from the moment that the API is told to stop.")
        self.jobs = self._counter("tidemark_risk_jobs", "Risk jobs that ended.", "status")
        self.background_failures = self._counter(
            "tidemark_background_failures", "Times that work beside the requests failed and was begun again.", "work"
        )
        self.sockets = self._gauge("websocket_connections", "Open sockets.", "endpoint")
        self.frames = self._counter("websocket_frames", "Frames sent.", "endpoint")
        self.closed = self._counter("websocket_closed", "Sockets closed by the server.", "endpoint", "reason")
        self.conflated = self._counter(
            "websocket_conflated", "Quotes that a newer one of the same symbol replaced.", "endpoint"
        )
        self.slow_clients = self._counter(
            "tidemark_slow_clients",
            "Connections closed whose request did not arrive, or whose answer was not read, in time.",
            "part",
        )
        self.tick_age = Histogram(
            "tidemark_tick_age_seconds",
            "Seconds from a quote's as_of to its arrival in this process; what was read at the start is not counted.",
            buckets=AGE_BUCKETS_S,
            registry=self.registry,
        )
        self.books = BookCounts()
        self.registry.register(self.books)

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. An unknown method is counted as OTHER, or callers could invent labels."""
        known = method if method in METHODS else "OTHER"
        self.requests.labels(known, route, str(status)).inc()
        self.seconds.labels(known, route).observe(seconds)

    def probed(self, *, dependency: str, up: bool, seconds: float) -> None:
        """Record what a readiness probe found."""
        self.dependency_up.labels(dependency).set(int(up))
        self.dependency_seconds.labels(dependency).set(seconds)

    def watch_pools(self, pools: Pools) -> None:
        """Show the connection pools as they are when Prometheus asks."""
        self.registry.register(_PoolCollector(pools))

    def text(self) -> bytes:
        """The exposition that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)


class BookCounts(Collector):
    """What the books hold, as the last look at PostgreSQL found it: whoever wrote it, also other processes."""

    def __init__(self) -> None:
        self.executions: Counts = {}
        self.alerts: Counts = {}
        self.positions: int | None = None
        self.outbox_age_s: float | None = None

    def collect(self) -> Iterable[Metric]:
        executions = CounterMetricFamily(
            "trade_executions", "Fills booked since the beginning, by side.", labels=["side"]
        )
        for side, count in self.executions.items():
            executions.add_metric([side], count)
        alerts = CounterMetricFamily(
            "risk_alerts", "Orders under surveillance, payments reviewed or blocked.", labels=["kind"]
        )
        for kind, count in self.alerts.items():
            alerts.add_metric([kind], count)
        yield executions
        yield alerts
        # Counted rows, but of a state that also falls: a gauge by nature, named as the issue names it.
        yield _single("portfolio_positions_total", "Positions held in all portfolios.", self.positions)
        yield _single("outbox_age_seconds", "Age of the oldest event not relayed to Kafka yet.", self.outbox_age_s)


class _PoolCollector(Collector):
    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        kinds = {
            "pool_size": ("postgres_pool_connections", "Connections open."),
            "pool_available": ("postgres_pool_idle_connections", "Connections that nobody uses."),
            "requests_waiting": ("postgres_pool_waiting_requests", "Requests that wait for a connection."),
        }
        found = self._pools()
        for key, (name, text) in kinds.items():
            family = GaugeMetricFamily(name, text, labels=["pool"])
            for pool, stats in found.items():
                family.add_metric([pool], stats.get(key, 0))
            yield family


def _single(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """A gauge without a sample until there is one: unknown is not zero."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family
