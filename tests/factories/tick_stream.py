"""A producer process for tests: `python tick_stream.py TOPIC COUNT RATE POISON_EVERY`, at RATE messages a second.

Message i carries sequence i; every POISON_EVERY-th has a price that the contract refuses.
"""

import sys

from confluent_kafka import Producer

from lakehouse.clock import SystemClock
from lakehouse.settings import load
from lakehouse.stores import kafka

SLICE_S = 0.02


def main(topic: str, count: int, rate: float, poison_every: int) -> None:
    clock = SystemClock()
    producer = Producer(kafka.producer_config(load().kafka, "test-stream"))
    began = clock.monotonic()
    for number in range(count):
        price = -1.0 if number % poison_every == 0 else 100.25
        message = (
            f'{{"symbol":"S{number % 97}","event_time_us":1672237800000000,"kind":"trade","provider":"test",'
            f'"sequence":{number},"price":{price}}}'
        )
        producer.produce(topic, value=message.encode(), key=f"S{number % 97}".encode())
        if number % 100 == 0:
            producer.poll(0)
            ahead_s = number / rate - (clock.monotonic() - began)
            if ahead_s > SLICE_S:
                clock.sleep(ahead_s)
    left = producer.flush(300)
    if left:
        sys.exit(f"{left} messages were not acknowledged")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
