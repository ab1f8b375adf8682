"""Redis: the newest quotes, what portfolios are worth, and alerts. It may be gone, and is then rebuilt."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from lakehouse.clock import Clock
from lakehouse.stores.alerting import CHANNEL, Alert, message_on_channel
from streaming.hot.metrics import HotMetrics

QUOTES: Final = "hot:quotes"
PORTFOLIOS: Final = "hot:portfolios"
EPOCH: Final = "hot:epoch"
ALIVE: Final = "hot:alive"
ALIVE_S: Final = 10
"""So long after this process last said that it goes on, what it wrote is not what to go by."""
LOOK_EVERY_S: Final = 1.0
PATIENCE_S: Final = 1.0
"""A Redis that does not answer for so long is taken for gone: ticks do not wait for it."""
REST_S: Final = 1.0
REST_TIMES: Final = 20
"""One that hangs is left alone for so many times what it took: it holds ticks up for a twentieth of the time."""

Word: TypeAlias = bytes | bytearray | memoryview | str | int | float

log = structlog.get_logger(__name__)


class RedisSink:
    """Writes hashes of JSON, unconditionally: one process writes them. What it does not take is told, not raised.

    The client is the blocking one: it packs a thousand fields in C, the other one in Python.
    """

    def __init__(self, redis: "Redis", *, clock: Clock, metrics: HotMetrics) -> None:
        self._redis, self._clock, self._metrics = redis, clock, metrics
        self._run_id: str | None = None
        self._looked_s = self._rests_until_s = float("-inf")

    def write(self, quotes: Mapping[str, bytes], portfolios: Mapping[str, bytes], alerts: Sequence[Alert] = ()) -> bool:
        """Publish alerts, which are committed by now, and put these quotes by symbol and portfolios by id; whether
        Redis took it all."""
        with self._told() as attempt:
            if attempt.is_on and (quotes or portfolios or alerts):
                pipeline = self._redis.pipeline(transaction=False)
                for alert in alerts:
                    pipeline.publish(CHANNEL, message_on_channel(alert))
                _put(pipeline, quotes, portfolios)
                pipeline.execute()
        return attempt.is_on

    def is_lost(self, epoch: int) -> bool:
        """Whether Redis is there and lacks what this process wrote: asked once a second, True until `rebuilt`. Where it
        lacks nothing, this process says that it goes on."""
        now = self._clock.monotonic()
        if now - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = now
        is_lost = False
        with self._told() as attempt:
            if attempt.is_on:
                is_lost = (self._run_of_server(), self._redis.get(EPOCH)) != (self._run_id, str(epoch))
                if not is_lost:
                    self._redis.set(ALIVE, epoch, ex=ALIVE_S)
        return is_lost

    def rebuilt(self, epoch: int, quotes: Mapping[str, bytes], portfolios: Mapping[str, bytes]) -> bool:
        """Write everything anew, in place of what there is; whether Redis took it."""
        with self._told() as attempt:
            if attempt.is_on:
                run_id = self._run_of_server()
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.delete(QUOTES, PORTFOLIOS)
                _put(pipeline, quotes, portfolios)
                pipeline.set(EPOCH, epoch)
                pipeline.set(ALIVE, epoch, ex=ALIVE_S)
                pipeline.execute()
                self._run_id = run_id
                self._metrics.redis_rebuilt.inc()
                log.info("redis_rebuilt", quotes=len(quotes), portfolios=len(portfolios), epoch=epoch)
        return attempt.is_on

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()

    def _run_of_server(self) -> str:
        """What a server that was started again has another one of."""
        return str(self._redis.info("server")["run_id"])

    @contextmanager
    def _told(self) -> Iterator["_Attempt"]:
        """Whether Redis is to be asked, and then did as it was asked; after a failure it is left alone for a while."""
        began_s = self._clock.monotonic()
        attempt = _Attempt(began_s >= self._rests_until_s)
        try:
            yield attempt
        except (RedisError, OSError) as error:
            attempt.is_on = False
            now = self._clock.monotonic()
            self._rests_until_s, self._run_id = now + max(REST_S, REST_TIMES * (now - began_s)), None
            self._metrics.redis_failures.inc()
            log.warning("redis_away", error=type(error).__name__)


@dataclass(slots=True)
class _Attempt:
    is_on: bool


def _put(pipeline: "Pipeline", quotes: Mapping[str, bytes], portfolios: Mapping[str, bytes]) -> None:
    if quotes:
        pipeline.hset(QUOTES, mapping=cast("Mapping[Word, Word]", quotes))
    if portfolios:
        pipeline.hset(PORTFOLIOS, mapping=cast("Mapping[Word, Word]", portfolios))
