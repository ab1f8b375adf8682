"""The dashboard asks for metrics that the code measures, by labels that they have."""

import json
import re
from collections import Counter

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from lakehouse.contracts.reasons import Reason
from lakehouse.settings import project_root
from serving.kit.metrics import Metrics
from serving.orders.counting import OrderCounts
from streaming.broker.metrics import BrokerMetrics
from streaming.feed.line import LineHealth
from streaming.feed.metrics import FeedMetrics
from streaming.feed.outlet import Sent
from streaming.feed.policy.breaker import State
from streaming.feed.port import Health
from streaming.hot.metrics import HotMetrics
from streaming.landing.metrics import LandingMetrics
from streaming.mail.metrics import MailMetrics
from streaming.outbox.metrics import OutboxMetrics
from streaming.quotes.metrics import QuotesMetrics
from streaming.signals.metrics import SignalMetrics

DASHBOARD = json.loads((project_root() / "deploy" / "grafana" / "tidemark.json").read_text())
NAME = r"\b((?:tidemark|http|trade|portfolio|risk|outbox|postgres|websocket)_[a-z_]+)"
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def _landing() -> CollectorRegistry:
    metrics = LandingMetrics()
    metrics.lag("market.ticks", 0, 1)
    metrics.paused("market.ticks", True)
    metrics.skipped("market.ticks", 1)
    metrics.committed("market.ticks", rows=1, seconds=0.1, quarantined={Reason.OVERSIZED: 1}, ages_s=np.array([0.1]))
    return metrics.registry


def _outbox() -> CollectorRegistry:
    metrics = OutboxMetrics()
    metrics.relayed("order.events", 1)
    return metrics.registry


def _feed() -> CollectorRegistry:
    health = LineHealth(
        state=State.CLOSED,
        stale=False,
        health=Health(quota=lambda: 1.0, last_event_time_us=1),
        last_error=None,
        silent_s=0.0,
        failures=0,
        failovers=0,
        in_use=True,
    )
    sent = Sent(Counter({"yahoo": 1}), Counter({"future_time": 1}))
    return FeedMetrics(lambda: {"yahoo": health}, sent, None).registry


def _hot() -> CollectorRegistry:
    metrics = HotMetrics()
    metrics.lag("market.ticks", 0, 1)
    return metrics.registry


def _quotes() -> CollectorRegistry:
    metrics = QuotesMetrics()
    metrics.lag("market.ticks", 0, 1)
    return metrics.registry


def _signals() -> CollectorRegistry:
    metrics = SignalMetrics()
    metrics.lag("trading.signals", 0, 1)
    return metrics.registry


def _broker() -> CollectorRegistry:
    metrics = BrokerMetrics()
    metrics.failures.labels("broker").inc()
    return metrics.registry


def _api() -> CollectorRegistry:
    metrics = Metrics()
    metrics.watch_pools(lambda: {"read": {"pool_size": 1}})
    metrics.books.executions, metrics.books.alerts = {"buy": 1}, {"surveillance": 1}
    metrics.books.positions, metrics.books.outbox_age_s = 1, 0.0
    OrderCounts(metrics.registry)
    metrics.sockets.labels("/ws/quotes").set(1)
    metrics.answered(method="GET", route="/x", status=200, seconds=0.1)
    metrics.probed(dependency="postgres", up=True, seconds=0.1)
    return metrics.registry


def _exposed() -> dict[str, set[str]]:
    """Every sample name that the processes expose, with its labels."""
    found: dict[str, set[str]] = {}
    processes = (
        _landing(),
        _outbox(),
        _hot(),
        _quotes(),
        _signals(),
        MailMetrics().registry,
        _broker(),
        _feed(),
        _api(),
    )
    for registry in processes:
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _kept(expression: str) -> set[str]:
    """The labels that the query groups by."""
    return {label.strip() for group in re.findall(r"by \(([^)]+)\)", expression) for label in group.split(",")}


def test_every_metric_of_the_dashboard_is_measured() -> None:
    asked = {name for text in EXPRESSIONS for name in re.findall(NAME, text)}
    assert asked
    assert asked - set(_exposed()) == set()


def test_every_label_of_the_dashboard_exists() -> None:
    exposed = _exposed()
    for text in EXPRESSIONS:
        (name,) = set(re.findall(NAME, text))
        assert _kept(text) <= exposed[name], text


def test_legends_use_labels_that_the_query_keeps() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert shown <= _kept(target["expr"])


def test_panels_are_numbered_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
