"""Signals on a real broker become orders in a real PostgreSQL: once, whatever is killed, and each refusal is kept."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from lakehouse.clock import SystemClock, epoch_us
from lakehouse.contracts.topics.signals import SIGNALS
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from lakehouse.stores import kafka, postgres
from tests.factories.hot import HotProcess, start, until
from tests.factories.postgres_server import PostgresServer, restartable_postgres
from tests.factories.redis_server import redis_server
from tests.factories.trading import Desk, desks

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()
POLICY = """
    INSERT INTO app.signal_policy (portfolio_id, is_active, sources, sides, min_confidence, max_share, max_move,
                                   max_orders_a_day, max_age_s, created_at, updated_at)
    VALUES (%s, true, '["nse_filings"]', 'both', 0.7, 0.05, 0.05, 2, 300, now(), now())
"""
OUTCOMES = "SELECT signal_id::text, outcome, reason FROM app.signal_outcome WHERE portfolio_id = %(p)s ORDER BY id"
ORDERS = """
    SELECT client_order_id, side, quantity, status, source, surveillance_reason FROM trading.order
    WHERE portfolio_id = %(p)s ORDER BY id
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with restartable_postgres() as made:
        yield made


@pytest.fixture(scope="module")
def settings(stack: Settings, server: PostgresServer) -> Iterator[Settings]:
    with redis_server() as redis:
        made = stack.model_copy(update={"postgres": server.settings, "redis": redis})
        migrations.upgrade(made)
        yield made


@pytest.fixture
def topic(settings: Settings) -> str:
    """A topic of the test's own."""
    made = replace(SIGNALS, name=f"test.signals.{uuid4().hex[:10]}")
    kafka.ensure_topics(settings.kafka, (made,))
    return made.name


def signal(**changes: Any) -> dict[str, Any]:
    """A signal to buy AAPL, of now, changed."""
    usual = {
        "signal_id": str(uuid4()),
        "symbol": "AAPL",
        "event_time_us": epoch_us(CLOCK.now()),
        "side": "buy",
        "confidence": 0.9,
        "source": "nse_filings",
        "reference_price": "100.00",
        "reason": "order win",
    }
    return {**usual, **changes}


def send(settings: Settings, topic: str, *messages: dict[str, Any] | bytes) -> None:
    """Produce in order: of one key, so of one partition."""
    producer = Producer(kafka.producer_config(settings.kafka, "test"))
    for each in messages:
        producer.produce(topic, key=b"AAPL", value=each if isinstance(each, bytes) else json.dumps(each).encode())
    assert producer.flush(120) == 0


def follow(settings: Settings, desk: Desk) -> None:
    with postgres.connect(settings.postgres) as connection:
        connection.execute(POLICY, (desk.portfolio_id,))


def started(settings: Settings, folder: Path, topic: str) -> HotProcess:
    made = start(settings, folder, "-m", "streaming.signals", "--topic", topic)
    until(made.is_ready, made)
    return made


@pytest.mark.timeout(1200)
def test_a_signal_becomes_one_order_though_the_process_is_killed(
    settings: Settings, topic: str, tmp_path: Path
) -> None:
    with desks(settings) as make:
        desk, idle, gone = make(), make(), make()
        for each in (desk, idle, gone):
            each.deposit(10_000_000)
        for each in (desk, gone):
            follow(settings, each)
        with postgres.connect(settings.postgres) as connection:
            connection.execute("UPDATE auth.app_user SET status = 'disabled' WHERE id = %s", (gone.owner_id,))
        first, second = signal(), signal(side="buy", confidence=0.71)

        killed = started(settings, tmp_path, topic)
        send(settings, topic, first)
        until(lambda: len(desk.rows(OUTCOMES)) == 1, killed)
        killed.kill()
        # While nothing runs, the first comes again, and with it what is no signal and a second one.
        send(settings, topic, first, b"{no json", signal(confidence=7.0), signal(source="\0"), second)
        again = started(settings, tmp_path, topic)
        until(lambda: len(desk.rows(OUTCOMES)) == 2, again)

        assert desk.rows(OUTCOMES) == [(first["signal_id"], "ordered", ""), (second["signal_id"], "ordered", "")]
        assert desk.rows(ORDERS) == [
            (
                f"signal:{each['signal_id']}:{desk.portfolio_id}",
                "buy",
                Decimal(50),
                "accepted",
                "automation",
                "insufficient_history",
            )
            for each in (first, second)
        ]
        assert again.metric("tidemark_signals_bad_total") == 3
        assert again.metric("tidemark_signals_ordered_total") == 1
        assert idle.rows(ORDERS) == [], "who did not opt in is left alone"
        assert gone.rows(OUTCOMES) == [], "nothing is ordered for who may not order"
        assert again.stop() == 0


@pytest.mark.timeout(1200)
def test_each_refusal_is_kept_with_its_rule(
    settings: Settings, server: PostgresServer, topic: str, tmp_path: Path
) -> None:
    with desks(settings) as make:
        desk = make()
        desk.deposit(100_000)
        follow(settings, desk)
        old = epoch_us(CLOCK.now() - timedelta(minutes=10))
        sent = {
            "confidence_low": signal(confidence=0.5),
            "source_not_wanted": signal(source="rumours"),
            "signal_stale": signal(event_time_us=old),
            "instrument_unknown": signal(symbol="NONE"),
            "price_moved": signal(reference_price="80"),
            "nothing_to_sell": signal(side="sell"),
            "below_one_unit": signal(),
        }
        process = started(settings, tmp_path, topic)
        send(settings, topic, *sent.values())
        until(lambda: len(desk.rows(OUTCOMES)) == len(sent), process)
        assert desk.rows(OUTCOMES) == [(each["signal_id"], "refused", rule) for rule, each in sent.items()]
        assert desk.rows(ORDERS) == []

        # The rules of every order come after those of signals; the database goes and comes meanwhile.
        desk.deposit(10_000_000)
        with postgres.connect(settings.postgres) as connection:
            connection.execute("UPDATE app.instrument SET status = 'delisted' WHERE symbol = 'AAPL'")
        server.restart()
        last = signal()
        send(settings, topic, last)
        with postgres.connect(settings.postgres) as reader:
            reader.autocommit = True
            names = {"p": desk.portfolio_id}
            until(lambda: len(reader.execute(OUTCOMES.encode(), names).fetchall()) == len(sent) + 1, process)
            found = reader.execute(OUTCOMES.encode(), names).fetchall()[-1]
            orders = reader.execute(ORDERS.encode(), names).fetchall()
        assert found == (last["signal_id"], "refused", "instrument_delisted")
        assert [row[3] for row in orders] == ["rejected"]
        assert process.stop() == 0


@pytest.mark.timeout(1200)
def test_a_second_process_ends_the_first(settings: Settings, topic: str, tmp_path: Path) -> None:
    with desks(settings) as make:
        desk = make()
        desk.deposit(10_000_000)
        follow(settings, desk)
        with postgres.connect(settings.postgres) as connection:
            connection.execute("UPDATE app.instrument SET status = 'active' WHERE symbol = 'AAPL'")
        first = started(settings, tmp_path, topic)
        second = started(settings, tmp_path, topic)
        sent = signal()
        send(settings, topic, sent)
        until(lambda: len(desk.rows(OUTCOMES)) == 1, second)
        assert first.process.wait(240) != 0
        assert "SignalsFenced" in first.log.read_text()
        assert second.stop() == 0
        assert len(desk.rows(ORDERS)) == 1
