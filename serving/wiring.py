"""Everything that lives as long as the API, made from the settings and handed down."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypedDict

from anyio import CapacityLimiter, to_thread
from redis.asyncio import Redis

from lakehouse.clock import Clock
from lakehouse.settings import Settings
from lakehouse.stores import objects, probes, redis
from lakehouse.stores.marts import Marts
from lakehouse.stores.postgres import Pool, read_pool
from serving.health.service import HealthService, Probe
from serving.kit.metrics import Metrics
from serving.portfolios.repository import PortfolioRepository
from serving.portfolios.service import PortfolioService
from serving.risk.repository import RiskRepository
from serving.risk.service import RiskService


class Services(TypedDict):
    """What endpoints find in `request.state`."""

    portfolios: PortfolioService
    risk: RiskService
    health: HealthService


@asynccontextmanager
async def services(settings: Settings, *, clock: Clock, metrics: Metrics) -> AsyncIterator[Services]:
    """Open the connections that outlive a request and close them afterwards. No engine needs to be up."""
    pool = read_pool(settings.postgres, timeout_s=settings.serving.query_timeout_s)
    marts = Marts(settings.clickhouse, timeout_s=settings.serving.query_timeout_s)
    cache = redis.connect_async(settings.redis, retries=0)
    await pool.open(wait=False)
    try:
        checks = _probes(settings, pool, marts, cache)
        portfolios = PortfolioService(PortfolioRepository(pool))
        yield Services(
            portfolios=portfolios,
            risk=RiskService(RiskRepository(marts), portfolios),
            health=HealthService(checks, clock=clock, metrics=metrics, timeout_s=settings.serving.probe_timeout_s),
        )
    finally:
        await pool.close()
        marts.close()
        await cache.aclose()


def _probes(settings: Settings, pool: Pool, marts: Marts, cache: Redis) -> tuple[Probe, ...]:
    """PostgreSQL and ClickHouse are required: every resource reads from one of them. The others are shown."""
    limit_s = settings.serving.probe_timeout_s
    admin = probes.kafka_admin(settings.kafka)
    lake = objects.connect(settings.s3, timeout_s=limit_s)
    return (
        Probe("postgres", required=True, check=partial(probes.postgres, pool)),
        Probe("clickhouse", required=True, check=marts.ping),
        Probe("redis", required=False, check=partial(probes.redis, cache)),
        Probe("kafka", required=False, check=_in_thread(partial(probes.kafka_broker, admin, limit_s))),
        Probe("s3", required=False, check=_in_thread(partial(probes.s3, lake, settings.s3.lake_bucket))),
    )


def _in_thread(call: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """A blocking probe in a thread, one at a time: a hanging engine holds one thread, not one more a request."""
    limiter = CapacityLimiter(1)

    async def check() -> None:
        await to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)

    return check
