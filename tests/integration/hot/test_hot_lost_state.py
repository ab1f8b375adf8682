"""The hot process without its states, recomputations of a journal that was pruned, and a commit without an answer."""

import asyncio
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import hot, postgres
from lakehouse.stores.hot import Row, Shard
from lakehouse.stores.postgres import Transaction
from streaming.hot import verifying, wiring
from streaming.hot.changes import Sight
from streaming.hot.effects import Effects
from streaming.hot.metrics import HotMetrics
from streaming.hot.verify import Origin, Verdict
from streaming.hot.writer import Committed, Writer
from tests.factories import hot as factory
from tests.factories.alert_rules import put_rule
from tests.factories.books import buy, deposit, holder, put

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()
NAME = "HOTL"
BLOCKED = """
    SELECT pid FROM pg_stat_activity
    WHERE application_name = 'tidemark-hot' AND wait_event_type = 'Lock' AND pid <> %s
"""


def test_without_a_state_it_goes_on_when_told_to_and_numbers_alerts_on(settings: Settings, folder: Path) -> None:
    owner = holder(settings, symbols=(NAME,))
    put(owner, [deposit(1, 10_000_000), buy(2, "100", "50", symbol=NAME)])
    own = {"owner_id": owner.owner_id, "portfolio_id": owner.portfolio_id, "cool_down_s": 0, "hysteresis": "0"}
    put_rule(settings, **own, symbol=NAME, kind="stop_loss", limit_value="45")
    with factory.running(settings, folder) as first:
        judged(settings, first, (50.0, 44.0), alerts=1)
    changed(settings, "DELETE FROM hot.checkpoint")

    refused = factory.start(settings, folder)
    assert refused.process.wait(factory.START_S) == 1
    assert "--accept-gap" in refused.log.read_text()

    with factory.running(settings, folder, "-m", "streaming.hot", "--accept-gap") as second:
        judged(settings, second, (50.0, 43.0), alerts=2)
    assert [(row[2], row[4]) for row in factory.alerts(settings)] == [(1, 44.0), (2, 43.0)]
    found = recompute(settings)
    assert (found.is_exact, found.recomputed) == (True, 1)

    changed(settings, "DELETE FROM hot.journal WHERE number <= 1 + (SELECT min(number) FROM hot.checkpoint)")
    assert recompute(settings).is_exact


def test_a_commit_that_came_late_is_taken_for_what_it_was(settings: Settings) -> None:
    """The first attempt's row is committed after the journal was looked at."""
    row = Row(number=1, batches=0, cuts=b"", changes=None, ticks=0, committed_at=CLOCK.now())
    committed: list[Committed] = []

    def commit() -> None:
        with asyncio.Runner() as runner:
            writer = Writer(settings.postgres, runner, Event(), clock=CLOCK, metrics=HotMetrics())
            committed.append(writer.commit(shard, row, Effects(), Sight()))
            writer.close()

    with asyncio.Runner() as runner, postgres.connect(settings.postgres) as late:
        writer = Writer(settings.postgres, runner, Event(), clock=CLOCK, metrics=HotMetrics())
        shard = writer.ask(taken)
        writer.close()
        late.execute(
            "INSERT INTO hot.journal (shard, number, epoch, batches, cuts, ticks, committed_at)"
            " VALUES (%s, 1, %s, 0, '', 0, %s)",
            (shard.shard, shard.epoch, row.committed_at),
        )
        thread = Thread(target=commit)
        thread.start()
        first = blocked(settings)
        changed(settings, f"SELECT pg_terminate_backend({first})")
        blocked(settings, but=first)
        late.commit()
        thread.join(factory.START_S)

    assert committed == [Committed()]


async def taken(connection: Transaction) -> Shard:
    return await hot.take(connection, wiring.WHOLE, "test", clock=CLOCK)


def blocked(settings: Settings, *, but: int = 0) -> int:
    """The writer's connection, another one than `but`, once a transaction stands in its way."""
    found: list[tuple[int]] = []

    def look() -> bool:
        with psycopg.connect(postgres.conninfo_of(settings.postgres)) as connection:
            found[:] = connection.execute(BLOCKED, (but,)).fetchall()
        return bool(found)

    factory.until(look)
    return found[0][0]


def judged(settings: Settings, process: factory.HotProcess, prices: tuple[float, ...], *, alerts: int) -> None:
    """The prices, one after the other, until there are so many alerts."""
    made = [factory.tick(NAME, price, 10 * alerts + number) for number, price in enumerate(prices)]
    factory.send(settings, made)
    factory.until(lambda: len(factory.alerts(settings)) == alerts, process)


def changed(settings: Settings, statement: str) -> None:
    with postgres.connect(settings.postgres) as connection:
        connection.execute(statement.encode())


def recompute(settings: Settings) -> Verdict:
    """With ticks from the topic."""
    with asyncio.Runner() as runner:
        return verifying.recompute(settings, runner, Event(), clock=CLOCK, origin=Origin.TOPIC)
