"""Health as a room of the API."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from anyio import CapacityLimiter, to_thread

from lakehouse.stores import objects, probes
from serving.health.endpoints import router
from serving.health.repository import BookRepository
from serving.health.sampler import Sampler
from serving.health.service import Draining, HealthService, NotReady, Probe
from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services, service


def make(platform: Platform) -> dict[str, object]:
    """The readiness check of every dependency."""
    limit_s = platform.settings.serving.probe_timeout_s
    checks = _probes(platform)
    health = HealthService(
        checks, clock=platform.clock, metrics=platform.metrics, timeout_s=limit_s, lifecycle=platform.lifecycle
    )
    books = BookRepository(platform.database)
    sampler = Sampler(health, books, metrics=platform.metrics, clock=platform.clock)
    return {"health": health, "sampler": sampler}


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """The metrics of the books and the engines, kept fresh, and old idempotency keys purged: chores of every API."""
    sampler = service(services, "sampler", Sampler)
    purge = partial(platform.idempotency.purge_forever, platform.lifecycle)
    async with background(platform.metrics, sampler=partial(sampler.run, platform.lifecycle), idempotency_purge=purge):
        yield


def _probes(platform: Platform) -> tuple[Probe, ...]:
    """PostgreSQL and ClickHouse are required: every resource reads from one of them. The others are shown."""
    settings = platform.settings
    limit_s = settings.serving.probe_timeout_s
    admin = probes.kafka_admin(settings.kafka)
    lake = objects.connect(settings.s3, timeout_s=limit_s)
    return (
        Probe("postgres", required=True, check=platform.database.ping),
        Probe("clickhouse", required=True, check=platform.marts.ping),
        Probe("redis", required=False, check=partial(probes.redis, platform.redis)),
        Probe("kafka", required=False, check=_in_thread(partial(probes.kafka_broker, admin, limit_s))),
        Probe("s3", required=False, check=_in_thread(partial(probes.s3, lake, settings.s3.lake_bucket))),
    )


def _in_thread(call: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """A blocking probe in a thread, one at a time: a hanging engine holds one thread, not one more a request."""
    limiter = CapacityLimiter(1)

    async def check() -> None:
        await to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)

    return check


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(NotReady, Draining),
    tags=(("health", "For probes, load balancers and Prometheus."),),
    run=run,
)
