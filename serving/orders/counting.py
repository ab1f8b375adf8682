"""Metrics of orders and fills; labels are closed sets."""

from prometheus_client import CollectorRegistry, Counter


class OrderCounts:
    """Counters of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.orders = Counter(
            "tidemark_orders", "Orders by what became of them when they were sent.", ("result",), registry=registry
        )
        self.fills = Counter(
            "tidemark_fills", "Reports of fills: booked (success) or refused (failure).", ("status",), registry=registry
        )
        self.expired = Counter("tidemark_orders_expired", "Orders that lapsed.", registry=registry)
