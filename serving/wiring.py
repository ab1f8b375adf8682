"""Everything that lives as long as the API, made from the settings and handed down to the rooms."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from lakehouse.clock import Clock
from lakehouse.settings import PostgresSettings, Settings
from lakehouse.stores import redis
from lakehouse.stores.marts import Marts
from lakehouse.stores.postgres import Pool, read_pool, write_pool
from serving.kit.database import Database
from serving.kit.idempotency import Idempotency
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.kit.rooms import Platform, Room


@asynccontextmanager
async def services(
    settings: Settings, *, clock: Clock, metrics: Metrics, rooms: Sequence[Room], lifecycle: Lifecycle | None = None
) -> AsyncIterator[dict[str, object]]:
    """What endpoints find in `request.state`: the services of every room. Connections close when the block ends."""
    async with AsyncExitStack() as stack:
        ending = lifecycle or Lifecycle()
        platform = await _platform(stack, settings, clock=clock, metrics=metrics, lifecycle=ending)
        made: dict[str, object] = {"idempotency": platform.idempotency}
        for room in rooms:
            made.update(room.make(platform))
        for room in rooms:
            if room.run is not None:
                await stack.enter_async_context(room.run(platform, made))
        try:
            yield made
        finally:
            ending.begin()


async def _platform(
    stack: AsyncExitStack, settings: Settings, *, clock: Clock, metrics: Metrics, lifecycle: Lifecycle
) -> Platform:
    timeout_s = settings.serving.query_timeout_s
    read = await _opened(stack, read_pool(_replica(settings), timeout_s=timeout_s))
    write = await _opened(stack, write_pool(settings.postgres, timeout_s=timeout_s))
    marts = Marts(settings.clickhouse, timeout_s=timeout_s)
    stack.callback(marts.close)
    cache = redis.connect_async(settings.redis, retries=0)
    stack.push_async_callback(cache.aclose)
    database = Database(read, write)
    metrics.watch_pools(database.pools)
    return Platform(
        settings=settings,
        clock=clock,
        database=database,
        marts=marts,
        redis=cache,
        idempotency=Idempotency(database, clock),
        metrics=metrics,
        lifecycle=lifecycle,
    )


async def _opened(stack: AsyncExitStack, pool: Pool) -> Pool:
    stack.push_async_callback(pool.close)
    await pool.open(wait=False)
    return pool


def _replica(settings: Settings) -> PostgresSettings:
    """Where reads go: the replica where one is set, the primary otherwise."""
    section = settings.postgres
    if not section.replica_host:
        return section
    return section.model_copy(update={"host": section.replica_host, "port": section.replica_port or section.port})
