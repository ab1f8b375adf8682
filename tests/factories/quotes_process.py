"""The quotes' process for tests: a topic and a database of their own, ticks into the one, rows out of the other."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakehouse.clock import SystemClock
from lakehouse.contracts.model import Topic
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings, inherited_environment, project_root
from lakehouse.stores import kafka, postgres
from streaming.quotes import wiring
from streaming.quotes.metrics import QuotesMetrics
from tests.factories.tick_days import BarKey, PlainBar, Tick, message

CLOCK = SystemClock()
WAIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Market:
    """A topic of market.ticks' contract, and the settings of the engines that its ticks go to."""

    settings: Settings
    topic: Topic

    def send(self, ticks: Iterable[Tick | bytes]) -> None:
        """Produce in order, keyed by symbol, and wait until all are acknowledged."""
        producer = Producer(kafka.producer_config(self.settings.kafka, "test"))
        for number, tick in enumerate(ticks):
            value = tick if isinstance(tick, bytes) else message(tick)
            key = b"" if isinstance(tick, bytes) else tick["symbol"].encode()
            producer.produce(self.topic.name, value=value, key=key)
            if number % 1000 == 0:
                producer.poll(0)
        assert producer.flush(WAIT_S) == 0

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with postgres.connect(self.settings.postgres) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def count(self) -> int:
        """Ticks of the topic that are written."""
        (found,) = self.rows(
            "SELECT coalesce(sum(next_offset), 0)::bigint FROM market.quote_progress WHERE topic = %s", self.topic.name
        )
        return int(found[0])

    def wait_for(self, messages: int) -> None:
        """Until so many messages of the topic are settled."""
        until(lambda: self.count() >= messages, f"{messages} messages settled")

    def bars(self) -> dict[BarKey, PlainBar]:
        rows = self.rows(
            "SELECT symbol, interval, starts_at, open, high, low, close, volume FROM market.bar "
            "WHERE interval IN ('1m', '5m')"
        )
        return {(row[0], row[1], row[2]): PlainBar(*row[3:]) for row in rows}


def market_of(settings: Settings, *, partitions: int = 4) -> Market:
    """A fresh topic."""
    topic = replace(TICKS, name=f"test.ticks.{uuid.uuid4().hex[:10]}")
    admin = AdminClient(kafka.client_config(settings.kafka, "test"))
    admin.create_topics([NewTopic(topic.name, num_partitions=partitions, replication_factor=1)])[topic.name].result(
        WAIT_S
    )
    until(lambda: _is_led(admin, topic.name, partitions), "the topic is known to the broker")
    quotes = settings.quotes.model_copy(update={"keep_days": 36_500})  # ticks of tests are of one day for ever
    return Market(settings.model_copy(update={"quotes": quotes}), topic)


@contextmanager
def writing_here(market: Market) -> Iterator[QuotesMetrics]:
    """The process's loop in a thread while the block runs; an error of it is raised at the end."""
    metrics, stop = QuotesMetrics(), Event()
    made, ends = wiring.build(market.settings, market.topic, clock=CLOCK, metrics=metrics)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(made.run, stop)
        try:
            until(lambda: made.ready.is_set() or running.done(), "the process is ready")
            if not running.done():
                yield metrics
        finally:
            stop.set()
            wait([running], WAIT_S)
            ends.source.close()
            ends.announcer.close()
    running.result()


def _is_led(admin: AdminClient, name: str, partitions: int) -> bool:
    found = admin.list_topics(name, timeout=WAIT_S).topics[name]
    return found.error is None and len(found.partitions) == partitions


def start_quotes(market: Market, **more: str) -> "subprocess.Popen[str]":
    """The process; its log, one JSON object a line, is on stderr."""
    settings = market.settings
    return subprocess.Popen(
        [sys.executable, "-m", "streaming.quotes", "--topic", market.topic.name],
        cwd=project_root(),
        env={
            **inherited_environment(),
            "TIDEMARK_HOME": str(settings.home),
            "TIDEMARK_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
            "TIDEMARK_POSTGRES__PORT": str(settings.postgres.port),
            "TIDEMARK_POSTGRES__USER": settings.postgres.user,
            "TIDEMARK_POSTGRES__DATABASE": settings.postgres.database,
            "TIDEMARK_REDIS__PORT": str(settings.redis.port),
            "TIDEMARK_REDIS__PASSWORD": settings.redis.password.get_secret_value(),
            "TIDEMARK_QUOTES__METRICS_PORT": "0",
            "TIDEMARK_QUOTES__KEEP_DAYS": str(settings.quotes.keep_days),
            "TIDEMARK_QUOTES__FLUSH_INTERVAL_S": "0.05",
            **more,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def until_said(process: "subprocess.Popen[str]", event: str) -> None:
    """Read the process's log until it says `event`."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{") and json.loads(line)["event"] == event:
            return
    raise AssertionError(f"the process ended before it said {event}")


def until(passes: Callable[[], bool], what: str) -> None:
    """Wait until a question is answered with yes."""
    deadline_s = CLOCK.monotonic() + WAIT_S
    while not passes():
        assert CLOCK.monotonic() < deadline_s, f"not within {WAIT_S:.0f} s: {what}"
        CLOCK.sleep(0.05)
