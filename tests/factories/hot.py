"""Hot processes, the ticks that they read and what they wrote, for tests on real engines."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from lakehouse.clock import SystemClock, epoch_us
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings, inherited_environment, project_root
from lakehouse.stores import kafka, postgres
from tests.factories.ports import free_port

CLOCK = SystemClock()
START_S = 240.0
ALERTS = """
    SELECT a.rule_id::text, a.subject, a.sequence, (extract(epoch FROM a.at) * 1000000)::bigint, a.value, a.bound,
           a.tick_partition, a.tick_offset
    FROM alerting.alert AS a ORDER BY 1, 2, 3
"""
Message = tuple[str, bytes]
"""Key and value."""


@dataclass(slots=True)
class HotProcess:
    """A hot process of its own; its log, one JSON object a line, is in `log`."""

    settings: Settings
    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def metric(self, name: str) -> float:
        """The sum of a metric's samples; -1 where the process does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
                lines = answer.read().decode().splitlines()
        except (URLError, OSError):
            return -1.0
        return sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def is_ready(self) -> bool:
        """Whether it judges ticks."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=30) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(START_S)

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.process.terminate()
        return self.process.wait(START_S)


def start(settings: Settings, folder: Path, *words: str) -> HotProcess:
    """A process by the settings; `words` are another program than the hot process's own. It is not ready yet."""
    port, log = free_port(), folder / f"hot-{uuid4().hex[:6]}.log"
    environment = {
        **inherited_environment(),
        "TIDEMARK_HOME": str(settings.home),
        "TIDEMARK_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "TIDEMARK_S3__LAKE_BUCKET": settings.s3.lake_bucket,
        "TIDEMARK_POSTGRES__PORT": str(settings.postgres.port),
        "TIDEMARK_POSTGRES__USER": settings.postgres.user,
        "TIDEMARK_POSTGRES__DATABASE": settings.postgres.database,
        "TIDEMARK_POSTGRES__PASSWORD": settings.postgres.password.get_secret_value(),
        "TIDEMARK_REDIS__PORT": str(settings.redis.port),
        "TIDEMARK_REDIS__PASSWORD": settings.redis.password.get_secret_value(),
        "TIDEMARK_HOT__METRICS_PORT": str(port),
        "TIDEMARK_SIGNALS__METRICS_PORT": str(port),
        "TIDEMARK_BROKER__METRICS_PORT": str(port),
        "TIDEMARK_PROVIDERS__DEMO_MODE": "true",  # orders are dealt with on every day
        "PYTHONPATH": str(project_root()),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *(words or ("-m", "streaming.hot"))],
            cwd=project_root(),
            env=environment,
            stdout=out,
            stderr=out,
        )
    return HotProcess(settings, process, port, log)


@contextmanager
def running(settings: Settings, folder: Path, *words: str) -> Iterator[HotProcess]:
    """A process that judges ticks, ended afterwards."""
    made = started(settings, folder, *words)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.stop()


def started(settings: Settings, folder: Path, *words: str) -> HotProcess:
    """A process that judges ticks."""
    made = start(settings, folder, *words)
    until(made.is_ready, made)
    return made


def until(condition: Any, made: HotProcess | None = None, *, timeout_s: float = START_S) -> None:
    """Poll until the condition holds; fails with the process's log where that ends, or time is up."""
    deadline = CLOCK.monotonic() + timeout_s
    while not condition():
        is_over = made is not None and made.process.poll() is not None
        if is_over or CLOCK.monotonic() > deadline:
            log = made.log.read_text()[-4000:] if made is not None else ""
            raise AssertionError(f"{'the process ended' if is_over else 'time is up'}\n{log}")
        CLOCK.sleep(0.02)


def tick(symbol: str, price: float, sequence: int, *, at_us: int | None = None) -> Message:
    """A trade, of now unless its time is given."""
    value = {
        "symbol": symbol,
        "event_time_us": epoch_us(CLOCK.now()) if at_us is None else at_us,
        "kind": "trade",
        "provider": "test",
        "sequence": sequence,
        "price": price,
        "size": 10.0,
    }
    return symbol, json.dumps(value).encode()


