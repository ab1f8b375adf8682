"""The platform in numbers: PostgreSQL's, this process's own, and Redis's."""

import asyncio
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.clock import Clock
from serving.admin.repository import AdminRepository
from serving.admin.schemas import BookCounts, CacheState, Dashboard, OutboxState, RequestCounts, UserCounts
from serving.kit.metrics import Metrics

REDIS_PATIENCE_S = 0.5
REQUESTS = "http_requests_total"
SECONDS = "http_request_duration_seconds"
DAY = timedelta(days=1)
_DOWN = CacheState(is_up=False, used_memory_bytes=None, keys=None, hits=None, misses=None)


class DashboardService:
    """Reads what an administrator looks at first."""

    def __init__(self, repository: AdminRepository, metrics: Metrics, redis: Redis, clock: Clock) -> None:
        self._repository = repository
        self._metrics = metrics
        self._redis = redis
        self._clock = clock

    async def read(self) -> Dashboard:
        """Numbers of this moment. Raises PostgresUnavailable; a Redis that is gone is a number too."""
        now = self._clock.now()
        found = await self._repository.numbers(now, now - DAY)
        oldest = found.outbox_oldest_at
        return Dashboard(
            as_of=now,
            users=UserCounts(
                total=found.users,
                active=found.active_users,
                admins=found.admins,
                registered_last_day=found.new_users,
                live_sessions=found.live_sessions,
                live_api_keys=found.live_api_keys,
            ),
            books=BookCounts(
                portfolios=found.portfolios,
                accounts=found.accounts,
                positions=found.positions,
                transactions=found.transactions,
                orders=await self._repository.orders(),
            ),
            outbox=OutboxState(
                waiting=found.outbox_waiting,
                oldest_age_s=None if oldest is None else max(0.0, (now - oldest).total_seconds()),
            ),
            requests=self._requests(),
            cache=await self._cache(),
        )

    def _requests(self) -> RequestCounts:
        by_class = {"4": 0, "5": 0}
        total, seconds, answered, in_flight = 0, 0.0, 0.0, 0
        for family in self._metrics.registry.collect():
            for sample in family.samples:
                if sample.name == REQUESTS:
                    total += int(sample.value)
                    kind = sample.labels["status"][:1]
                    by_class[kind] = by_class.get(kind, 0) + int(sample.value)
                seconds += sample.value if sample.name == f"{SECONDS}_sum" else 0.0
                answered += sample.value if sample.name == f"{SECONDS}_count" else 0.0
                in_flight += int(sample.value) if sample.name == "http_requests_in_flight" else 0
        return RequestCounts(
            total=total,
            client_errors=by_class["4"],
            server_errors=by_class["5"],
            in_flight=in_flight,
            mean_ms=round(1000 * seconds / answered, 3) if answered else None,
        )

    async def _cache(self) -> CacheState:
        try:
            async with asyncio.timeout(REDIS_PATIENCE_S):
                info: dict[str, Any] = await self._redis.info()
                keys = await self._redis.dbsize()
        except (RedisError, TimeoutError, OSError):
            return _DOWN
        return CacheState(
            is_up=True,
            used_memory_bytes=int(info["used_memory"]),
            keys=int(keys),
            hits=int(info["keyspace_hits"]),
            misses=int(info["keyspace_misses"]),
        )
