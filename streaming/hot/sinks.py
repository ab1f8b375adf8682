"""Redis: the newest quotes, what portfolios are worth, and alerts. It may be gone, and is then rebuilt."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Final, TypeAlias

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.clock import Clock
from lakehouse.stores.alerting import Alert, publish
from streaming.hot.metrics import HotMetrics

QUOTES: Final = "hot:quotes"
PORTFOLIOS: Final = "hot:portfolios"
EPOCH: Final = "hot:epoch"
LOOK_EVERY_S: Final = 1.0
PATIENCE_S: Final = 1.0
"""A Redis that does not answer for so long is taken for gone: ticks do not wait for it."""
REST_S: Final = 1.0

Word: TypeAlias = bytes | bytearray | memoryview | str | int | float

log = structlog.get_logger(__name__)


class RedisSink:
    """Writes hashes of JSON, unconditionally: one process writes them. What it does not take is told, not raised."""

    def __init__(self, redis: "Redis", runner: asyncio.Runner, *, clock: Clock, metrics: HotMetrics) -> None:
        self._redis, self._runner, self._clock, self._metrics = redis, runner, clock, metrics
        self._known: str | None = None
        self._looked_s = self._rests_until_s = float("-inf")

    def write(self, quotes: Mapping[str, object], portfolios: Mapping[str, object]) -> bool:
        """Put these quotes by symbol and portfolios by id; whether Redis took them."""
        if self._rests or not (quotes or portfolios):
            return not self._rests

        async def put() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                if quotes:
                    pipeline.hset(QUOTES, mapping=_encoded(quotes))
                if portfolios:
                    pipeline.hset(PORTFOLIOS, mapping=_encoded(portfolios))
                await pipeline.execute()

        return self._done(put())

    def is_lost(self, epoch: int) -> bool:
        """Whether Redis is there and lacks what this process wrote: asked once a second, True until `rebuilt`."""
        now = self._clock.monotonic()
        if self._rests or now - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = now
        found: list[str] = []

        async def look() -> None:
            server = await self._redis.info("server")
            held = str(await self._redis.get(EPOCH))
            found.append(f"{server['run_id']} {held}")

        return self._done(look()) and found[0] != f"{self._known} {epoch}"

    def rebuilt(self, epoch: int, quotes: Mapping[str, object], portfolios: Mapping[str, object]) -> bool:
        """Write everything anew, in place of what there is; whether Redis took it."""

        async def put() -> None:
            server = await self._redis.info("server")
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.delete(QUOTES, PORTFOLIOS)
                if quotes:
                    pipeline.hset(QUOTES, mapping=_encoded(quotes))
                if portfolios:
                    pipeline.hset(PORTFOLIOS, mapping=_encoded(portfolios))
                pipeline.set(EPOCH, epoch)
                await pipeline.execute()
            self._known = str(server["run_id"])

        done = self._done(put())
        if done:
            self._metrics.redis_rebuilt.inc()
            log.info("redis_rebuilt", quotes=len(quotes), portfolios=len(portfolios), epoch=epoch)
        return done

    def told(self, alerts: Sequence[Alert]) -> None:
        """Publish alerts, after their commit."""
        if alerts and not self._rests:
            self._done(self._publish(alerts))

    def close(self) -> None:
        """Let go of the connection."""
        self._runner.run(self._redis.aclose())

    async def _publish(self, alerts: Sequence[Alert]) -> None:
        await publish(self._redis, alerts)

    @property
    def _rests(self) -> bool:
        return self._clock.monotonic() < self._rests_until_s

    def _done(self, work: Coroutine[None, None, None]) -> bool:
        """Whether the work was done; after a failure Redis is left alone for a while."""

        async def timed() -> None:
            await asyncio.wait_for(work, PATIENCE_S)

        try:
            self._runner.run(timed())
        except (RedisError, TimeoutError, OSError) as error:
            self._rests_until_s, self._known = self._clock.monotonic() + REST_S, None
            self._metrics.redis_failures.inc()
            log.warning("redis_away", error=type(error).__name__)
            return False
        return True


def _encoded(values: Mapping[str, object]) -> Mapping[Word, Word]:
    """JSON of each; a number that is not known is null."""
    return {key: orjson.dumps(value) for key, value in values.items()}
