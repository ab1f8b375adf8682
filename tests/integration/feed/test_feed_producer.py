"""The producer against a real broker: every message acknowledged and counted, or an error."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.settings import KafkaSettings, Settings
from lakehouse.stores import kafka
from streaming.feed.producer import Acknowledged, DeliveryError, Sender

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]
PARTITIONS = 3


@pytest.fixture
def topic(stack: Settings) -> Iterator[str]:
    name = f"test.feed.{uuid4().hex}"
    admin = AdminClient(kafka.client_config(stack.kafka, "test-feed"))
    admin.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1)])[name].result(120)
    yield name
    admin.delete_topics([name])[name].result(120)


def sender(stack: Settings) -> Sender:
    return Sender(stack.kafka, client_id="test-feed", clock=SystemClock())


def values_at(stack: Settings, sent: Acknowledged) -> list[bytes]:
    """The messages that the broker holds at the acknowledged offsets."""
    consumer = Consumer({**kafka.client_config(stack.kafka, "test-feed"), "group.id": uuid4().hex})
    found: list[bytes] = []
    for partition, runs in sent.runs.items():
        for first, last in runs:
            consumer.assign([TopicPartition(sent.topic, partition, first)])
            for offset in range(first, last + 1):
                message = consumer.poll(120)
                assert message is not None
                assert message.offset() == offset
                found.append(message.value() or b"")
    consumer.close()
    return found


def test_every_message_is_acknowledged_at_the_offset_that_holds_it(stack: Settings, topic: str) -> None:
    keys = [f"S{number % 7}".encode() for number in range(25_000)]
    values = [f"{number}".encode() for number in range(25_000)]
    subject = sender(stack)

    subject.send(topic, keys, values)
    sent = subject.finish()[topic]

    assert sent.total == sum(sent.counts.values()) == 25_000
    assert set(sent.counts) <= set(range(PARTITIONS))
    assert all(len(runs) == 1 for runs in sent.runs.values())
    assert sorted(values_at(stack, sent)) == sorted(values)


def test_messages_of_others_between_ours_are_not_ours(stack: Settings, topic: str) -> None:
    ours, theirs = sender(stack), sender(stack)
    for number in range(3):
        ours.send(topic, [b"A"], [f"ours {number}".encode()])
        ours.finish()
        theirs.send(topic, [b"A"], [b"theirs"])
        theirs.finish()

    sent = ours.finish()[topic]

    (runs,) = sent.runs.values()
    assert len(runs) == sent.total == 3
    assert values_at(stack, sent) == [b"ours 0", b"ours 1", b"ours 2"]
    assert sent.last_offsets == {partition: found[-1][1] for partition, found in sent.runs.items()}


def test_a_message_that_is_too_large_is_an_error(stack: Settings, topic: str) -> None:
    with pytest.raises(DeliveryError, match=f"{topic}.*too large"):
        sender(stack).send(topic, [None], [b"x" * 5_000_000])


def test_a_replay_keeps_its_rate_by_the_clock(stack: Settings, topic: str) -> None:
    clock = ManualClock()
    subject = Sender(stack.kafka, client_id="test-feed", clock=clock, rate_per_s=100)

    subject.send(topic, [b"A"] * 250, [b"x"] * 250)

    assert subject.finish()[topic].total == 250
    assert clock.elapsed_s == pytest.approx(2.5)


def test_a_broker_that_is_not_there_is_named_with_the_remedy() -> None:
    nobody = KafkaSettings(bootstrap_servers="127.0.0.1:1")

    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1:1 does not answer.*tidemark up"):
        Sender(nobody, client_id="test-feed", clock=SystemClock()).connect()
