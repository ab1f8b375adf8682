"""The relay on a real broker and a real PostgreSQL: who leads, what waits, what an outage costs."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from threading import Event, Thread
from uuid import uuid4

import pytest
from prometheus_client import generate_latest

from lakehouse.clock import SystemClock
from lakehouse.contracts.topics import topic
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from lakehouse.stores import kafka, postgres
from streaming.outbox import wiring
from streaming.outbox.metrics import OutboxMetrics
from tests.factories.outbox import arrived, ends, start_relay, write_event
from tests.factories.ports import free_port
from tests.factories.postgres_server import postgres_server

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()
ORDERS = topic("order.events")


@pytest.fixture(scope="module")
def settings(stack: Settings) -> Iterator[Settings]:
    kafka.ensure_topics(stack.kafka, (ORDERS,))
    with postgres_server() as section:
        made = stack.model_copy(update={"postgres": section})
        migrations.upgrade(made)
        yield made


def write(settings: Settings, key: str, *, count: int = 1, payload: Mapping[str, object] | None = None) -> list[str]:
    with postgres.connect(settings.postgres) as connection:
        return [str(write_event(connection, ORDERS.name, key, payload)[1]) for _ in range(count)]


def relay_here(settings: Settings, metrics: OutboxMetrics | None = None) -> int:
    """Relay what waits, in this process."""
    relay, made = wiring.build(settings, clock=CLOCK, metrics=metrics or OutboxMetrics())
    try:
        return relay.run(Event(), once=True)
    finally:
        made.sink.close()
        made.source.close()


def waiting(settings: Settings) -> int:
    return count(settings, "published_at IS NULL")


def count(settings: Settings, condition: str) -> int:
    with postgres.connect(settings.postgres) as connection:
        found = connection.execute(f"SELECT count(*) FROM ops.outbox WHERE {condition}").fetchone()
    assert found is not None
    return int(found[0])


def test_an_event_arrives_as_its_contract_says_and_is_not_sent_twice(settings: Settings) -> None:
    before, key = ends(settings, ORDERS), uuid4().hex
    payload = {"price": "0.10", "nested": {"a": [1, None, "ü"]}}
    ids = write(settings, key, payload=payload)

    first, again = relay_here(settings), relay_here(settings)

    (message,) = [each for each in arrived(settings, ORDERS, before) if each.key == key]
    assert (first >= 1, again) == (True, 0)
    assert message.value["payload"] == payload
    assert set(message.value) == {column.name for column in ORDERS.fields}
    assert [message.event_id] == ids
    assert message.headers["type"] == "portfolio.updated"


def test_one_relay_leads_and_the_next_takes_over_when_it_is_killed(settings: Settings) -> None:
    first, second = start_relay(settings), start_relay(settings)
    try:
        write(settings, "k", count=5)
        _poll(lambda: waiting(settings) == 0)
        first.kill()
        first.communicate()
        write(settings, "k", count=5)
        _poll(lambda: waiting(settings) == 0)
        assert second.poll() is None
    finally:
        _end(first, second)


def test_an_outage_of_the_broker_holds_events_and_their_order(settings: Settings) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    away = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"bootstrap_servers": nobody})})
    before, key = ends(settings, ORDERS), uuid4().hex
    ids = write(settings, key, count=30)
    metrics, stop = OutboxMetrics(), Event()
    relay, made = wiring.build(away, clock=CLOCK, metrics=metrics)
    thread = Thread(target=relay.run, args=(stop,))
    thread.start()
    _poll(lambda: (metrics.registry.get_sample_value("tidemark_outbox_held_seconds") or 0) > 0.5)
    assert waiting(settings) == 30
    stop.set()
    thread.join(180)
    made.sink.close()
    made.source.close()

    relay_here(settings)

    assert [each.event_id for each in arrived(settings, ORDERS, before) if each.key == key] == ids


def test_an_event_for_no_known_topic_waits_and_is_counted(settings: Settings) -> None:
    with postgres.connect(settings.postgres) as connection:
        write_event(connection, "no.such.topic", "k")
    metrics = OutboxMetrics()
    relay_here(settings, metrics)
    assert "tidemark_outbox_unknown_topic_events 1.0" in generate_latest(metrics.registry).decode()
    with postgres.connect(settings.postgres) as connection:
        connection.execute("DELETE FROM ops.outbox WHERE topic = 'no.such.topic'")


def test_an_event_too_large_for_kafka_goes_without_its_payload_and_blocks_nobody(settings: Settings) -> None:
    before, key = ends(settings, ORDERS), uuid4().hex
    ids = [*write(settings, key, payload={"text": "x" * 2_000_000}), *write(settings, key)]
    metrics = OutboxMetrics()
    relay_here(settings, metrics)
    found = [each for each in arrived(settings, ORDERS, before) if each.key == key]
    assert [each.event_id for each in found] == ids
    assert list(found[0].value["payload"]) == ["oversized_bytes"]
    assert metrics.registry.get_sample_value("tidemark_outbox_cut_total") == 1


def test_relayed_events_go_after_their_days_and_waiting_ones_never(settings: Settings) -> None:
    write(settings, "old", count=3)
    relay_here(settings)
    old = CLOCK.now() - timedelta(days=settings.outbox.keep_days + 1)
    with postgres.connect(settings.postgres) as connection:
        connection.execute("UPDATE ops.outbox SET published_at = %s WHERE key = 'old'", (old,))
        write_event(connection, ORDERS.name, "kept")
    relay_here(settings)
    assert count(settings, "key = 'old'") == 0
    assert count(settings, "key = 'kept'") == 1


def _end(*relays: "subprocess.Popen[str]") -> None:
    for relay in relays:
        relay.kill()
        relay.communicate()


def _poll(condition: Callable[[], bool], timeout_s: float = 180.0) -> None:
    deadline = CLOCK.monotonic() + timeout_s
    while not condition():
        assert CLOCK.monotonic() < deadline, "it did not happen in time"
        CLOCK.sleep(0.05)
