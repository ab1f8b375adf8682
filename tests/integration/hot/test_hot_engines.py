"""The hot process when engines go and come back, when books and rules change, and when a second one starts."""

from pathlib import Path
from uuid import UUID

import pytest

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import postgres, redis as redis_store
from tests.factories import hot as factory
from tests.factories.alert_rules import put_rule
from tests.factories.books import Holder, buy, deposit, holder, put
from tests.factories.postgres_server import PostgresServer
from tests.factories.redis_server import redis_server

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()
NAME = "HOTE"
CRASHES_BEFORE_TELLING = """
import os, signal, sys
from streaming.hot.main import main
from streaming.hot.sinks import RedisSink

write = RedisSink.write

def crashing(self, quotes, portfolios, alerts=()):
    if alerts:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, quotes, portfolios, alerts)

setattr(RedisSink, "write", crashing)
sys.exit(main([]))
"""


@pytest.fixture
def owner(settings: Settings) -> Holder:
    made = holder(settings, symbols=(NAME,))
    put(made, [deposit(1, 10_000_000), buy(2, "100", "50", symbol=NAME)])
    return made


def stop_loss(settings: Settings, owner: Holder, limit: str = "45") -> UUID:
    own = {"owner_id": owner.owner_id, "portfolio_id": owner.portfolio_id}
    return put_rule(settings, **own, symbol=NAME, kind="stop_loss", limit_value=limit, cool_down_s=0, hysteresis="0")


def told(settings: Settings, rule: UUID) -> int:
    return sum(row[0] == str(rule) for row in factory.alerts(settings))


def alerted(settings: Settings, process: factory.HotProcess, rule: UUID, sequence: int, price: float) -> None:
    """A tick, and the alert that it causes."""
    before = told(settings, rule)
    factory.send(settings, [factory.tick(NAME, price, sequence)])
    factory.until(lambda: told(settings, rule) == before + 1, process)


def test_a_kill_between_commit_and_telling_repeats_no_alert(settings: Settings, owner: Holder, folder: Path) -> None:
    rule = stop_loss(settings, owner)
    program = folder / "crashing.py"
    program.write_text(CRASHES_BEFORE_TELLING)
    first = factory.start(settings, folder, str(program))
    factory.until(first.is_ready, first)
    factory.send(settings, [factory.tick(NAME, 50.0, 1), factory.tick(NAME, 44.0, 2)])
    factory.until(lambda: first.process.poll() is not None)

    with factory.running(settings, folder) as second:
        factory.send(settings, [factory.tick(NAME, 46.0, 3), factory.tick(NAME, 43.0, 4)])
        factory.until(lambda: told(settings, rule) >= 2, second)

    assert [(row[2], row[4]) for row in factory.alerts(settings)] == [(1, 44.0), (2, 43.0)]
    assert first.process.returncode == -9


def test_a_second_process_takes_over_and_the_first_ends(settings: Settings, owner: Holder, folder: Path) -> None:
    rule = stop_loss(settings, owner)
    first = factory.started(settings, folder)
    alerted(settings, first, rule, 1, 44.0)

    with factory.running(settings, folder) as second:
        factory.send(settings, [factory.tick(NAME, 50.0, 2), factory.tick(NAME, 43.0, 3)])
        factory.until(lambda: told(settings, rule) == 2 and first.process.poll() is not None, second)

    assert first.process.returncode not in (0, -9)
    assert "Fenced" in first.log.read_text()
    assert [row[2] for row in factory.alerts(settings)] == [1, 2]


def test_redis_is_rebuilt_when_it_was_lost(stack: Settings, owner: Holder, settings: Settings, folder: Path) -> None:
    with redis_server() as lost:
        own = settings.model_copy(update={"redis": lost})
        process = factory.started(own, folder)
        factory.send(own, [factory.tick(NAME, 50.0, 1)])
        client = redis_store.connect(lost)
        factory.until(lambda: client.hexists("hot:quotes", NAME), process)
    client.close()
    factory.send(own, [factory.tick(NAME, 51.0, 2)])
    factory.until(lambda: process.metric("tidemark_hot_redis_failures_total") > 0, process)

    with redis_server(lost.port) as back:
        client = redis_store.connect(back)
        factory.until(lambda: '"mark":51.0' in str(client.hget("hot:quotes", NAME)), process)
        factory.until(lambda: client.hexists("hot:portfolios", str(owner.portfolio_id)), process)
        assert '"equity":"100100.0000"' in str(client.hget("hot:portfolios", str(owner.portfolio_id)))
        client.flushall()
        factory.until(lambda: client.hexists("hot:quotes", NAME), process)
        client.delete("hot:alive")
        factory.until(lambda: client.exists("hot:alive") == 1, process)  # also while no tick comes
    assert process.stop() == 0


def test_ticks_wait_while_postgres_is_away(
    settings: Settings, owner: Holder, folder: Path, server: PostgresServer
) -> None:
    rule = stop_loss(settings, owner)
    with factory.running(settings, folder) as process:
        alerted(settings, process, rule, 1, 44.0)
        server.kill()
        factory.send(settings, [factory.tick(NAME, 50.0, 2), factory.tick(NAME, 43.0, 3), factory.tick(NAME, 51.0, 4)])
        factory.until(lambda: process.metric("tidemark_hot_database_away") == 1.0, process)
        server.restart()
        factory.until(lambda: told(settings, rule) == 2, process)
        alerted(settings, process, rule, 5, 42.0)

    assert [(row[2], row[4]) for row in factory.alerts(settings)] == [(1, 44.0), (2, 43.0), (3, 42.0)]


def test_rules_and_positions_are_followed_by_their_events(settings: Settings, owner: Holder, folder: Path) -> None:
    """Told by events, and not by the refresh, which comes later than this test ends."""
    with factory.running(settings, folder) as process:
        rule = stop_loss(settings, owner)
        hinted(settings, process, "risk.rules", rule)
        alerted(settings, process, rule, 1, 44.0)

        with postgres.connect(settings.postgres) as connection:
            connection.execute(
                "UPDATE alerting.rule SET limit_value = 40, arming = arming + 1, version = version + 1 WHERE id = %s",
                (rule,),
            )
        hinted(settings, process, "risk.rules", rule)
        factory.send(settings, [factory.tick(NAME, 43.0, 2)])
        alerted(settings, process, rule, 3, 39.5)

        put(owner, [buy(3, "50", "40", symbol=NAME)])
        hinted(settings, process, "portfolio.events", owner.portfolio_id)
        client = redis_store.connect(settings.redis)
        found = f'"net":"{150 * 39.5:.4f}"'
        factory.until(lambda: found in str(client.hget("hot:portfolios", str(owner.portfolio_id))), process)

    assert [(row[4], row[5]) for row in factory.alerts(settings)] == [(44.0, 45.0), (39.5, 40.0)]


def hinted(settings: Settings, process: factory.HotProcess, topic: str, key: UUID) -> None:
    """An event of the topic, and what it changed."""
    before = process.metric("tidemark_hot_changes_total")
    factory.send(settings, [(str(key), b"{}")], topic=topic)
    factory.until(lambda: process.metric("tidemark_hot_changes_total") > before, process, timeout_s=25)