def quote(symbol: str, bid: float, ask: float, sequence: int, *, at_us: int) -> Message:
    """A quote of both sides."""
    value = {
        "symbol": symbol,
        "event_time_us": at_us,
        "kind": "quote",
        "provider": "test",
        "sequence": sequence,
        "bid_price": bid,
        "bid_size": 50.0,
        "ask_price": ask,
        "ask_size": 50.0,
    }
    return symbol, json.dumps(value).encode()


def seeded(random: np.random.Generator, symbols: Sequence[str], count: int, *, first_us: int) -> list[Message]:
    """Trades and quotes around 100, 5 ms apart; among them copies, ticks that are hours late, crossed quotes, prices
    that break the contract, an unknown symbol, what comes from the future, and what is no JSON at all."""
    prices = dict.fromkeys(symbols, 100.0)
    found: list[Message] = []
    for number in range(count):
        symbol, at_us = str(random.choice(symbols)), first_us + number * 5_000
        price = prices[symbol] = round(prices[symbol] * (1 + random.normal(0, 0.004)), 2)
        found.append(_message(random, symbol, price, number, at_us))
        oddity = random.random()
        if oddity < 0.02:
            found.append(found[-1])
        elif oddity < 0.04:
            found.append(tick(symbol, 50.0, number, at_us=first_us - 3_600_000_000))
        elif oddity < 0.06:
            found.append(tick(symbol, -price, number, at_us=at_us))
        elif oddity < 0.07:
            found.append((symbol, b"{not json"))
        elif oddity < 0.08:
            found.append(tick("NOBODY-KNOWS", price, number, at_us=at_us))
        elif oddity < 0.09:
            found.append(tick(symbol, 1.0, number, at_us=at_us + 10 * 86_400_000_000))
    return found


def _message(random: np.random.Generator, symbol: str, price: float, number: int, at_us: int) -> Message:
    if random.random() < 0.6:
        return tick(symbol, price, number, at_us=at_us)
    half = -0.02 if random.random() < 0.05 else 0.02
    return quote(symbol, round(price - half, 2), round(price + half, 2), number, at_us=at_us)


def send(settings: Settings, messages: Sequence[Message], *, topic: str = TICKS.name) -> None:
    """Produce the messages, acknowledged when it returns."""
    producer = Producer(kafka.producer_config(settings.kafka, "test-ticks"))
    for key, value in messages:
        producer.produce(topic, key=key.encode(), value=value)
    assert producer.flush(START_S) == 0


def ends(settings: Settings) -> tuple[int, ...]:
    """Where each partition of market.ticks ends."""
    consumer = Consumer({**kafka.client_config(settings.kafka, "test"), "group.id": uuid4().hex})
    found = sorted(consumer.list_topics(TICKS.name, timeout=START_S).topics[TICKS.name].partitions)
    marks = [consumer.get_watermark_offsets(TopicPartition(TICKS.name, n), timeout=START_S)[1] for n in found]
    consumer.close()
    return tuple(marks)


def journalled(settings: Settings) -> tuple[int, ...]:
    """How far the journal has come, by partition; nothing where it is empty."""
    with postgres.connect(settings.postgres) as connection:
        found = connection.execute(
            "SELECT cuts, batches FROM hot.journal WHERE batches > 0 ORDER BY number DESC LIMIT 1"
        ).fetchone()
    if found is None:
        return ()
    row: list[int] = np.frombuffer(found[0], "<i8").reshape(found[1], -1)[-1, :-1].tolist()
    return tuple(row)


def alerts(settings: Settings) -> list[tuple[Any, ...]]:
    """Every alert: rule, subject, sequence, event time, value, bound, partition, offset."""
    with postgres.connect(settings.postgres) as connection:
        return connection.execute(ALERTS).fetchall()
