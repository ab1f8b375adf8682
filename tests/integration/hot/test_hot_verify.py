"""The recomputation from bronze: no verdict before the ticks have landed, then an exact one, and what it finds."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event
from uuid import UUID

import numpy as np
import pytest

from lakehouse.clock import SystemClock, epoch_us
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.tables.bronze import MARKET_TICKS
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings
from lakehouse.stores import delta, postgres
from streaming.hot import verify_bronze, verifying
from streaming.hot.ticks import Raw, Reader
from streaming.hot.verify import Verdict
from streaming.hot.verify_bronze import BronzeLacks, BronzePast, NotLanded
from streaming.kit.source import Chunk
from tests.factories import hot as factory
from tests.factories.alert_rules import put_rule
from tests.factories.books import buy, deposit, holder, put
from tests.factories.landing import Landscape, land_here, landscape, remove_bucket, send, with_bucket

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3")]

CLOCK = SystemClock()
NAME = "HOTV"
TAMPER = """
    ALTER TABLE alerting.alert DISABLE TRIGGER USER;
    UPDATE alerting.alert SET value = 99 WHERE sequence = 1;
    DELETE FROM alerting.alert WHERE sequence = 2;
    ALTER TABLE app.position DISABLE TRIGGER USER;
    UPDATE app.position SET quantity = quantity + 1;
"""


@pytest.fixture
def lake(settings: Settings) -> Iterator[Settings]:
    made = with_bucket(settings)
    yield made
    remove_bucket(made.s3)


def recompute(settings: Settings) -> Verdict:
    with asyncio.Runner() as runner:
        return verifying.recompute(settings, runner, Event(), clock=CLOCK, wait_s=0.0)


def watched(settings: Settings) -> UUID:
    owner = holder(settings, symbols=(NAME,))
    put(owner, [deposit(1, 10_000_000), buy(2, "100", "50", symbol=NAME)])
    own = {"owner_id": owner.owner_id, "portfolio_id": owner.portfolio_id, "cool_down_s": 0, "hysteresis": "0"}
    return put_rule(settings, **own, symbol=NAME, kind="stop_loss", limit_value="45")


def test_bronze_is_waited_for_then_says_what_was_caused(lake: Settings, folder: Path) -> None:
    watched(lake)
    with factory.running(lake, folder) as process:
        prices = [50.0, 44.0, 46.0, -1.0, 43.0, 50.0, 42.0]
        factory.send(lake, [factory.tick(NAME, price, number) for number, price in enumerate(prices)])
        factory.send(lake, [(NAME, b"{not json")])
        factory.until(lambda: len(factory.alerts(lake)) == 3, process)
        goal = factory.ends(lake)
        factory.until(lambda: factory.journalled(lake) == goal, process)

    with pytest.raises(NotLanded, match=r"market\.ticks\[\d\] 0 to \d+") as early:
        recompute(lake)
    assert early.value.exit_code == JobExit.UNAVAILABLE
    land_here(Landscape(lake, TICKS))
    found = recompute(lake)
    assert (found.is_exact, found.alerts.recomputed, found.ticks) == (True, 3, 6)
    command = factory.start(lake, folder, "-m", "streaming.hot", "verify", "--wait", "0")
    assert command.process.wait(factory.START_S) == 0
    assert command.log.read_text().endswith("\nexact\n")

    with postgres.connect(lake.postgres) as connection:
        connection.execute(TAMPER)
    found = recompute(lake)
    assert [(each.key[2], other.key[2]) for each, other in found.alerts.different] == [(1, 1)]
    assert [each.key[2] for each in found.alerts.lost] == [2]
    assert [(each.check, each.object) for each in found.books.findings] == [("position_is_fold", NAME)]


@pytest.fixture
def land(stack: Settings) -> Iterator[Landscape]:
    made = landscape(stack, partitions=3)
    yield made
    made.remove()


def test_windows_of_bronze_are_the_topic(land: Landscape, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across files and windows, in spans of any length, with messages in quarantine between."""
    monkeypatch.setattr(verify_bronze, "WINDOW", 40)
    random = np.random.default_rng(20261121)
    sent: list[list[bytes]] = [[], [], []]
    for number in range(300):
        messages = factory.seeded(random, ("A", "B"), 1, first_us=1_772_000_000_000_000 + number)
        for (_, value), partition in zip(messages, [int(random.choice([0, 0, 0, 1]))] * len(messages), strict=True):
            sent[partition].append(value)
    for part in range(3):
        for partition, values in enumerate(sent):
            send(land, values[part * len(values) // 3 : (part + 1) * len(values) // 3], partitions=[partition])
        land_here(land)

    end = tuple(len(values) for values in sent)
    past = BronzePast(land.settings.s3, land.topic, (5, 3), end, clock=CLOCK, wait_s=0.0)
    cuts = np.sort(random.integers((5, 3, 0), end, size=(12, 3), endpoint=True), axis=0)
    edges = [(5, 3, 0), *(tuple(row) for row in cuts.tolist()), end]
    for first, last in pairwise(edges):
        assert names(past.between(first, last)) == names(decoded(sent, first, last))


def decoded(sent: Sequence[Sequence[bytes]], first: Sequence[int], last: Sequence[int]) -> Raw:
    """The messages as the hot process reads them from the topic."""
    spans = [np.arange(start, stop) for start, stop in zip(first, last, strict=True)]
    partition = np.repeat(np.arange(3), [len(span) for span in spans])
    offset = np.concatenate(spans)
    values = [sent[p][o] for p, o in zip(partition.tolist(), offset.tolist(), strict=True)]
    none: list[bytes | None] = [None] * len(values)
    late = np.full(len(values), epoch_us(CLOCK.now()))
    chunk = Chunk(values, partition, offset, late, none, 0, {})
    return Reader(max_message_bytes=1 << 20).decoded(chunk)


def names(raw: Raw | None) -> set[tuple[object, ...]]:
    """What judging goes by."""
    if raw is None:
        return set()
    text = raw.text.tobytes()
    spans = zip(raw.start.tolist(), raw.length.tolist(), strict=True)
    symbols = [text[start : start + length] for start, length in spans]
    columns = (raw.partition, raw.offset, raw.at_us, raw.seq)
    prices = (np.nan_to_num(each, nan=-1.0) for each in (raw.price, raw.bid, raw.ask, raw.size))
    return set(zip(symbols, *(each.tolist() for each in (*columns, *prices)), strict=True))


def test_an_offset_that_bronze_lacks_is_named(land: Landscape) -> None:
    send(land, [value for _, value in factory.seeded(np.random.default_rng(1), ("A",), 20, first_us=1)])
    land_here(land)
    table = delta.open_table(land.settings.s3, MARKET_TICKS)
    table.delete("_offset = 7")
    read = partial(BronzePast, land.settings.s3, land.topic, clock=CLOCK, wait_s=0.0)
    with pytest.raises(BronzeLacks, match=r"lacks 1 offsets of .*\[0\], the first is 7"):
        read((0,), (15,)).between((0,), (15,))
    assert read((8,), (15,)).between((8,), (15,)) is not None
