"""What people write for the same job, as processes of their own: `python -m bench.hot_peers poll|per_tick TOPIC`.

Both end on SIGTERM. Neither survives a kill: what was read and not written is lost, or written again. They keep the
latest quote of a symbol in the same hash and tell a crossed price on the same channel, so that one watcher sees all.
"""

import json
import signal
import sys
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Final, LiteralString

import msgspec
import numpy as np
from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from bench.hot_book import HELD, PORTFOLIOS
from bench.hot_load import BOUND, SYMBOLS, symbol
from bench.hot_watch import ALERTS, QUOTES
from lakehouse.settings import Settings, load
from lakehouse.stores import kafka, postgres, redis as redis_store

POLL_S: Final = 0.5
_TAKE: Final = 2_000
_WAIT_S: Final = 0.1
TABLE: Final[LiteralString] = """
    CREATE TABLE IF NOT EXISTS public.bench_tick (
        symbol text, at_us bigint, price double precision, size double precision
    )
"""
INSERT: Final[LiteralString] = "INSERT INTO public.bench_tick (symbol, at_us, price, size) VALUES (%s, %s, %s, %s)"


class _Tick(msgspec.Struct):
    symbol: str
    event_time_us: int
    sequence: int
    price: float
    size: float


def consumer(settings: Settings, topic: str) -> Consumer:
    """From the end of every partition on."""
    made = Consumer({**kafka.consumer_config(settings.kafka, "bench-peer", "bench-peer"), "fetch.wait.max.ms": 5})
    found = made.list_topics(topic, timeout=30).topics[topic].partitions
    places = [TopicPartition(topic, number) for number in found]
    ends = [made.get_watermark_offsets(place, timeout=30)[1] for place in places]
    made.assign([TopicPartition(topic, place.partition, end) for place, end in zip(places, ends, strict=True)])
    return made


def _quote(tick: _Tick) -> str:
    return json.dumps({"mark": tick.price, "as_of_us": tick.event_time_us, "seq": tick.sequence})


def _tell(redis: Redis, tick: _Tick) -> None:
    at = datetime.fromtimestamp(tick.event_time_us / 1e6, UTC).isoformat()
    redis.publish(ALERTS, json.dumps({"symbol": tick.symbol, "at": at, "value": tick.price}))


def per_tick(settings: Settings, topic: str, stop: Event) -> None:
    """A consumer that does one tick after the other: HSET, INSERT, and the rule of its symbol."""
    redis, reader = redis_store.connect(settings.redis), consumer(settings, topic)
    above: dict[str, bool] = {}
    with postgres.connect(settings.postgres) as connection:
        connection.execute(TABLE)
        connection.commit()
        while not stop.is_set():
            message = reader.poll(_WAIT_S)
            if message is None or message.error():
                continue
            tick = msgspec.convert(json.loads(message.value() or b""), _Tick)
            redis.hset(QUOTES, tick.symbol, _quote(tick))
            connection.execute(INSERT, (tick.symbol, tick.event_time_us, tick.price, tick.size))
            connection.commit()
            crossed = tick.symbol.startswith("PROBE") and tick.price >= BOUND
            if crossed and not above.get(tick.symbol):
                _tell(redis, tick)
            above[tick.symbol] = crossed
    reader.close()


def poll(settings: Settings, topic: str, stop: Event) -> None:
    """A monitor that looks every half second: one thread keeps the latest prices in Redis, another reads them all,
    values the whole book and tells what is beyond its limit."""
    redis = redis_store.connect(settings.redis)
    watcher = Thread(target=_look, args=(redis, stop))
    watcher.start()
    reader, decoder = consumer(settings, topic), msgspec.json.Decoder(_Tick)
    while not stop.is_set():
        messages = [message for message in reader.consume(_TAKE, 0.005) if message.error() is None]
        if messages:
            newest = {tick.symbol: tick for tick in (decoder.decode(message.value() or b"") for message in messages)}
            redis.hset(QUOTES, mapping={name: _quote(tick) for name, tick in newest.items()})
    watcher.join()
    reader.close()


def _look(redis: Redis, stop: Event) -> None:
    names = {symbol(number): number for number in range(SYMBOLS)}
    held = np.add.outer(np.arange(PORTFOLIOS) * HELD, np.arange(HELD) * 37) % SYMBOLS
    marks = np.zeros(SYMBOLS)
    above: dict[str, bool] = {}
    while not stop.wait(POLL_S):
        quotes = {str(name): json.loads(text) for name, text in redis.hgetall(QUOTES).items()}
        for name, quote in quotes.items():
            if name in names:
                marks[names[name]] = quote["mark"]
            else:
                crossed = quote["mark"] >= BOUND
                if crossed and not above.get(name):
                    tick = _Tick(name, quote["as_of_us"], quote["seq"], quote["mark"], 1.0)
                    _tell(redis, tick)
                above[name] = crossed
        redis.set("bench:worth", float(marks[held].sum()))


def main(arguments: list[str]) -> None:
    """Run one of them until SIGTERM."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    {"poll": poll, "per_tick": per_tick}[arguments[0]](load(), arguments[1], stop)


if __name__ == "__main__":
    main(sys.argv[1:])
