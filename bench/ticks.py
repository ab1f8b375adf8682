"""Seeded ticks for benchmarks, encoded once, and a process that sends them at a rate."""

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakehouse.clock import SystemClock, epoch_us
from lakehouse.settings import KafkaSettings, load
from lakehouse.stores import kafka

SYMBOLS = 2_000
POOL = 200_000
_EVENT_TIME_US = 1_672_237_800_000_000
_SLICE_S = 0.005
_QUEUE_MESSAGES = 1_000_000


def messages(count: int, *, seed: int = 7) -> list[bytes]:
    """Trades of SYMBOLS symbols, a few of them far more often than the rest, as a provider would send them."""
    dice = np.random.default_rng(seed)
    symbols = (dice.zipf(1.3, count) % SYMBOLS).tolist()
    prices = np.round(20 + dice.random(count) * 400, 2).tolist()
    sizes = dice.integers(1, 500, count).tolist()
    return [
        b'{"symbol":"S%04d","event_time_us":%d,"kind":"trade","provider":"bench","sequence":%d,"price":%.2f,"size":%d.0}'
        % (symbol, _EVENT_TIME_US + number * 7, number, price, size)
        for number, (symbol, price, size) in enumerate(zip(symbols, prices, sizes, strict=True))
    ]


@contextmanager
def topic(section: KafkaSettings, partitions: int) -> Iterator[str]:
    """A topic that is gone afterwards."""
    name = f"bench.ticks.{uuid.uuid4().hex[:10]}"
    admin = AdminClient(kafka.client_config(section, "bench"))
    wanted = NewTopic(name, num_partitions=partitions, replication_factor=1)
    admin.create_topics([wanted])[name].result(30)
    try:
        yield name
    finally:
        admin.delete_topics([name])[name].result(30)


def fill(section: KafkaSettings, name: str, count: int, partitions: int) -> None:
    """Send `count` messages as fast as the broker takes them, evenly over the partitions."""
    sender, pool = producer(section, "bench-ticks"), messages(min(count, POOL))
    for number in range(count):
        send(sender, name, pool[number % len(pool)], partition=number % partitions)
    sender.flush()


def stream(section: KafkaSettings, name: str, *, rate: int, seconds: float, partitions: int) -> None:
    """Send `rate` messages a second, open loop: each is stamped with the time it was due, so that a late sender
    shows as staleness and hides nothing."""
    clock, sender, pool = SystemClock(), producer(section, "bench-ticks"), messages(POOL)
    began, began_ms, sent = clock.monotonic(), epoch_us(clock.now()) / 1000, 0
    while sent < rate * seconds:
        due = int(min(clock.monotonic() - began, seconds) * rate)
        for number in range(sent, due):
            stamp = round(began_ms + number / rate * 1000)
            send(sender, name, pool[number % POOL], partition=number % partitions, timestamp=stamp)
        sent = due
        sender.poll(0)
        clock.sleep(_SLICE_S)
    sender.flush()


def producer(section: KafkaSettings, client: str) -> Producer:
    """A producer as the platform's are, with room for a second of ticks."""
    return Producer({**kafka.producer_config(section, client), "queue.buffering.max.messages": _QUEUE_MESSAGES})


def send(producer: Producer, name: str, message: bytes, *, partition: int, timestamp: int = 0) -> None:
    """Hand a message over, waiting while the queue is full."""
    while True:
        try:
            producer.produce(name, message, partition=partition, timestamp=timestamp)
        except BufferError:
            producer.poll(0.05)
        else:
            return


def send_together(producer: Producer, name: str, messages: list[dict[str, object]]) -> None:
    """Hand over messages with their partitions, at half of what one by one costs; what finds no room waits."""
    while messages:
        producer.produce_batch(name, messages)
        messages = [message for message in messages if message.pop("_error", None) is not None]
        if messages:
            producer.poll(0.05)


if __name__ == "__main__":
    stream(load().kafka, sys.argv[1], rate=int(sys.argv[2]), seconds=float(sys.argv[3]), partitions=int(sys.argv[4]))
