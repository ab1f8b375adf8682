"""Alerts of a hot process that is killed again and again, as its engines are: those of a recomputation, no more and no
less."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bench.harness import scratch_stack
from bench.kills import kill, until_back
from lakehouse.alerting.memory import Memory
from lakehouse.alerting.rules import OF_PORTFOLIO
from lakehouse.clock import SystemClock, epoch_us
from lakehouse.contracts.topics import TICKS
from lakehouse.local import stack as local_stack
from lakehouse.local.stack import Stack
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from streaming.hot import verify_report, verifying
from streaming.hot.changes import Sight
from streaming.hot.journal import change_of
from streaming.hot.ticks import Reader, judge
from streaming.hot.watched import Layout, Stored, monitor_of
from streaming.kit.source import Chunk
from tests.factories import hot as factory
from tests.factories.alert_rules import put_rule
from tests.factories.books import Holder, buy, deposit, holder, put
from tests.factories.landing import Landscape, land_here, remove_bucket, with_bucket
from tests.factories.postgres_server import PostgresServer
from tests.factories.redis_server import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3")]

CLOCK = SystemClock()
SYMBOLS = ("HOTA", "HOTB", "HOTC", "HOTD")
DAY_US = 86_400_000_000
EACH = 900
"""Ticks between two kills."""


def watched(settings: Settings) -> list[Holder]:
    """Three portfolios, and rules of every kind that needs no VaR, near enough to fire again and again."""
    made = [holder(settings, symbols=SYMBOLS) for _ in range(3)]
    for number, each in enumerate(made):
        put(
            each,
            [deposit(1, 5_000_000 * (number + 1)), *(buy(2, "40", "99", symbol=name) for name in SYMBOLS[number:])],
        )
        own = {"owner_id": each.owner_id, "portfolio_id": each.portfolio_id, "cool_down_s": 0, "hysteresis": "0.002"}
        for name in SYMBOLS:
            put_rule(settings, **own, symbol=name, kind="stop_loss", limit_value="98")
            put_rule(settings, **own, symbol=name, kind="trailing_stop", limit_value="0.02")
            put_rule(settings, **own | {"portfolio_id": None}, symbol=name, kind="price_above", limit_value="101.5")
            put_rule(settings, **own | {"portfolio_id": None}, symbol=name, kind="crossed_quote", limit_value=None)
        for kind, limit in (("drawdown", "0.004"), ("daily_loss", "0.003"), ("concentration", "0.1")):
            put_rule(settings, **own, symbol=None, kind=kind, limit_value=limit)
    return made


Kill = Callable[[factory.HotProcess], Callable[[], None]]
"""Kills something at once; what it returns waits until that is back, or brings it back."""


@pytest.fixture
def broker() -> Iterator[Stack]:
    """One that nobody else uses: it is killed too, and its supervisor starts it again."""
    with scratch_stack(("kafka",), Console(stderr=True)) as settings:
        stack = local_stack.existing(settings.home)
        assert stack is not None
        yield stack


@pytest.fixture
def settings(settings: Settings, broker: Stack) -> Iterator[Settings]:
    """With that broker, and a lake of its own."""
    made = with_bucket(settings.model_copy(update={"kafka": broker.context.settings.kafka}))
    yield made
    remove_bucket(made.s3)


@pytest.fixture
def kills(server: PostgresServer, redis: RedisServer, broker: Stack, request: pytest.FixtureRequest) -> Sequence[Kill]:
    """As many as were asked for, in turn of the hot process, the broker, PostgreSQL and Redis."""

    def hot(process: factory.HotProcess) -> Callable[[], None]:
        process.kill()
        return nothing

    def postgres_server(_: factory.HotProcess) -> Callable[[], None]:
        server.kill()
        return server.restart

    def redis_server(_: factory.HotProcess) -> Callable[[], None]:
        redis.kill()
        return redis.start

    def kafka_broker(_: factory.HotProcess) -> Callable[[], None]:
        return partial(until_back, broker, "kafka", kill(broker, "kafka", CLOCK), CLOCK)

    kinds = (hot, kafka_broker, postgres_server, redis_server)
    return list(islice(cycle(kinds), int(request.config.getoption("--kills"))))


def nothing() -> None:
    """It is not brought back."""


@pytest.mark.timeout(3600)
def test_alerts_are_those_of_a_recomputation_whatever_is_killed(
    settings: Settings, folder: Path, kills: Sequence[Kill]
) -> None:
    """Over midnight of event time, with copies, late ticks and nonsense among the ticks."""
    watched(settings)
    random = np.random.default_rng(20261121)
    now_us = epoch_us(CLOCK.now())
    first_us = now_us - now_us % DAY_US - DAY_US - EACH * (len(kills) + 1) * 5_000 // 2
    messages = factory.seeded(random, SYMBOLS, EACH * (len(kills) + 1), first_us=first_us)
    parts = np.array_split(np.arange(len(messages)), len(kills) + 1)
    process = factory.started(settings, folder)
    # What is late is so whatever it shares a batch with, once its symbol has had a tick.
    first = [factory.tick(name, 100.0, 0, at_us=first_us - 1) for name in SYMBOLS]
    send_and_wait(settings, process, first)

    for part, strike in zip(parts, kills, strict=False):
        half = len(part) // 2
        factory.send(settings, [messages[place] for place in part[:half]])
        CLOCK.sleep(float(random.uniform(0.0, 0.3)))  # at any moment of its work
        revive = strike(process)
        factory.send(settings, [messages[place] for place in part[half:]])
        revive()
        if process.process.poll() is not None:
            process = factory.started(settings, folder)
    send_and_wait(settings, process, [messages[place] for place in parts[-1]])

    land_here(Landscape(settings, TICKS))
    with asyncio.Runner() as runner:  # beside the process, which goes on
        result = verifying.recompute(settings, runner, Event(), clock=CLOCK)
    assert process.stop() == 0
    assert "\n".join(verify_report.lines(result, "bronze")).endswith("\nexact")
    assert result.alerts.recomputed > 50
    assert of_symbols(factory.alerts(settings)) == in_one_go(settings, first + messages)


def send_and_wait(settings: Settings, process: factory.HotProcess, messages: list[factory.Message]) -> None:
    """Until the journal has them."""
    factory.send(settings, messages)
    goal = factory.ends(settings)
    factory.until(lambda: factory.journalled(settings) == goal, process)


def of_symbols(found: list[tuple[Any, ...]]) -> set[tuple[object, ...]]:
    """Of symbols and positions: rule, sequence, event time and value. Those of portfolios depend on how partitions came
    together."""
    return {(row[0], *row[2:5]) for row in found if row[1] in SYMBOLS or ":" in row[1]}


def in_one_go(settings: Settings, messages: list[factory.Message]) -> set[tuple[object, ...]]:
    """The same by one monitor that gets every message at once, in the order in which they were sent."""
    with postgres.connect(settings.postgres) as connection:
        row = connection.execute("SELECT changes FROM hot.journal WHERE number = 1").fetchone()
    assert row is not None
    sight = Sight(change_of(row[0]))
    layout, count = Layout(sight), len(messages)
    zero = np.zeros(count, np.int64)
    now = np.full(count, epoch_us(CLOCK.now()))
    chunk = Chunk([value for _, value in messages], zero, np.arange(count), now, [], 0, {})
    found = judge(Reader(max_message_bytes=1 << 20).decoded(chunk), layout.names).batch
    ticks = found.take(np.argsort(found.offset)).ticks
    played = monitor_of(layout, sight, Memory(), Stored()).play(ticks)
    return {
        (each.rule_id, each.sequence, each.at_us, each.value)
        for each in played.crossings
        if each.kind not in OF_PORTFOLIO
    }
