"""The live feed to a real broker: what a provider yields is in Kafka, once, also when it is told to stop."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from typer.testing import CliRunner

from lakehouse.clock import SystemClock
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings
from lakehouse.stores import kafka
from streaming.feed.cli import app
from streaming.feed.live import Pump
from streaming.feed.outlet import Outlet
from streaming.feed.policy.plausibility import Guard
from streaming.feed.port import Batch, unreadable
from streaming.feed.producer import Acknowledged, Sender
from streaming.kit.remote import Disconnected
from tests.factories.feed_ticks import trade

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]


class Kept(Sender):
    """A sender that remembers what the broker acknowledged."""

    runs: list[Acknowledged]

    def settle(self, *, timeout_s: float = 120.0) -> dict[str, Acknowledged]:
        found = super().settle(timeout_s=timeout_s)
        self.runs = [*getattr(self, "runs", []), *found.values()]
        return found


def outlet(stack: Settings) -> tuple[Outlet, Kept]:
    sender = Kept(stack.kafka, client_id="test-live", clock=SystemClock())
    sender.connect()
    return Outlet(sender, clock=SystemClock(), max_future_s=300), sender


def held(stack: Settings, sent: list[Acknowledged]) -> list[bytes]:
    """The messages at the acknowledged offsets."""
    consumer = Consumer({**kafka.client_config(stack.kafka, "test-live"), "group.id": uuid4().hex})
    found: list[bytes] = []
    for acknowledged in sent:
        for partition, runs in acknowledged.runs.items():
            for first, last in runs:
                consumer.assign([TopicPartition(TICKS.name, partition, first)])
                for _ in range(first, last + 1):
                    message = consumer.poll(120)
                    assert message is not None
                    found.append(message.value() or b"")
    consumer.close()
    return found


async def source(symbol: str, total: int) -> AsyncGenerator[Batch, None]:
    for number in range(total):
        yield Batch((trade(symbol, 100.0 + number, sequence=number),))
        if number % 10 == 0:
            yield Batch(rejects=(unreadable("one", f"{symbol} rubbish {number}", "no JSON"),))


def test_every_tick_and_every_reject_is_in_kafka_once(stack: Settings) -> None:
    name = f"T{uuid4().hex[:8].upper()}"
    subject, sender = outlet(stack)

    asyncio.run(Pump(subject).run(source(name, 1_000)))

    messages = held(stack, sender.runs)
    assert subject.sent.total == 1_100
    assert len([each for each in messages if b'"_reject"' in each and name.encode() in each]) == 100
    assert len({each for each in messages if f'"symbol":"{name}"'.encode() in each}) == 1_000


def test_what_a_provider_gave_before_it_failed_is_sent_and_the_failure_is_told(stack: Settings) -> None:
    async def failing() -> AsyncGenerator[Batch, None]:
        yield Batch((trade("BEFORE", 1.0),))
        raise Disconnected("the line is cut")

    subject, sender = outlet(stack)

    with pytest.raises(Disconnected):
        asyncio.run(Pump(subject).run(failing()))

    assert sum(found.total for found in sender.runs) == subject.sent.total == 1


def test_a_stop_ends_the_feed_when_all_that_was_read_is_acknowledged(stack: Settings) -> None:
    async def endless(enough: asyncio.Event) -> AsyncGenerator[Batch, None]:
        for number in count():
            yield Batch((trade("STOP", 1.0, sequence=number),))
            if number == 500:
                enough.set()
            await asyncio.sleep(0)

    async def run(subject: Outlet) -> None:
        pump, enough = Pump(subject), asyncio.Event()
        running = asyncio.create_task(pump.run(endless(enough)))
        await enough.wait()
        pump.stop()
        await running

    subject, sender = outlet(stack)
    asyncio.run(run(subject))

    assert subject.sent.total >= 500
    assert sum(found.total for found in sender.runs) == subject.sent.total


def test_a_doubtful_price_waits_for_a_second_opinion_and_a_wrong_one_lands_in_quarantine(stack: Settings) -> None:
    name = f"T{uuid4().hex[:8].upper()}"
    answered = asyncio.Event()

    async def opinion(symbols: Sequence[str], *, but: str) -> Batch:
        assert (symbols, but) == ([name], "one")
        answered.set()
        return Batch((trade(name, 151.0, at_s=1, provider="two"),))

    async def prices() -> AsyncGenerator[Batch, None]:
        yield Batch((trade(name, 100.0, sequence=1), trade(name, 150.0, at_s=1, sequence=2)))
        await answered.wait()
        await asyncio.sleep(0)
        yield Batch((trade(name, 150.5, at_s=2, sequence=3), trade(name, 10.0, at_s=3, sequence=4)))

    async def run(subject: Outlet) -> None:
        await Pump(subject, guard=Guard(), opinion=opinion).run(prices())

    subject, sender = outlet(stack)
    asyncio.run(run(subject))

    messages = [json.loads(each) for each in held(stack, sender.runs)]
    assert [each["sequence"] for each in messages if each.get("symbol") == name] == [1, 2, 3]
    (refused,) = [each for each in messages if "_reject" in each]
    assert (refused["_reject"], json.loads(refused["_raw"])["sequence"]) == ("implausible_price", 4)


@pytest.mark.usefixtures("stack")
def test_the_command_plays_a_file_and_counts_what_it_sent(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("event_time,symbol,price\n2022-12-28T14:30:00Z,A,1.5\n2022-12-28T14:30:01Z,A,-1\n")

    result = CliRunner().invoke(
        app, ["feed", "--provider", "replay", "--file", str(path), "--speed", "0", "--json"], catch_exceptions=False
    )

    found = json.loads(result.stdout.splitlines()[-1])
    assert (found["sent"], found["quarantined"]) == ({"replay": 1}, {"non_positive_price": 1})
    assert found["providers"]["replay"]["state"] == "closed"
