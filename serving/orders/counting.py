"""Metrics of orders and fills; labels are closed sets."""

from prometheus_client import CollectorRegistry, Counter, Histogram

FILL_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)


class OrderCounts:
    """Counters of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.orders = Counter(
            "tidemark_orders", "Orders by what became of them when they were sent.", ("result",), registry=registry
        )
        self.fills = Counter(
            "tidemark_fills", "Reports of fills: booked (success) or refused (failure).", ("status",), registry=registry
        )
        self.fill_seconds = Histogram(
            "tidemark_order_fill_seconds",
            "Seconds from an order's acceptance to the trade of each fill booked by this process.",
            buckets=FILL_BUCKETS_S,
            registry=registry,
        )
        self.expired = Counter("tidemark_orders_expired", "Orders that lapsed.", registry=registry)
