"""Relays killed with SIGKILL at seeded moments while events are written: none is lost, and keys keep their order."""

import json
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

import numpy as np
import pytest

from lakehouse.clock import SystemClock
from lakehouse.contracts.topics import topic
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from lakehouse.stores import kafka, postgres
from tests.factories.landing import Landscape, land_here, remove_bucket, with_bucket
from tests.factories.outbox import arrived, ends, start_relay, write_event
from tests.factories.postgres_server import postgres_server

KILLS = 14
KEYS = 9
SEED = 20_261_121
PORTFOLIO = topic("portfolio.events")

pytestmark = [pytest.mark.faults, pytest.mark.engines("kafka", "s3"), pytest.mark.timeout(1800)]


@pytest.fixture
def settings(stack: Settings) -> Iterator[Settings]:
    kafka.ensure_topics(stack.kafka, (PORTFOLIO,))
    with postgres_server() as section:
        made = stack.model_copy(update={"postgres": section})
        migrations.upgrade(made)
        yield made


def test_no_event_is_lost_and_every_key_keeps_its_order(settings: Settings) -> None:
    dice = np.random.default_rng(SEED)
    before = ends(settings, PORTFOLIO)
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write, settings, stop)
        try:
            kills = [_relay_and_kill(settings, dice.uniform(0.0, 0.6)) for _ in range(KILLS)]
        finally:
            stop.set()
        written = writing.result()
    last = start_relay(settings, "--once")
    out, err = last.communicate(timeout=600)
    assert last.returncode == 0, out + err

    own = {str(event_id) for ids in written.values() for event_id in ids}
    found = [message for message in arrived(settings, PORTFOLIO, before) if message.event_id in own]
    firsts: dict[str, list[str]] = defaultdict(list)
    values: dict[str, dict[str, object]] = {}
    for message in found:
        if message.event_id not in values:
            firsts[message.key].append(message.event_id)
        assert values.setdefault(message.event_id, message.value) == message.value, "a repeat differs from the first"
        assert message.headers["event_id"] == message.event_id
    assert all(kills), "a relay ended before it was killed"
    assert len(own) > KILLS * 10
    assert dict(firsts) == {key: [str(each) for each in ids] for key, ids in written.items()}
    assert _waiting(settings) == 0
    _lands_once(settings, own, len(found))


def _lands_once(settings: Settings, own: set[str], messages: int) -> None:
    """The lander puts every message into bronze, once, with its payload as JSON; into a lake of its own, since that of
    the stack has a lander already, and one of the two would be fenced."""
    lake = with_bucket(settings)
    try:
        land = Landscape(lake, PORTFOLIO)
        land_here(land, accept_gap=True)  # the topic is the stack's, and may be older than it keeps messages
        land_here(land)
        rows = land.rows().to_pylist()
    finally:
        remove_bucket(lake.s3)
    mine = [row for row in rows if row["event_id"] in own]
    assert {row["event_id"] for row in mine} == own
    assert len(mine) == messages
    assert all(json.loads(row["payload"])["amount"] == "1.50" for row in mine)


def _write(settings: Settings, stop: Event) -> dict[str, list[UUID]]:
    """Small transactions of one key each, some of several events, some rolled back; what was committed, by key."""
    dice = np.random.default_rng(SEED + 1)
    written: dict[str, list[UUID]] = {f"{SEED}-{number}": [] for number in range(KEYS)}
    with postgres.connect(settings.postgres) as connection:
        connection.commit()
        while not stop.is_set():
            key = f"{SEED}-{dice.integers(KEYS)}"
            made = [write_event(connection, PORTFOLIO.name, key)[1] for _ in range(dice.integers(1, 4))]
            if dice.random() < 0.1:
                connection.rollback()
                continue
            connection.commit()
            written[key].extend(made)
            stop.wait(0.003)
    return written


def _relay_and_kill(settings: Settings, after_s: float) -> bool:
    relay = start_relay(settings)
    assert relay.stderr is not None
    assert json.loads(relay.stderr.readline())["event"] == "relaying"
    SystemClock().sleep(after_s)
    alive = relay.poll() is None
    relay.kill()
    relay.communicate()
    return alive


def _waiting(settings: Settings) -> int:
    with postgres.connect(settings.postgres) as connection:
        found = connection.execute("SELECT count(*) FROM ops.outbox WHERE published_at IS NULL").fetchone()
    assert found is not None
    return int(found[0])
