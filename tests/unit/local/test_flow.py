"""Lag and rates of the stack's processes, from what their metrics say a moment apart."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from lakehouse.clock import ManualClock
from lakehouse.local.flow import measure
from lakehouse.local.status import Flow, ProcessStatus, StackStatus
from streaming.kit.health import HealthServer


class Passing(ManualClock):
    """While it is waited for, messages go through."""

    def __init__(self, done: Counter) -> None:
        super().__init__(datetime(2022, 12, 28, tzinfo=UTC))
        self._done = done

    def sleep(self, seconds: float) -> None:
        self._done.labels("a").inc(500)
        super().sleep(seconds)


@contextmanager
def process(name: str, registry: CollectorRegistry) -> Iterator[ProcessStatus]:
    server = HealthServer(0, registry=registry, is_ready=lambda: True)
    url = f"http://127.0.0.1:{server.port}/metrics"
    try:
        yield ProcessStatus(name, "RUNNING", ready=True, pid=1, uptime_s=9, restarts=0, url=url)
    finally:
        server.close()


def test_what_waits_is_summed_over_partitions_and_what_went_through_is_told_a_second() -> None:
    registry = CollectorRegistry()
    waits = Gauge("tidemark_hot_lag_messages", "", ["topic", "partition"], registry=registry)
    done = Counter("tidemark_hot_ticks", "", ["kind"], registry=registry)
    waits.labels("market.ticks", "0").set(3)
    waits.labels("market.ticks", "1").set(4)
    done.labels("b").inc(7)

    with process("hot", registry) as hot:
        other = replace(hot, name="redis")
        stopped = replace(hot, name="quotes", ready=False)
        away = replace(hot, name="landing", url="http://127.0.0.1:9/metrics")
        flows = measure([hot, other, stopped, away], Passing(done))

    assert flows == {"hot": Flow(7, 500.0)}
    found = StackStatus({}, (hot, other), 0).with_flows(flows)
    assert [each.flow for each in found.processes] == [Flow(7, 500.0), None]
    assert '"lag": 7, "per_s": 500.0' in json.dumps(found.document())


def test_a_feed_has_a_rate_and_nothing_that_waits() -> None:
    registry = CollectorRegistry()
    done = Counter("tidemark_feed_sent_ticks", "", ["provider"], registry=registry)

    with process("feed", registry) as feed:
        assert measure([feed], Passing(done)) == {"feed": Flow(None, 500.0)}
