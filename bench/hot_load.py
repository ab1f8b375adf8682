"""Ticks of a calm market at a rate, open loop, with the time at which each was due as its event time: a sender that is
late makes ticks older and hides nothing. Every partition has a probe whose price goes up and down in turn."""

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench import ticks
from lakehouse.clock import Clock, SystemClock, epoch_us
from lakehouse.settings import load

SYMBOLS: Final = 2_000
PROBES_PER_S: Final = 100
LOW, HIGH = 99.0, 101.0
BOUND: Final = 100.0
"""A probe's price crosses it with every second tick."""
POOL: Final = 100_000
_SLICE_S: Final = 0.002
_MOVE: Final = 0.002


def symbol(number: int) -> str:
    """A name that portfolios hold."""
    return f"S{number:04d}"


def probe(partition: int) -> str:
    """The name that is measured in a partition."""
    return f"PROBE{partition}"


def price(number: int) -> float:
    """Around which a symbol is traded."""
    return 20.0 + (number * 37) % 400


@dataclass(frozen=True, slots=True)
class Pool:
    """Trades in a seeded order, their event time left out: what comes before and after it, and the partition."""

    heads: list[bytes]
    tails: list[bytes]
    partitions: list[int]


def pool(partitions: int, *, seed: int = 7) -> Pool:
    """POOL trades: a few symbols far more often than the rest, within a fifth of a percent of their price."""
    dice = np.random.default_rng(seed)
    numbers = (dice.zipf(1.3, POOL) % SYMBOLS).tolist()
    moves = dice.uniform(-_MOVE, _MOVE, POOL).tolist()
    sizes = dice.integers(1, 500, POOL).tolist()
    heads = [b'{"symbol":"S%04d","event_time_us":' % number for number in numbers]
    tails = [
        b',"kind":"trade","provider":"bench","sequence":%d,"price":%.4f,"size":%d.0}'
        % (at, price(number) * (1 + move), size)
        for at, (number, move, size) in enumerate(zip(numbers, moves, sizes, strict=True))
    ]
    return Pool(heads, tails, [number % partitions for number in numbers])


@dataclass(frozen=True, slots=True)
class Stage:
    """So many ticks a second for so long."""

    rate: int
    seconds: float


class Sender:
    """One producer; probes are numbered through, so that a reader knows which it has seen."""

    def __init__(self, name: str, partitions: int, clock: Clock) -> None:
        section = load().kafka
        self._producer = ticks.producer(section, "bench-hot")
        self._topic, self._partitions, self._clock = name, partitions, clock
        self._pool = pool(partitions)
        self._sent = self._probes = 0

    def send(self, stage: Stage) -> int:
        """Send the stage's ticks when they are due. Returns the event time of the first."""
        clock, seconds = self._clock, stage.seconds
        began, began_us = clock.monotonic(), epoch_us(clock.now())
        sent = probed = 0
        while sent < stage.rate * seconds:
            passed = min(clock.monotonic() - began, seconds)
            due = int(passed * stage.rate)
            self._trades([began_us + number * 1_000_000 // stage.rate for number in range(sent, due)])
            while probed < passed * PROBES_PER_S:
                self._probe(began_us + probed * 1_000_000 // PROBES_PER_S)
                probed += 1
            sent = due
            self._producer.poll(0)
            clock.sleep(_SLICE_S)
        return began_us

    def flush(self) -> None:
        """Wait until the broker has everything."""
        self._producer.flush()

    def _trades(self, due_us: list[int]) -> None:
        heads, tails, partitions = self._pool.heads, self._pool.tails, self._pool.partitions
        places = [(self._sent + number) % POOL for number in range(len(due_us))]
        self._sent += len(due_us)
        ticks.send_together(
            self._producer,
            self._topic,
            [
                {"value": b"%s%d%s" % (heads[place], at_us, tails[place]), "partition": partitions[place]}
                for place, at_us in zip(places, due_us, strict=True)
            ],
        )

    def _probe(self, at_us: int) -> None:
        self._probes += 1
        partition = (self._probes // 2) % self._partitions
        cost = HIGH if self._probes % 2 else LOW
        message = (
            b'{"symbol":"%s","event_time_us":%d,"kind":"trade","provider":"bench","sequence":%d,"price":%.2f,"size":1.0}'
            % (
                probe(partition).encode(),
                at_us,
                self._probes,
                cost,
            )
        )
        ticks.send(self._producer, self._topic, message, partition=partition)


def main(arguments: list[str]) -> None:
    """`TOPIC PARTITIONS RATE:SECONDS...`; prints the event time at which the last stage began."""
    sender = Sender(arguments[0], int(arguments[1]), SystemClock())
    began_us = 0
    for stage in arguments[2:]:
        rate, _, seconds = stage.partition(":")
        began_us = sender.send(Stage(int(rate), float(seconds)))
    sender.flush()
    sys.stdout.write(f"{began_us}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
