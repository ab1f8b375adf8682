"""Prometheus metrics of the API; labels are bounded: route templates, not paths."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One registry an application, so that two in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tidemark_api_requests", "requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "tidemark_api_request_seconds",
            "seconds from the first byte in to the last byte out",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge("tidemark_api_in_flight", "requests being answered", registry=self.registry)
        self.dependency_up = Gauge(
            "tidemark_api_dependency_up", "1 where the last probe passed", ("dependency",), registry=self.registry
        )
        self.dependency_seconds = Gauge(
            "tidemark_api_dependency_probe_seconds",
            "seconds that the last probe took",
            ("dependency",),
            registry=self.registry,
        )

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. An unknown method is counted as OTHER, or callers could invent labels."""
        known = method if method in METHODS else "OTHER"
        self.requests.labels(known, route, str(status)).inc()
        self.seconds.labels(known, route).observe(seconds)

    def probed(self, *, dependency: str, up: bool, seconds: float) -> None:
        """Record what a readiness probe found."""
        self.dependency_up.labels(dependency).set(int(up))
        self.dependency_seconds.labels(dependency).set(seconds)

    def text(self) -> bytes:
        """The exposition that Prometheus scrapes."""
        return generate_latest(self.registry)
