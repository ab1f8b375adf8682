"""How late a watcher outside sees what ticks did: quotes in Redis, looked at five hundred times a second, and alerts as
they are published. Times count from when a tick was due to be sent."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Thread
from typing import Final

import numpy as np
from redis import Redis
from redis.client import PubSub

from bench.hot_load import PROBES_PER_S, probe
from lakehouse.clock import Clock, epoch_us

QUOTES: Final = "hot:quotes"
ALERTS: Final = "alerts"
_LOOK_S: Final = 0.002
_APART_US: Final = 1_000_000 / PROBES_PER_S
_PERCENTILES: Final = (50.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Late:
    """Milliseconds, and of how many."""

    p50: float
    p99: float
    p999: float
    count: int

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f}, p99 {self.p99:.1f}, p99.9 {self.p999:.1f} ms of {self.count:,}"


def late(seen: Sequence[tuple[float, float]], *, since_us: float) -> Late:
    """Percentiles of the ages of what was due from `since_us` on; all NaN where nothing was seen."""
    ages_us = [age for due, age in seen if due >= since_us]
    if not ages_us:
        return Late(np.nan, np.nan, np.nan, 0)
    p50, p99, p999 = (float(found) / 1000 for found in np.percentile(ages_us, _PERCENTILES))
    return Late(p50, p99, p999, len(ages_us))


@dataclass(slots=True)
class Watched:
    """What was seen: when a tick was due to be sent, and how old it was, both in microseconds."""

    quotes: list[tuple[float, float]] = field(default_factory=list)
    alerts: list[tuple[float, float]] = field(default_factory=list)
    newest: int = 0


@contextmanager
def watching(connect: Callable[[], Redis], partitions: int, clock: Clock) -> Iterator[Watched]:
    """Watch until the end of the block."""
    seen, stop = Watched(), Event()
    redis = connect()
    listener = PubSub(redis.connection_pool, ignore_subscribe_messages=True)
    listener.subscribe(ALERTS)
    threads = [
        Thread(target=_look, args=(redis, partitions, clock, seen, stop)),
        Thread(target=_listen, args=(listener, clock, seen, stop)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        listener.close()
        redis.close()


def _look(redis: Redis, partitions: int, clock: Clock, seen: Watched, stop: Event) -> None:
    names = [probe(partition) for partition in range(partitions)]
    last: dict[str, int] = {}
    texts: list[bytes | str | None] = [None] * len(names)
    while not stop.wait(_LOOK_S):
        found = redis.hmget(QUOTES, names)
        now_us = epoch_us(clock.now())
        for name, text, known in zip(names, found, texts, strict=True):
            if text is not None and text != known:
                quote = json.loads(text)
                before, number = last.get(name), int(quote["seq"])
                last[name] = number
                if before != number:
                    _note(seen, before, number, int(quote["as_of_us"]), now_us)
        texts = found


def _note(seen: Watched, before: int | None, number: int, due_us: int, now_us: float) -> None:
    seen.newest = max(seen.newest, number)
    seen.quotes.append((due_us, now_us - due_us))
    # Probes of a partition come in pairs, low and high. The low one that was passed over is as late as its successor.
    if before is not None and number % 2 and before != number - 1:
        seen.quotes.append((due_us, now_us - due_us + _APART_US))


def _listen(listener: PubSub, clock: Clock, seen: Watched, stop: Event) -> None:
    while not stop.is_set():
        message = listener.get_message(timeout=0.2)
        if message is None:
            continue
        now_us = epoch_us(clock.now())
        alert = json.loads(message["data"])
        if str(alert["symbol"]).startswith("PROBE"):
            at_us = epoch_us(datetime.fromisoformat(alert["at"]))
            seen.alerts.append((at_us, now_us - at_us))
